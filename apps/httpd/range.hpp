// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::httpd {

/// A part of a resource: [first, first + length).
struct Range {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

enum class RangeVerdict { none, satisfiable, unsatisfiable };

/// Reads a Range header (RFC 9110 section 14.2) for a resource of `size` bytes. `none`: there is no header, or one that a
/// server may ignore (another unit, several ranges, malformed): the whole resource is the answer.
RangeVerdict parse_range(std::string_view header, std::uint64_t size, Range& range);

/// A decimal number and nothing else; null when it is not one or does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace millrace::httpd
