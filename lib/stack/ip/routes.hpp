// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/wire/address.hpp>

#include <optional>
#include <vector>

namespace millrace::ip {

/// Where packets of a prefix go: straight onto the link, or to a gateway on it.
struct Route {
  IpPrefix prefix;
  std::optional<IpAddress> gateway;
  neighbor::Interface* interface = nullptr;
};

/// The route table of one stack: longest prefix first, so the first match is the answer. Meant for a host's handful
/// of routes; rte_fib replaces the search when forwarding comes.
class Routes {
 public:
  static constexpr std::size_t capacity = 256;

  /// False when the same prefix is there already or the table is full. Host bits of the prefix are cleared.
  bool add(Route route);
  /// The route of the longest prefix that holds `destination`, or null.
  [[nodiscard]] const Route* lookup(const IpAddress& destination) const;
  [[nodiscard]] const std::vector<Route>& all() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

/// `prefix` with its host bits cleared.
[[nodiscard]] IpPrefix network_of(IpPrefix prefix);

}  // namespace millrace::ip
