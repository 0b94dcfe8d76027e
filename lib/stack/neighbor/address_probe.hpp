// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/neighbors.hpp>

#include <functional>

namespace millrace::neighbor {

/// Finds out whether an IPv4 address may be used on a link, before it is (RFC 5227 section 2.1.1): three ARP probes, one to
/// two seconds apart, then two seconds of listening. Gone before the end, it asks no more. One thread.
class AddressProbe final : private ArpListener {
 public:
  /// `done` hears once whether the address is free, from within a timer or a received message; it may destroy the probe.
  using Done = std::function<void(bool is_free)>;

  AddressProbe(Env& env, Neighbors& neighbors, Interface& interface, const IpAddress& address, Done done);
  ~AddressProbe() override;
  AddressProbe(const AddressProbe&) = delete;
  AddressProbe& operator=(const AddressProbe&) = delete;

 private:
  static void fire(void* self, Instant now);
  void on_timer();
  void heard_arp(const Interface& interface, const wire::ArpPacket& arp) override;
  void end(bool is_free);

  Env& env_;
  Neighbors& neighbors_;
  Interface& interface_;
  const IpAddress address_;
  Done done_;
  int sent_ = 0;
  timer::Timer timer_{&AddressProbe::fire, this};
};

}  // namespace millrace::neighbor
