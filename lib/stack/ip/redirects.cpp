// SPDX-License-Identifier: BSD-3-Clause
// Routes that redirects made, for as long as they are believed. Called by Stack::accept_redirect and the timing wheel; calls
// Routes. __ip_do_redirect of net/ipv4/route.c, rt6_do_redirect of net/ipv6/route.c.
#include <millrace/stack/ip/redirects.hpp>

#include <algorithm>

namespace millrace::ip {

Redirects::~Redirects() {
  env_.wheel->cancel(timer_);
  while (!entries_.empty()) remove_first();
}

void Redirects::remove_first() {
  static_cast<void>(routes_.remove(entries_.front().route));
  entries_.erase(entries_.begin());
}

bool Redirects::add(const IpAddress& destination, std::uint16_t ifindex, const IpAddress& gateway) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.route.prefix.address == destination; });
  if (known != entries_.end()) {
    static_cast<void>(routes_.remove(known->route));
    entries_.erase(known);
  }
  if (entries_.size() == capacity) remove_first();
  const Route route{.prefix = {destination, static_cast<std::uint8_t>(destination.is_v4() ? 32 : 128)},
                    .to = {.ifindex = ifindex, .gateway = gateway}};
  if (routes_.add(route) != Routes::Change::done) return false;
  entries_.push_back({route, env_.now + lifetime});
  if (!timer_.is_armed()) env_.wheel->arm(timer_, env_.now + lifetime);
  return true;
}

void Redirects::fire(void* self, Instant) { static_cast<Redirects*>(self)->expire(); }

void Redirects::expire() {
  while (!entries_.empty() && entries_.front().until <= env_.now) remove_first();
  if (!entries_.empty()) env_.wheel->arm(timer_, entries_.front().until);
}

}  // namespace millrace::ip
