// SPDX-License-Identifier: BSD-3-Clause
// The text of rps_cpus. Called by whoever configures a queue; calls nothing. bitmap_parse() of Linux's lib/bitmap.c.
#include <millrace/steer/rps_map.hpp>

#include <cerrno>
#include <cstdio>

namespace millrace::steer {
namespace {

constexpr std::size_t group_bits = 32;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

tl::unexpected<Error> refused(int code, std::string_view mask, const char* why) {
  return failure(code, "rps_cpus \"" + std::string(mask) + "\": " + why +
                           "; write hex digits with a comma between groups of 32 bits, such as 3 or f,00000001");
}

}  // namespace

Result<RpsMap> RpsMap::parse(std::string_view mask) {
  std::string_view text = mask;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);

  std::bitset<max_lcores> bits;
  std::uint64_t group = 0;
  bool has_digit = false;
  for (const char c : text) {
    if (c == ',') {
      if (!has_digit) return refused(EINVAL, mask, "a group is empty");
      if ((bits >> (max_lcores - group_bits)).any()) return refused(EOVERFLOW, mask, "more than 128 lcores");
      bits <<= group_bits;
      group = 0;
      has_digit = false;
      continue;
    }
    const int digit = hex_digit(c);
    if (digit < 0) return refused(EINVAL, mask, "not a hex digit");
    group = group << 4 | static_cast<std::uint64_t>(digit);
    if (group >> group_bits != 0) return refused(EOVERFLOW, mask, "a group has more than 32 bits");
    has_digit = true;
    bits = (bits >> group_bits << group_bits) | std::bitset<max_lcores>(group);
  }
  if (!has_digit) return refused(EINVAL, mask, "a group is empty");
  return of(bits);
}

RpsMap RpsMap::of(const std::bitset<max_lcores>& mask) {
  RpsMap map;
  for (LcoreId lcore = 0; lcore < max_lcores; ++lcore)
    if (mask[lcore]) map.lcores_[map.count_++] = lcore;
  return map;
}

std::string RpsMap::to_string() const {
  std::array<std::uint32_t, max_lcores / group_bits> groups{};
  for (const LcoreId lcore : lcores()) groups[lcore / group_bits] |= 1u << lcore % group_bits;
  std::size_t highest = groups.size() - 1;
  while (highest > 0 && groups[highest] == 0) --highest;

  std::string text;
  for (std::size_t g = highest + 1; g-- > 0;) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, g == highest ? "%x" : ",%08x", groups[g]);
    text += buffer;
  }
  return text;
}

}  // namespace millrace::steer
