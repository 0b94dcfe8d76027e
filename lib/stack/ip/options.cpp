// SPDX-License-Identifier: BSD-3-Clause
// IPv4 options at their destination. Called by input_v4.cpp for headers that have any; pure.
// RFC 791 section 3.1; the order of net/ipv4/ip_options.c, which the pointer tells.
#include <millrace/stack/ip/options.hpp>

#include <millrace/wire/ipv4.hpp>

#include <bitset>
#include <cstddef>
#include <optional>

namespace millrace::ip {
namespace {

enum Option : std::uint8_t {
  end_of_list = 0,
  no_operation = 1,
  record_route = 7,
  timestamp = 68,
  loose_source_route = 131,
  commercial_security = 134,
  router_alert = 148,
  strict_source_route = 137,
};

// Where in the option something is wrong.
using Fault = std::optional<std::uint8_t>;

// The octets that a pointer of at least `first` leaves for one entry of that size; behind the option it says that all are taken.
Fault fault_of_pointer(std::span<const std::uint8_t> option, std::uint8_t first, std::size_t entry) {
  const std::uint8_t next = option[2];
  if (next < first) return 2;
  return next <= option.size() && next - 1u + entry > option.size() ? Fault(2) : std::nullopt;
}

Fault fault_of_timestamp(std::span<const std::uint8_t> option) {
  constexpr std::uint8_t with_address = 1, prespecified = 3, most_overflows = 15;
  if (option.size() < 4) return 1;
  const std::uint8_t flag = option[3] & 15;
  if (const Fault fault = fault_of_pointer(option, 5, flag == with_address || flag == prespecified ? 8 : 4)) return fault;
  const bool is_full = option[2] > option.size();
  return is_full && flag != prespecified && option[3] >> 4 == most_overflows ? Fault(3) : std::nullopt;
}

Fault fault_of(std::span<const std::uint8_t> option) {
  switch (option[0]) {
    case loose_source_route:
    case strict_source_route: return option.size() < 3 ? Fault(1) : option[2] < 4 ? Fault(2) : std::nullopt;
    case record_route: return option.size() < 3 ? Fault(1) : fault_of_pointer(option, 4, 4);
    case timestamp: return fault_of_timestamp(option);
    case router_alert: return option.size() < 4 ? Fault(1) : std::nullopt;
    default: return std::nullopt;
  }
}

// Of these there may be one; the two source routes are one kind.
Option kind_of(std::uint8_t type) { return type == strict_source_route ? loose_source_route : static_cast<Option>(type); }
bool may_repeat(Option kind) { return kind != loose_source_route && kind != record_route && kind != timestamp && kind != commercial_security; }

}  // namespace

OptionsVerdict judge_options(std::span<const std::uint8_t> options) {
  std::bitset<256> seen;
  const auto wrong = [](std::size_t at) {
    return OptionsVerdict{OptionsVerdict::malformed, static_cast<std::uint8_t>(wire::ipv4_header_bytes + at)};
  };
  for (std::size_t at = 0; at < options.size() && options[at] != end_of_list;) {
    if (options[at] == no_operation) {
      ++at;
      continue;
    }
    if (at + 2 > options.size() || options[at + 1] < 2 || at + options[at + 1] > options.size()) return wrong(at);
    const auto option = options.subspan(at, options[at + 1]);
    const Option kind = kind_of(option[0]);
    const bool is_one_too_many = seen[kind] && !may_repeat(kind);
    if (is_one_too_many && kind != loose_source_route) return wrong(at);
    if (const Fault fault = fault_of(option)) return wrong(at + *fault);
    if (is_one_too_many) return wrong(at);  // of source routes this is asked last
    seen[kind] = true;
    at += option.size();
  }
  return {seen[loose_source_route] ? OptionsVerdict::source_route : OptionsVerdict::fine};
}

}  // namespace millrace::ip
