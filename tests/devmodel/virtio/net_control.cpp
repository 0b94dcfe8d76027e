// SPDX-License-Identifier: BSD-3-Clause
// The control queue (5.1.6.5).
#include "tests/devmodel/virtio/net.hpp"

#include "tests/devmodel/virtio/registers.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace millrace::devmodel::virtio {

void Net::control(QueueState& queue) {
  while (auto chain = queue.queue.take()) {
    std::uint8_t answer = carry_out(chain->read());
    if (chain->room() == 0) return machine_.violation("virtio: a command without room for its answer");
    if (machine_.faults().allows(Event::data, queue.queue.index(), {&answer, 1})) chain->writable.back().back() = answer;
    queue.queue.give_back(*chain, 1);
  }
  interrupt(queue);
}

std::uint8_t Net::carry_out(const Bytes& command) {
  if (command.size() < 3) return ctrl::error;
  const std::uint8_t of = command[0], what = command[1];
  const std::span<const std::uint8_t> data(command.begin() + 2, command.end());
  const auto number = [&] { return static_cast<std::uint16_t>(data[0] | (data.size() > 1 ? data[1] << 8 : 0)); };
  if (of == ctrl::rx && what <= ctrl::rx_allmulti) {
    (what == ctrl::rx_promisc ? promisc_ : allmulti_) = data[0] != 0;
    return ctrl::ok;
  }
  if (of == ctrl::mac && what == ctrl::mac_addr_set && data.size() == own_mac_.size()) {
    std::copy(data.begin(), data.end(), own_mac_.begin());
    return ctrl::ok;
  }
  if (of == ctrl::mac && what == ctrl::mac_table_set) return set_mac_table(data);
  if (of == ctrl::vlan) {
    if (what == ctrl::vlan_add) vlans_.insert(number());
    if (what == ctrl::vlan_del) vlans_.erase(number());
    return ctrl::ok;
  }
  if (of == ctrl::mq && what == ctrl::mq_vq_pairs_set && number() >= 1 && number() <= options_.queue_pairs) {
    active_pairs_ = number();
    return ctrl::ok;
  }
  machine_.violation("virtio: command " + std::to_string(of) + "/" + std::to_string(what) + " is not known");
  return ctrl::error;
}

// 5.1.6.5.2: the unicast addresses, then the multicast ones, each behind their number.
std::uint8_t Net::set_mac_table(std::span<const std::uint8_t> data) {
  std::set<Bytes> table;
  for (int list = 0; list < 2; ++list) {
    if (data.size() < 4) return ctrl::error;
    std::uint32_t entries = 0;
    std::memcpy(&entries, data.data(), sizeof entries);
    data = data.subspan(4);
    if (data.size() < std::size_t{entries} * 6) return ctrl::error;
    for (std::uint32_t i = 0; i < entries; ++i) table.insert(Bytes(data.begin() + 6 * i, data.begin() + 6 * i + 6));
    data = data.subspan(std::size_t{entries} * 6);
  }
  macs_ = std::move(table);
  return ctrl::ok;
}

}  // namespace millrace::devmodel::virtio
