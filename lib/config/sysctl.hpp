// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/config/lcore_mask.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

namespace detail {
template <class... T>
constexpr std::array<std::int64_t, sizeof...(T)> numbers(T... values) {
  return {values...};
}
}  // namespace detail

/// Every tunable of sysctl.def as a field of its own, with its default: one int64, an array of two or three, or a set
/// of lcores.
struct Sysctl {
#define MR_SYSCTL(field, name, value, min, max, help) std::int64_t field = value;
#define MR_SYSCTL_LIST(field, name, values, min, max, help) \
  decltype(detail::numbers values) field = detail::numbers values;
#define MR_SYSCTL_WORD(field, name, value, words, help) std::int64_t field = value;
#define MR_SYSCTL_POWER(field, name, value, min, max, help) std::int64_t field = value;
#define MR_SYSCTL_ROUNDED(field, name, value, min, max, help) std::int64_t field = value;
#define MR_SYSCTL_MASK(field, name, help) LcoreMask field{};
#include <millrace/config/sysctl.def>
#undef MR_SYSCTL_POWER
#undef MR_SYSCTL_ROUNDED
#undef MR_SYSCTL_MASK
#undef MR_SYSCTL
#undef MR_SYSCTL_LIST
#undef MR_SYSCTL_WORD
  bool operator==(const Sysctl&) const = default;
};

/// Values of Sysctl::gro_compat.
inline constexpr std::int64_t gro_compat_none = 0;
inline constexpr std::int64_t gro_compat_linux = 1;

enum class SysctlKind : std::uint8_t { number, list, word, power_of_two, rounded_up, mask };

/// One line of sysctl.def.
struct SysctlKey {
  SysctlKind kind;
  std::string_view name;  ///< dotted, as Linux spells it
  std::string_view help;
  std::string_view words;  ///< the words allowed, separated by spaces; empty for numbers
  std::int64_t min;
  std::int64_t max;
  std::size_t count;  ///< numbers in the value: 1, 2 or 3; none in a mask
  std::span<std::int64_t> (*values)(Sysctl&);  ///< empty for a mask
  LcoreMask* (*mask)(Sysctl&);                 ///< null for numbers

  /// Whether these numbers may be its value.
  [[nodiscard]] bool allows(std::span<const std::int64_t> numbers) const;
  /// What a value must be, for messages and the manual: "1..64", "none or linux", "3 numbers 1..9, none below the one
  /// before".
  [[nodiscard]] std::string valid() const;
};

/// All keys, in the order of sysctl.def.
[[nodiscard]] std::span<const SysctlKey> sysctl_keys();

/// The key of that dotted name, or null.
[[nodiscard]] const SysctlKey* find_sysctl(std::string_view name);

/// A value as `sysctl -n` prints it: numbers separated by tabs, what is rounded up as the power of two that it stands for,
/// a mask in hex. ENOENT for an unknown name, with the nearest one.
[[nodiscard]] Result<std::string> get_sysctl(const Sysctl& sysctl, std::string_view name);

/// Sets a value from text, numbers separated by blanks. ENOENT for an unknown name, EINVAL for a value that is not
/// allowed; the message says what is. The struct is untouched on failure.
[[nodiscard]] Result<void> set_sysctl(Sysctl& sysctl, std::string_view name, std::string_view text);

}  // namespace millrace::config
