// SPDX-License-Identifier: BSD-3-Clause
// Source address selection. Called by Stack::source_for; pure. RFC 6724 sections 2.1, 3.1, 5; ipv6_dev_get_saddr,
// inet_select_addr (receive_path H4).
#include <millrace/stack/ip/source_address.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace millrace::ip {

namespace {

// Section 3.1; of unicast addresses by what they are, of groups by the field of RFC 4291 section 2.7.
constexpr int link_scope = 2, site_scope = 5, global_scope = 14;

int scope_of(const IpAddress& address) {
  if (address.is_multicast()) return address.bytes[1] & 15;
  if (address.is_link_local() || address.is_loopback()) return link_scope;
  const bool is_site_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0xc0;
  return is_site_local ? site_scope : global_scope;
}

struct Policy {
  IpPrefix prefix;
  int label;
};

// Section 2.1, the longest prefixes first.
constexpr std::array policies{
    Policy{{IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128}, 0},
    Policy{{IpAddress{{0x20, 0x01, 0, 0}}, 32}, 5},
    Policy{{IpAddress{{0x20, 0x02}}, 16}, 2},
    Policy{{IpAddress{{0x3f, 0xfe}}, 16}, 12},
    Policy{{IpAddress{{0xfe, 0xc0}}, 10}, 11},
    Policy{{IpAddress{{0xfc}}, 7}, 13},
    Policy{{IpAddress{}, 0}, 1},
};

int label_of(const IpAddress& address) {
  return std::find_if(policies.begin(), policies.end() - 1, [&](const Policy& p) { return p.prefix.contains(address); })->label;
}

int equal_bits(const IpAddress& a, const IpAddress& b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i, bits += 8)
    if (const auto differ = static_cast<std::uint8_t>(a.bytes[i] ^ b.bytes[i]); differ != 0) return bits + std::countl_zero(differ);
  return bits;
}

struct Candidate {
  const IpPrefix* own;
  bool is_on_out;
  bool is_deprecated;
};

// Section 5. Rules 1 (an own destination goes by lo), 4 and 7 (home and temporary addresses, which are not here) do not apply.
bool is_better(const Candidate& a, const Candidate& b, const IpAddress& destination) {
  const int scope_a = scope_of(a.own->address), scope_b = scope_of(b.own->address), scope = scope_of(destination);
  if (scope_a != scope_b) return scope_a < scope_b ? scope_a >= scope : scope_b < scope;                     // rule 2
  if (a.is_deprecated != b.is_deprecated) return b.is_deprecated;                                            // rule 3
  if (a.is_on_out != b.is_on_out) return a.is_on_out;                                                        // rule 5
  const int label = label_of(destination);
  const bool fits_a = label_of(a.own->address) == label, fits_b = label_of(b.own->address) == label;
  if (fits_a != fits_b) return fits_a;                                                                       // rule 6
  const auto matched = [&](const IpPrefix& own) { return std::min<int>(equal_bits(own.address, destination), own.length); };
  return matched(*a.own) > matched(*b.own);                                                                    // rule 8
}

std::optional<IpAddress> choose_v6(std::span<neighbor::Interface* const> interfaces, const neighbor::Interface& out, const IpAddress& destination) {
  const bool only_out = destination.is_multicast() || destination.is_link_local();
  std::optional<Candidate> best;
  for (const neighbor::Interface* interface : interfaces) {
    if ((only_out && interface != &out) || interface->is_loopback) continue;
    for (const IpPrefix& own : interface->addresses) {
      if (own.address.is_v4()) continue;
      const auto& old = interface->deprecated;
      const Candidate candidate{&own, interface == &out, std::find(old.begin(), old.end(), own.address) != old.end()};
      // A link-local address means its own link only.
      if (own.address.is_link_local() && !candidate.is_on_out) continue;
      if (!best || is_better(candidate, *best, destination)) best = candidate;
    }
  }
  return best ? std::optional(best->own->address) : std::nullopt;
}

const IpPrefix* first_v4(const neighbor::Interface& interface) {
  const auto own = std::find_if(interface.addresses.begin(), interface.addresses.end(), [](const IpPrefix& p) { return p.address.is_v4(); });
  return own != interface.addresses.end() ? &*own : nullptr;
}

std::optional<IpAddress> choose_v4(std::span<neighbor::Interface* const> interfaces, const neighbor::Interface& out, const IpAddress& next_hop) {
  for (const IpPrefix& own : out.addresses)
    if (own.address.is_v4() && own.contains(next_hop)) return own.address;
  const IpPrefix* any = first_v4(out);
  for (const neighbor::Interface* interface : interfaces)
    if (any == nullptr && !interface->is_loopback) any = first_v4(*interface);
  return any != nullptr ? std::optional(any->address) : std::nullopt;
}

}  // namespace

std::optional<IpAddress> choose_source(std::span<neighbor::Interface* const> interfaces, const neighbor::Interface& out,
                                       const IpAddress& destination, const IpAddress& next_hop) {
  return destination.is_v4() ? choose_v4(interfaces, out, next_hop) : choose_v6(interfaces, out, destination);
}

}  // namespace millrace::ip
