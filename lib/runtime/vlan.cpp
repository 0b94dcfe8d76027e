// SPDX-License-Identifier: BSD-3-Clause
// The round of VLAN devices. Called by PacketTypes between taps and rx_handlers. vlan_do_receive() of net/8021q/vlan_core.c,
// skb_vlan_untag() (receive_path G2, G10).
#include <millrace/runtime/vlan.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::runtime {
namespace {

constexpr std::uint16_t addresses = 12;
constexpr std::uint16_t tag_bytes = wire::vlan_tag_bytes;

void shift_offsets(pkt::Meta& meta) {
  for (std::uint16_t* offset : {&meta.l3_offset, &meta.l4_offset, &meta.payload_offset})
    if (*offset != 0) *offset = static_cast<std::uint16_t>(*offset - tag_bytes);
}

// The same frame with headers of its own: who has a reference to these bytes goes on seeing the tag.
pkt::Packet unshare(Env& env, pkt::Packet frame) {
  pkt::Packet head = make_packet(env);
  if (!head) return {};
  const auto copied = static_cast<std::uint16_t>(std::min<std::size_t>(frame.data().size(), head.tailroom()));
  std::memcpy(head.append(copied), frame.data().data(), copied);
  head.meta() = frame.meta();
  head.mbuf().ol_flags |= frame.mbuf().ol_flags & (pkt::flag::rx_rss_hash | pkt::flag::rx_l4_good | pkt::flag::rx_l4_bad);
  pkt::copy_rx_stamp(frame.mbuf(), head.mbuf());
  head.mbuf().rss_hash = frame.mbuf().rss_hash;
  if (frame.length() > copied) {
    pkt::Packet rest = make_reference(env, frame, copied, frame.length() - copied);
    if (!rest) {
      consume(env, std::move(head), stats::Ledger::used);
      return {};
    }
    join(env, head, std::move(rest));
  }
  consume(env, std::move(frame), stats::Ledger::used);
  return head;
}

}  // namespace

void Vlans::set_up(std::uint16_t ifindex, bool up) {
  for (Device& device : devices_)
    if (device.ifindex == ifindex) device.is_up = up;
}

const Vlans::Device* Vlans::find(std::uint16_t ifindex) const {
  const auto found = std::find_if(devices_.begin(), devices_.end(), [&](const Device& device) { return device.ifindex == ifindex; });
  return found != devices_.end() ? &*found : nullptr;
}

Vlans::Device* Vlans::of(const pkt::Packet& frame) {
  const std::uint8_t* const bytes = frame.data().data();
  const std::uint16_t id = wire::vlan_id(bytes, frame.meta().l3_offset);
  if (id == 0 || load_be16(bytes + addresses) != wire::ethertype::vlan) return nullptr;
  for (Device& device : devices_)
    if (device.below == frame.meta().ifindex && device.id == id) return &device;
  return nullptr;
}

pkt::Packet Vlans::enter(Env& env, Device& device, pkt::Packet frame) {
  const auto lose = [&](stats::DropReason reason) {
    device.counted.drops.add(1);
    if (frame) drop(env, std::move(frame), reason);
    return pkt::Packet();
  };
  if (!device.is_up) return lose(stats::DropReason::port_down);
  if (frame.is_shared()) {
    pkt::Packet own = unshare(env, std::move(frame));
    if (!own) return lose(stats::DropReason::no_buffer);
    frame = std::move(own);
  }
  std::uint8_t* const begin = frame.data().data();
  std::memmove(begin + tag_bytes, begin, addresses);
  frame.trim_front(tag_bytes);
  shift_offsets(frame.meta());
  frame.meta().frame_offset = frame.headroom();
  frame.meta().ifindex = device.ifindex;
  device.counted.packets.add(1);
  device.counted.bytes.add(frame.length());
  return frame;
}

}  // namespace millrace::runtime
