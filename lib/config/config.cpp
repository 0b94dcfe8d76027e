// SPDX-License-Identifier: BSD-3-Clause
// Text forms of what a Config holds. Called by the loader, validate() and messages.
#include <millrace/config/config.hpp>

#include <algorithm>
#include <charconv>

namespace millrace::config {

// Linux's bitmap_parse(): groups of up to eight hex digits, the most significant first, separated by commas.
std::optional<LcoreMask> parse_lcore_mask(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  LcoreMask mask;
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::uint32_t group = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + end, group, 16);
    if (error != std::errc() || stop != text.data() + end || end > 8) return std::nullopt;
    if ((mask >> (mask.size() - 32)).any()) return std::nullopt;
    mask = (mask << 32) | LcoreMask(group);
    if (end == text.size()) return mask;
    text.remove_prefix(end + 1);
  }
}

std::string to_string(const LcoreMask& mask) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t nibble = mask.size() / 4; nibble-- > 0;) {
    const auto value = ((mask >> (nibble * 4)) & LcoreMask(0xf)).to_ulong();
    if (value == 0 && text.empty() && nibble != 0) continue;
    text += digits[value];
    if (nibble % 8 == 0 && nibble != 0) text += ',';
  }
  return text;
}

std::optional<Rule::Ports> Rule::Ports::parse(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::uint16_t> {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || stop != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const std::size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Ports{*first, *last};
}

std::string Rule::Ports::to_string() const {
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

std::string Problem::to_string() const {
  std::string text = file;
  if (line > 0) text += (text.empty() ? "line " : ":") + std::to_string(line);
  for (const std::string* part : {&key, &value, &message})
    if (!part->empty()) text += (text.empty() ? "" : ": ") + *part;
  return text;
}

}  // namespace millrace::config
