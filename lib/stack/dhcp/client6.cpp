// SPDX-License-Identifier: BSD-3-Clause
// Stateless DHCPv6. Called by Dhcp (receive) and the timing wheel; calls its sender. RFC 8415 sections 15, 16.10, 18.2.6,
// 18.2.10 and 21.23.
#include <millrace/stack/dhcp/client6.hpp>

#include <algorithm>

namespace millrace::dhcp {
namespace {

// Section 7.6.
constexpr std::uint32_t inf_max_delay_ms = 1000;
constexpr Duration inf_timeout = 1s;
constexpr Duration inf_max_rt = 3600s;
constexpr std::uint32_t irt_default_s = 86400, irt_minimum_s = 600, infinity = 0xffffffff;
constexpr std::uint32_t least_inf_max_rt_s = 60, most_inf_max_rt_s = 86400;  // section 21.25
constexpr Duration look_again = 1s;

}  // namespace

Client6::Client6(Env& env, neighbor::Interface& interface, Sender6& sender) : env_(env), interface_(interface), sender_(sender), max_rt_(inf_max_rt) {
  env_.wheel->arm(timer_, env_.now + first_delay());
}

Client6::~Client6() { env_.wheel->cancel(timer_); }

void Client6::fire(void* self, Instant) { static_cast<Client6*>(self)->on_timer(); }

Duration Client6::first_delay() { return std::chrono::milliseconds(env_.rng.below(inf_max_delay_ms + 1)); }

// RAND: a tenth more or less, at random.
Duration Client6::spread(Duration time) {
  constexpr std::uint32_t parts = 10000;
  return time - time / 10 + time / 10 / parts * env_.rng.below(2 * parts + 1);
}

// One that is tentative, or somebody else's, is not among the interface's addresses.
void Client6::on_timer() {
  const auto own = std::find_if(interface_.addresses.begin(), interface_.addresses.end(), [](const IpPrefix& p) { return p.address.is_link_local(); });
  if (own == interface_.addresses.end()) return env_.wheel->arm(timer_, env_.now + look_again);
  ask(own->address);
}

void Client6::ask(const IpAddress& own) {
  namespace option = wire::dhcp6_option;
  if (!is_asking_) {
    is_asking_ = true;
    xid_ = static_cast<std::uint32_t>(env_.rng.next()) & 0xffffff;
    begun_ = env_.now;
    rt_ = spread(inf_timeout);
  } else {
    rt_ = rt_ + spread(rt_);
    if (rt_ > max_rt_) rt_ = spread(max_rt_);
  }
  const auto elapsed = (env_.now - begun_) / 10ms;
  const wire::Dhcp6Message message{.type = wire::dhcp6_type::information_request,
                                   .xid = xid_,
                                   .client_id = wire::duid_ll(interface_.mac),
                                   .requested = {option::name_servers, option::information_refresh_time, option::inf_max_rt},
                                   .elapsed_cs = static_cast<std::uint16_t>(std::min<std::int64_t>(elapsed, 0xffff))};
  sender_.send_to_dhcp6_servers(interface_, own, wire::make_dhcp6(message));
  env_.wheel->arm(timer_, env_.now + rt_);
}

// Section 16.10: what is no answer to the question that was asked is not looked at.
void Client6::receive(std::span<const std::uint8_t> bytes) {
  const auto reply = wire::Dhcp6Message::parse(bytes);
  if (!reply || !is_asking_ || reply->type != wire::dhcp6_type::reply || reply->xid != xid_) return;
  if (reply->server_id.empty() || reply->client_id != wire::duid_ll(interface_.mac) || reply->status.value_or(0) != 0) return;
  is_asking_ = false;
  name_servers_.clear();
  std::copy_if(reply->name_servers.begin(), reply->name_servers.end(), std::back_inserter(name_servers_),
               [](const IpAddress& server) { return !server.is_v4() && !server.is_unspecified() && !server.is_multicast(); });
  if (const auto most = reply->inf_max_rt_s; most && *most >= least_inf_max_rt_s && *most <= most_inf_max_rt_s) max_rt_ = std::chrono::seconds(*most);
  const std::uint32_t refresh = std::max(reply->refresh_s.value_or(irt_default_s), irt_minimum_s);
  env_.wheel->arm(timer_, refresh == infinity ? never : env_.now + std::chrono::seconds(refresh) + first_delay());
}

}  // namespace millrace::dhcp
