// SPDX-License-Identifier: BSD-3-Clause
// Tunables by dotted name, from sysctl.def. Called by the loader, validate() and the control tools.
#include <millrace/config/sysctl.hpp>

#include <millrace/config/nearest.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <vector>

namespace millrace::config {
namespace {

constexpr std::string_view blanks = " \t\r\n";

constexpr std::int64_t word_count(std::string_view words) { return 1 + std::count(words.begin(), words.end(), ' '); }

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find_first_not_of(blanks); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(blanks, end);
  }
  return parts;
}

std::span<std::int64_t> as_span(std::int64_t& value) { return {&value, 1}; }
template <std::size_t N>
std::span<std::int64_t> as_span(std::array<std::int64_t, N>& values) {
  return values;
}
template <auto Field>
std::span<std::int64_t> values_of(Sysctl& sysctl) {
  return as_span(sysctl.*Field);
}
std::span<std::int64_t> no_values(Sysctl&) { return {}; }
template <auto Field>
LcoreMask* mask_of(Sysctl& sysctl) {
  return &(sysctl.*Field);
}

using Kind = SysctlKind;

constexpr SysctlKey keys[] = {
#define MR_NUMBER(kind, field, name, min, max, help) {kind, name, help, "", min, max, 1, values_of<&Sysctl::field>, nullptr},
#define MR_SYSCTL(field, name, value, min, max, help) MR_NUMBER(Kind::number, field, name, min, max, help)
#define MR_SYSCTL_LIST(field, name, values, min, max, help) \
  {Kind::list, name, help, "", min, max, decltype(Sysctl::field)().size(), values_of<&Sysctl::field>, nullptr},
#define MR_SYSCTL_WORD(field, name, value, words, help) \
  {Kind::word, name, help, words, 0, word_count(words) - 1, 1, values_of<&Sysctl::field>, nullptr},
#define MR_SYSCTL_POWER(field, name, value, min, max, help) MR_NUMBER(Kind::power_of_two, field, name, min, max, help)
#define MR_SYSCTL_ROUNDED(field, name, value, min, max, help) MR_NUMBER(Kind::rounded_up, field, name, min, max, help)
#define MR_SYSCTL_MASK(field, name, help) {Kind::mask, name, help, "", 0, 0, 0, no_values, mask_of<&Sysctl::field>},
#include <millrace/config/sysctl.def>
#undef MR_NUMBER
#undef MR_SYSCTL
#undef MR_SYSCTL_LIST
#undef MR_SYSCTL_WORD
#undef MR_SYSCTL_POWER
#undef MR_SYSCTL_ROUNDED
#undef MR_SYSCTL_MASK
};

bool parse_one(const SysctlKey& key, std::string_view text, std::int64_t& value) {
  if (key.kind == Kind::word) {
    const auto words = split(key.words);
    const auto it = std::find(words.begin(), words.end(), text);
    value = it - words.begin();
    return it != words.end();
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string shown(const SysctlKey& key, std::int64_t value) {
  if (key.kind == Kind::word && value >= 0 && value <= key.max)
    return std::string(split(key.words)[static_cast<std::size_t>(value)]);
  if (key.kind == Kind::rounded_up && value > 0 && value <= key.max)
    value = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(value)));
  return std::to_string(value);
}

tl::unexpected<Error> unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const SysctlKey& key : keys) names.push_back(key.name);
  return failure(ENOENT, "no such tunable: " + std::string(name) + did_you_mean(name, names));
}

}  // namespace

bool SysctlKey::allows(std::span<const std::int64_t> numbers) const {
  const auto fits = [&](std::int64_t v) {
    const bool is_power = kind != Kind::power_of_two || std::has_single_bit(static_cast<std::uint64_t>(v));
    return min <= v && v <= max && is_power;
  };
  return numbers.size() == count && std::all_of(numbers.begin(), numbers.end(), fits) && std::is_sorted(numbers.begin(), numbers.end());
}

std::string SysctlKey::valid() const {
  if (kind == Kind::mask) return "a mask of lcores in hex, such as 3 or 0,000000ff";
  if (kind == Kind::word) {
    std::string text;
    for (std::string_view word : split(words)) text += (text.empty() ? "" : " or ") + std::string(word);
    return text;
  }
  const std::string range = std::to_string(min) + ".." + std::to_string(max);
  if (kind == Kind::power_of_two) return "a power of two in " + range;
  return count == 1 ? range : std::to_string(count) + " numbers " + range + ", none below the one before it";
}

std::span<const SysctlKey> sysctl_keys() { return keys; }

const SysctlKey* find_sysctl(std::string_view name) {
  const auto it =
      std::find_if(std::begin(keys), std::end(keys), [&](const SysctlKey& key) { return key.name == name; });
  return it != std::end(keys) ? &*it : nullptr;
}

Result<std::string> get_sysctl(const Sysctl& sysctl, std::string_view name) {
  const SysctlKey* key = find_sysctl(name);
  if (key == nullptr) return unknown(name);
  Sysctl copy = sysctl;
  if (key->kind == Kind::mask) return to_string(*key->mask(copy));
  std::string text;
  for (const std::int64_t value : key->values(copy)) {
    if (!text.empty()) text += '\t';
    text += shown(*key, value);
  }
  return text;
}

Result<void> set_sysctl(Sysctl& sysctl, std::string_view name, std::string_view text) {
  const SysctlKey* key = find_sysctl(name);
  if (key == nullptr) return unknown(name);
  const auto parts = split(text);
  if (key->kind == Kind::mask) {
    const auto mask = parts.size() == 1 ? parse_lcore_mask(parts[0]) : std::nullopt;
    if (!mask) return failure(EINVAL, "must be " + key->valid());
    *key->mask(sysctl) = *mask;
    return {};
  }
  std::vector<std::int64_t> values(parts.size());
  bool valid = true;
  for (std::size_t i = 0; valid && i < parts.size(); ++i) valid = parse_one(*key, parts[i], values[i]);
  if (!valid || !key->allows(values)) return failure(EINVAL, "must be " + key->valid());
  std::copy(values.begin(), values.end(), key->values(sysctl).begin());
  return {};
}

}  // namespace millrace::config
