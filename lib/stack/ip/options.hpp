// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>

namespace millrace::ip {

/// What an IPv4 header's options ask for.
struct OptionsVerdict {
  enum Kind : std::uint8_t {
    fine,          ///< nothing that a host has to do
    source_route,  ///< a sender who may not choose (accept_source_route 0)
    malformed,     ///< told by a parameter problem
  };
  Kind kind = fine;
  std::uint8_t pointer = 0;  ///< malformed: the octet that is wrong, from the header's first on
};

/// Judges the options of an IPv4 header as a host does that follows none of them (RFC 791 section 3.1, RFC 1122 section 3.2.1.8;
/// ip_options_compile()). `options`: all behind the fixed header.
[[nodiscard]] OptionsVerdict judge_options(std::span<const std::uint8_t> options);

}  // namespace millrace::ip
