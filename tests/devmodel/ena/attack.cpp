// SPDX-License-Identifier: BSD-3-Clause
// An ENA that attacks its driver: what it writes into completion queues, the AENQ and answers. Called by fuzz_test.cpp, and by
// tests/fuzz/ena_fuzz.cpp.
#include "tests/devmodel/ena/attack.hpp"

#include "tests/devmodel/ena/admin_queue.hpp"

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t length_at = 4, rx_req_id_at = 6;
constexpr std::uint16_t ring = 256;

std::function<void(MutableBytes)> any_completion(const Choices& choices) {
  return [change = any_bytes(choices), length = static_cast<std::uint16_t>(1 + choices.below(1790))](MutableBytes entry) {
    const std::uint16_t id = le16(entry, rx_req_id_at);
    change(entry);
    if (le16(entry, rx_req_id_at) < ring) put_le16(entry, rx_req_id_at, id);
    if (le16(entry, length_at) == 0) put_le16(entry, length_at, length);
  };
}

}  // namespace

std::function<void(MutableBytes)> any_bytes(const Choices& choices, std::size_t from) {
  const auto pattern = choices.any<std::uint64_t>();
  const std::uint32_t where = choices.below(256);
  const bool one_bit = choices.once_in(2);
  return [=](MutableBytes bytes) {
    const std::size_t at = from + where % (bytes.size() - from);
    if (one_bit) bytes[at] ^= static_cast<std::uint8_t>(1U << pattern % 8);
    else
      for (std::size_t i = at; i < bytes.size() && i < at + 8; ++i) bytes[i] = static_cast<std::uint8_t>(pattern >> 8 * (i - at));
  };
}

Fault any_fault(const Choices& choices) {
  Fault fault{.after = choices.below(30), .times = 1 + choices.below(3)};
  switch (choices.below(6)) {
    case 0: fault.step = Step::rx_completion, fault.change = any_completion(choices); break;
    case 1: fault.step = Step::tx_completion, fault.change = any_bytes(choices); break;
    case 2: fault.step = Step::event, fault.after %= 2, fault.change = any_bytes(choices); break;
    case 3: fault.step = Step::admin_answer, fault.after = 0, fault.key = static_cast<std::uint64_t>(Opcode::get_stats), fault.change = any_bytes(choices, 8); break;
    case 4: fault.step = choices.once_in(2) ? Step::rx_completion : Step::tx_completion, fault.fate = choices.once_in(2) ? Fate::late : Fate::lost; break;
    default: fault.step = Step::dma, fault.key = std::uint64_t{8} << choices.below(2); break;
  }
  return fault;
}

}  // namespace millrace::devmodel::ena
