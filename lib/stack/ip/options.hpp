// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>
#include <span>

namespace millrace::ip {

/// IPv4 options by type (RFC 791 section 3.1, RFC 1108, RFC 2113).
namespace option {
inline constexpr std::uint8_t end_of_list = 0, no_operation = 1, record_route = 7, timestamp = 68, loose_source_route = 131, commercial_security = 134,
                              strict_source_route = 137, router_alert = 148;
/// The low four bits of a timestamp option's last header octet.
namespace timestamp_flag {
inline constexpr std::uint8_t time_only = 0, with_address = 1, prespecified = 3;
}
}  // namespace option

/// What an IPv4 header's options ask for.
struct OptionsVerdict {
  enum Kind : std::uint8_t {
    fine,          ///< nothing that a host has to do
    source_route,  ///< a sender who may not choose (accept_source_route 0)
    malformed,     ///< told by a parameter problem
  };
  Kind kind = fine;
  std::uint8_t pointer = 0;  ///< malformed: the octet that is wrong, from the header's first on
  bool is_recorded = false;  ///< there are options that this host writes into
};

/// Judges the options of an IPv4 header as a host does that follows none of them (RFC 791 section 3.1, RFC 1122 section 3.2.1.8;
/// ip_options_compile()). `options`: all behind the fixed header.
[[nodiscard]] OptionsVerdict judge_options(std::span<const std::uint8_t> options);

/// Calls each(option, where it begins) for every option but no-operations, as far as they are whole.
template <class Byte, class Each>
void for_each_option(std::span<Byte> options, Each&& each) {
  for (std::size_t at = 0; at < options.size() && options[at] != option::end_of_list;) {
    if (options[at] == option::no_operation) {
      ++at;
      continue;
    }
    if (at + 2 > options.size() || options[at + 1] < 2 || at + options[at + 1] > options.size()) return;
    each(options.subspan(at, options[at + 1]), at);
    at += options[at + 1];
  }
}

}  // namespace millrace::ip
