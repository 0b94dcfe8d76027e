// SPDX-License-Identifier: BSD-3-Clause
// A VLAN on top of a port. Made by the engine; its tx queues are fed by TxPath as any port's, and feed the TxPath of the port
// below. vlan_dev_hard_start_xmit() of net/8021q/vlan_dev.c.
#include "drivers/vlan/vlan_port.hpp"

#include <millrace/base/assert.hpp>
#include <millrace/base/byte_order.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstring>
#include <utility>

namespace millrace::vlan {
namespace {

constexpr std::size_t addresses = 12;

}  // namespace

class Port::Tx final : public port::TxQueue {
 public:
  explicit Tx(std::uint16_t id) : id_(id) {}

  std::uint16_t transmit(Env& env, pkt::Burst& burst) override {
    const std::uint16_t count = burst.size();
    burst.take_all([&](pkt::Packet frame) {
      if (frame.headroom() < wire::vlan_tag_bytes) {
        counted.drops.add(1);
        return drop(env, std::move(frame), stats::DropReason::tx_refused);
      }
      push_tag(frame, id_);
      counted.packets.add(1);
      counted.bytes.add(frame.length());
      below.transmit(std::move(frame));
    });
    below.flush();
    return count;
  }

  Below below;

 private:
  const std::uint16_t id_;
};

Port::Port(const port::Port& below, const Options& options) : below_(below), info_(below.info()) {
  info_.name = options.name;
  info_.driver = "vlan";
  info_.mtu = options.mtu;
  info_.rx_queues = 0;
  info_.tx_queues = options.tx_queues;
  for (std::uint16_t q = 0; q < options.tx_queues; ++q) tx_.push_back(std::make_unique<Tx>(options.id));
}

Port::~Port() = default;

void Port::attach(std::uint16_t tx_queue, Below below) { tx_.at(tx_queue)->below = std::move(below); }

port::RxQueue& Port::rx_queue(std::uint16_t) {
  MR_ASSERT(!"a VLAN has no rx queue");
  std::abort();
}

port::TxQueue& Port::tx_queue(std::uint16_t index) { return *tx_.at(index); }

void push_tag(pkt::Packet& frame, std::uint16_t id) {
  std::uint8_t* const begin = frame.prepend(wire::vlan_tag_bytes);
  std::memmove(begin, begin + wire::vlan_tag_bytes, addresses);
  store_be16(begin + addresses, wire::ethertype::vlan);
  store_be16(begin + addresses + 2, id);
  pkt::Meta& meta = frame.meta();
  for (std::uint16_t* offset : {&meta.l3_offset, &meta.l4_offset, &meta.payload_offset})
    if (*offset != 0) *offset = static_cast<std::uint16_t>(*offset + wire::vlan_tag_bytes);
}

}  // namespace millrace::vlan
