// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/ip/routes.hpp>
#include <millrace/timer/wheel.hpp>

#include <vector>

namespace millrace::ip {

/// The better first hops that routers told of (RFC 1122 section 3.2.2.2, RFC 4861 section 8): a host route each, which goes
/// after 300 s as Linux's next-hop exceptions do. 256 at most; then the oldest makes room. One thread.
class Redirects {
 public:
  static constexpr std::size_t capacity = 256;
  static constexpr Duration lifetime = std::chrono::seconds(300);  ///< ip_rt_gc_timeout

  Redirects(Env& env, Routes& routes) : env_(env), routes_(routes) {}
  ~Redirects();
  Redirects(const Redirects&) = delete;
  Redirects& operator=(const Redirects&) = delete;

  /// Datagrams to `destination` go to `gateway`, a neighbour, from now on; unspecified: it is a neighbour itself. The caller
  /// has checked that who says so may. False: the administrator has a route to this very destination.
  bool add(const IpAddress& destination, std::uint16_t ifindex, const IpAddress& gateway);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Route route;
    Instant until;
  };
  static void fire(void* self, Instant now);
  void expire();
  void remove_first();

  Env& env_;
  Routes& routes_;
  std::vector<Entry> entries_;  ///< the oldest first
  timer::Timer timer_{&Redirects::fire, this};
};

}  // namespace millrace::ip
