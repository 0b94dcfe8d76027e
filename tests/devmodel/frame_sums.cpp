// SPDX-License-Identifier: BSD-3-Clause
// Checksums as a device forms them, as plainly as can be: the library under test has its own. Called by the models.
#include "tests/devmodel/frame_sums.hpp"

#include "tests/devmodel/sums.hpp"

#include <optional>

namespace millrace::devmodel {
namespace {

constexpr std::size_t ethernet = 14;

/// Where the transport's message lies, and what its pseudo header adds up to.
struct Message {
  std::size_t at;
  std::size_t bytes;
  std::size_t field;  ///< of its checksum, in the frame
  std::uint32_t pseudo;
  bool is_v4;
};

std::optional<Message> message_of(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet + 20) return std::nullopt;
  const bool v4 = be16(frame, 12) == 0x0800 && frame[14] == 0x45, v6 = be16(frame, 12) == 0x86dd && frame.size() >= ethernet + 40;
  if (!v4 && !v6) return std::nullopt;
  const std::size_t header = v4 ? 20 : 40, at = ethernet + header;
  const std::uint8_t proto = frame[v4 ? 23 : 20];
  const std::size_t bytes = v4 ? be16(frame, 16) - header : be16(frame, 18);
  const bool is_fragment = v4 && (be16(frame, 20) & 0x3fff) != 0;
  if ((proto != 6 && proto != 17) || is_fragment || at + bytes > frame.size() || bytes < (proto == 6 ? 20u : 8u)) return std::nullopt;
  const auto addresses = v4 ? frame.subspan(26, 8) : frame.subspan(22, 32);
  return Message{at, bytes, at + (proto == 6 ? 16u : 6u), ones_sum(addresses, static_cast<std::uint32_t>(proto + bytes)), v4};
}

}  // namespace

bool has_right_sum(std::span<const std::uint8_t> frame) {
  const auto message = message_of(frame);
  return message && be16(frame, message->field) != 0 && ones_sum(frame.subspan(message->at, message->bytes), message->pseudo) == 0xffff;
}

void finish_sums(std::span<std::uint8_t> frame) {
  const auto message = message_of(frame);
  if (!message) return;
  const auto put = [&](std::size_t at, std::uint16_t sum) {
    frame[at] = static_cast<std::uint8_t>(sum >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(sum);
  };
  put(message->field, 0);
  put(message->field, static_cast<std::uint16_t>(~ones_sum(frame.subspan(message->at, message->bytes), message->pseudo)));
  if (!message->is_v4) return;
  put(24, 0);
  put(24, static_cast<std::uint16_t>(~ones_sum(frame.subspan(ethernet, 20))));
}

}  // namespace millrace::devmodel
