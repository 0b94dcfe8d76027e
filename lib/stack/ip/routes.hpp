// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/ip/fib.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace millrace::ip {

/// A line of `ip route`.
struct Route {
  static constexpr std::uint32_t connected_metric_v6 = 256;  // IP6_RT_PRIO_ADDRCONF
  static constexpr std::uint32_t default_metric_v6 = 1024;   // IP6_RT_PRIO_USER

  IpPrefix prefix;
  NextHop to;
  std::uint32_t metric = 0;  ///< of several routes of a prefix the least is taken
  bool operator==(const Route&) const = default;
};

/// The routes of one host, all of its lcores': lookups from any thread, without a lock. Changes come from one thread at a
/// time, or from several that never wait long for each other.
class Routes {
 public:
  static constexpr std::size_t capacity = std::size_t{1} << 20;
  enum class Change : std::uint8_t {
    done,
    exists,  ///< EEXIST: a route of that prefix and metric is there
    full,    ///< ENOSPC
    absent,  ///< ESRCH
  };

  /// Null `grace`: one thread.
  explicit Routes(GracePeriods* grace = nullptr, std::size_t most_nodes = std::size_t{1} << 20) : fib_(grace, most_nodes) {}

  /// The route of the longest prefix that holds `destination`, or null: RouteType may say that there is no way. To be read
  /// before the next quiescent state only.
  [[nodiscard]] const NextHop* lookup(const IpAddress& destination) const { return fib_.lookup(destination); }
  /// As Fib::match_bits().
  [[nodiscard]] unsigned match_bits(const IpAddress& destination) const { return fib_.match_bits(destination); }
  /// Whether there are routes of type local (AnyIP), so that an address may be this host's that no interface has.
  [[nodiscard]] bool has_local() const { return local_.load(std::memory_order_relaxed) != 0; }
  /// Another number after each change (rt_genid).
  [[nodiscard]] std::uint32_t generation() const { return generation_.load(std::memory_order_acquire); }

  /// `ip route add`. Host bits of the prefix are cleared.
  Change add(Route route);
  /// As the kernel adds the prefix of an address (`proto kernel`): behind what is there of that metric, to take its place
  /// when that goes. Done when it is there already.
  Change append(Route route);
  /// `ip route del`: the route of that prefix and metric that leads there.
  Change remove(const Route& route);
  /// `ip route del` with less said: the first route of that prefix, of that metric if one is given.
  Change remove(const IpPrefix& prefix, std::optional<std::uint32_t> metric = std::nullopt);
  /// All routes, IPv4 first, in order of prefix, length and metric.
  [[nodiscard]] std::vector<Route> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  class Writing;
  using Alternatives = std::vector<Route>;  ///< of one prefix, the best first

  Change insert(const Route& route, bool append);
  Change erase(std::map<IpPrefix, Alternatives>::iterator of, Alternatives::iterator route);

  Fib fib_;
  std::map<IpPrefix, Alternatives> prefixes_;
  std::size_t size_ = 0;
  std::atomic<std::uint32_t> local_{0};
  std::atomic<std::uint32_t> generation_{0};
  mutable std::atomic_flag writing_ = ATOMIC_FLAG_INIT;
};

/// `prefix` with its host bits cleared.
[[nodiscard]] IpPrefix network_of(IpPrefix prefix);

}  // namespace millrace::ip
