// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/ip/hooks.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::ip {

/// What a packet has to be for a verdict, as a line of iptables; what is not said matches all.
struct Rule {
  struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
    bool operator==(const Ports&) const = default;
  };
  std::optional<IpPrefix> source{};
  std::optional<IpPrefix> destination{};
  std::uint8_t proto = 0;             ///< 0: any
  std::optional<Ports> source_ports{};       ///< of TCP and UDP; a later fragment has none
  std::optional<Ports> destination_ports{};
  std::uint16_t in = 0;               ///< ifindex; 0: any
  std::uint16_t out = 0;
  HookVerdict verdict = HookVerdict::accept;  ///< not stolen
};

/// An ordered list of rules: the first that fits decides, and what none fits is accepted. One thread.
class RuleTable {
 public:
  struct Count {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  explicit RuleTable(std::span<const Rule> rules);

  [[nodiscard]] HookVerdict judge(const HookState& state, const pkt::Packet& packet);
  /// What each rule has fitted.
  [[nodiscard]] std::span<const Count> counts() const { return counts_; }

 private:
  /// An address as two words, whatever the machine's order: only equality is asked.
  struct Words {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  struct Seen {
    Words source, destination;
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint16_t in = 0, out = 0;
    std::uint8_t proto = 0;
    std::uint8_t version = 0;
    bool has_ports = false;
  };
  /// A Rule, made to be compared without a branch for each part.
  struct Compiled {
    Words source, source_mask, destination, destination_mask;
    Rule::Ports source_ports, destination_ports;
    std::uint16_t in, out;
    std::uint8_t proto;
    std::uint8_t version;  // 0: both
    bool wants_ports;
    HookVerdict verdict;
    [[nodiscard]] bool fits(const Seen& seen) const;
  };
  [[nodiscard]] static Words words_of(const IpAddress& address);
  static void set_prefix(const IpPrefix& prefix, Words& value, Words& mask);
  [[nodiscard]] static Seen see(const HookState& state, const pkt::Packet& packet);

  std::vector<Compiled> rules_;
  std::vector<Count> counts_;
};

}  // namespace millrace::ip
