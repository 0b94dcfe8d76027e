// SPDX-License-Identifier: BSD-3-Clause
// Byte ranges of GET requests, RFC 9110 section 14. Called by Exchange.
#include "apps/httpd/range.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::httpd {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

RangeVerdict parse_range(std::string_view header, std::uint64_t size, Range& range) {
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return RangeVerdict::none;
  header.remove_prefix(unit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return RangeVerdict::none;
  const auto first = parse_number(header.substr(0, dash));
  const auto last = parse_number(header.substr(dash + 1));
  if (!first && dash != 0) return RangeVerdict::none;
  if (!last && dash + 1 != header.size()) return RangeVerdict::none;
  if (!first && !last) return RangeVerdict::none;
  if (!first) {  // "-n": the last n bytes
    if (*last == 0 || size == 0) return RangeVerdict::unsatisfiable;
    range.length = std::min(*last, size);
    range.first = size - range.length;
    return RangeVerdict::satisfiable;
  }
  if (last && *last < *first) return RangeVerdict::none;
  if (*first >= size) return RangeVerdict::unsatisfiable;
  range.first = *first;
  range.length = std::min(last.value_or(size - 1), size - 1) - *first + 1;
  return RangeVerdict::satisfiable;
}

}  // namespace millrace::httpd
