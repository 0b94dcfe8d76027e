// SPDX-License-Identifier: BSD-3-Clause
// Is an IPv4 address free? Called by the DHCP client before it takes a lease; calls arp.cpp. RFC 5227 section 2.1.1.
#include <millrace/stack/neighbor/address_probe.hpp>

#include <utility>

namespace millrace::neighbor {
namespace {

// RFC 5227 section 1.1.
constexpr int probe_num = 3;
constexpr std::uint32_t probe_wait_ms = 1000;
constexpr std::uint32_t probe_min_ms = 1000, probe_max_ms = 2000;
constexpr Duration announce_wait = 2s;

}  // namespace

AddressProbe::AddressProbe(Env& env, Neighbors& neighbors, Interface& interface, const IpAddress& address, Done done)
    : env_(env), neighbors_(neighbors), interface_(interface), address_(address), done_(std::move(done)) {
  neighbors_.add_listener(*this);
  env_.wheel->arm(timer_, env_.now + std::chrono::milliseconds(env_.rng.below(probe_wait_ms + 1)));
}

AddressProbe::~AddressProbe() {
  env_.wheel->cancel(timer_);
  hook.unlink();
}

void AddressProbe::fire(void* self, Instant) { static_cast<AddressProbe*>(self)->on_timer(); }

void AddressProbe::on_timer() {
  if (sent_ == probe_num) return end(true);
  ++sent_;
  neighbors_.send_arp_probe(interface_, address_);
  const auto pause = std::chrono::milliseconds(probe_min_ms + env_.rng.below(probe_max_ms - probe_min_ms + 1));
  env_.wheel->arm(timer_, env_.now + (sent_ == probe_num ? announce_wait : Duration(pause)));
}

// Somebody has it, or somebody else wants it, too.
void AddressProbe::heard_arp(const Interface& interface, const wire::ArpPacket& arp) {
  if (interface.ifindex != interface_.ifindex) return;
  const bool probes_it = arp.sender_ip.is_unspecified() && arp.target_ip == address_;
  if (arp.sender_ip == address_ || probes_it) end(false);
}

void AddressProbe::end(bool is_free) {
  env_.wheel->cancel(timer_);
  hook.unlink();
  const Done done = std::exchange(done_, {});
  done(is_free);
}

}  // namespace millrace::neighbor
