// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::test {

/// A frame for the host 02:00:00:00:00:02, and what kind it is: "v4 udp closed port; ttl 0".
struct HostFrame {
  std::vector<std::uint8_t> bytes{};
  std::string kind{};
};

/// Well-formed and hostile frames of every protocol that a host hears, made byte by byte with nothing of lib/: UDP, TCP,
/// ICMP, ICMPv6, ARP, neighbour discovery, options, extension headers, fragments, and what goes wrong with each.
class HostFrames {
 public:
  explicit HostFrames(std::uint64_t seed) : rng_(seed) {}
  [[nodiscard]] HostFrame next();

 private:
  [[nodiscard]] HostFrame v4();
  [[nodiscard]] HostFrame v6();
  [[nodiscard]] HostFrame arp();
  void spoil(HostFrame& frame);
  [[nodiscard]] std::vector<std::uint8_t> message(bool v6, std::uint8_t& proto, std::string& kind);
  void finish_sum(std::vector<std::uint8_t>& l4, bool v6, std::uint8_t proto, const std::vector<std::uint8_t>& source, const std::vector<std::uint8_t>& destination);
  [[nodiscard]] std::vector<std::uint8_t> address(bool v6, bool destination, std::string& kind);
  [[nodiscard]] std::uint32_t below(std::uint32_t n) { return rng_.below(n); }
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& from) { return from[below(static_cast<std::uint32_t>(from.size()))]; }

  Rng rng_;
};

}  // namespace millrace::test
