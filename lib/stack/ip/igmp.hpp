// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/group/groups.hpp>
#include <millrace/stack/ip/transport.hpp>

#include <utility>

namespace millrace::ip {

/// IGMP as a protocol above IPv4: what arrives goes to the groups.
class Igmp final : public Transport {
 public:
  explicit Igmp(group::Groups& groups) : groups_(groups) {}
  void receive(pkt::Packet message, const Delivery& delivery) override {
    groups_.receive_igmp(*delivery.interface, {delivery.source, delivery.hop_limit}, std::move(message));
  }
  void error(const ErrorReport&) override {}

 private:
  group::Groups& groups_;
};

}  // namespace millrace::ip
