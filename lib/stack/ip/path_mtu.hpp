// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <vector>

namespace millrace::ip {

/// What ICMP has told of paths with a smaller MTU than the link, by destination (RFC 1191, RFC 8201; Linux's next-hop
/// exceptions). 1024 destinations at most; a new one takes the place of the one that would expire first among four. One thread.
class PathMtus {
 public:
  struct Options {
    std::uint32_t min_v4 = 552;                       ///< net.ipv4.route.min_pmtu; of IPv6 it is 1280 (RFC 8201 section 4)
    Duration expires_v4 = std::chrono::seconds(600);  ///< net.ipv4.route.mtu_expires
    Duration expires_v6 = std::chrono::seconds(600);  ///< net.ipv6.route.mtu_expires
  };
  static constexpr std::size_t capacity = 1024;

  explicit PathMtus(Env& env) : env_(env) {}
  void configure(const Options& options) { options_ = options; }

  /// The least MTU that is believed of a path of that version.
  [[nodiscard]] std::uint32_t least(bool v4) const;
  /// A packet of ours was too big for a link that takes `mtu`. The caller has checked that it was ours (RFC 5927). Never raises
  /// what is known; below least() it counts as that.
  void learn(const IpAddress& destination, std::uint32_t mtu);
  /// The path's MTU, or `link_mtu` when nothing less is known.
  [[nodiscard]] std::uint32_t lookup(const IpAddress& destination, std::uint32_t link_mtu) const;

 private:
  struct Entry {
    IpAddress destination;
    Instant expires{};
    std::uint32_t mtu = 0;  ///< 0: free
  };
  static constexpr std::size_t ways = 4;

  [[nodiscard]] std::size_t set_of(const IpAddress& destination) const;

  Env& env_;
  Options options_{};
  std::vector<Entry> entries_;  ///< empty until something is learnt
};

}  // namespace millrace::ip
