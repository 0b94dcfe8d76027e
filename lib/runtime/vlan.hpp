// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stats/dev_stats.hpp>

#include <cstdint>
#include <list>

namespace millrace::runtime {

/// The VLAN devices of one lcore's ports: which frames are theirs (receive_path G10).
class Vlans {
 public:
  struct Device {
    Device(std::uint16_t port, std::uint16_t vlan_id, std::uint16_t own) : below(port), id(vlan_id), ifindex(own) {}
    std::uint16_t below;    ///< ifindex of the port
    std::uint16_t id;       ///< 1..4094
    std::uint16_t ifindex;  ///< its own
    bool is_up = true;
    stats::QueueStats counted{};  ///< received; drops: it was down, or no buffer was free
  };

  void add(std::uint16_t below, std::uint16_t id, std::uint16_t ifindex) { devices_.emplace_back(below, id, ifindex); }
  void set_up(std::uint16_t ifindex, bool up);
  [[nodiscard]] bool empty() const { return devices_.empty(); }
  /// Null: no VLAN has that number.
  [[nodiscard]] const Device* find(std::uint16_t ifindex) const;
  /// Whose the frame is by its outermost tag and Meta::ifindex; null: nobody's.
  [[nodiscard]] Device* of(const pkt::Packet& frame);
  /// vlan_do_receive(): the frame without that tag, as one that came by the device. Null: it was dropped. Bytes that others
  /// share stay as they are.
  [[nodiscard]] static pkt::Packet enter(Env& env, Device& device, pkt::Packet frame);

 private:
  std::list<Device> devices_;  // others read their counters
};

}  // namespace millrace::runtime
