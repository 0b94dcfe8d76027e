// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/ip/options.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace millrace::ip {

/// What this host writes into the options that record a datagram's way (RFC 791 section 3.1).
struct OptionRecord {
  IpAddress own;
  std::uint32_t time_of_day = 0;  ///< milliseconds since midnight UT
};

/// ip_options_compile() of what has come, its options judged before: the next entry of a recorded route and of a timestamp
/// becomes this host's, and one that finds no room is counted. Returns where among `options` the route's entry stands, which
/// forwarding writes again; 0: nowhere.
std::uint8_t record_arrival(std::span<std::uint8_t> options, const OptionRecord& record, const Output& ip);

/// IPv4 options of a datagram to be sent, with the places that are this host's to fill in: offsets in `bytes`, 0 for none.
struct SentOptions {
  std::array<std::uint8_t, 40> bytes{};
  std::uint8_t size = 0;  ///< a multiple of 4
  std::uint8_t route_at = 0, address_at = 0, time_at = 0;

  [[nodiscard]] std::span<const std::uint8_t> span() const { return {bytes.data(), size}; }
  /// ip_options_build()
  void fill(const OptionRecord& record);
};

/// ip_options_echo(): what the answer to a datagram with these options carries back (RFC 1122 section 3.2.2.6): recorded route,
/// timestamp and security label, with an entry of this host's for the way back. `received`: as record_arrival() left them, as
/// far as they are well-formed. Null: an entry does not fit, and Linux has no answer then.
[[nodiscard]] std::optional<SentOptions> echo_options(std::span<const std::uint8_t> received, const Output& ip);

}  // namespace millrace::ip
