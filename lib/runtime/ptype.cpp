// SPDX-License-Identifier: BSD-3-Clause
// Who gets a received frame. Called by Receive for each; calls the handlers of stacks and applications. dev_add_pack(),
// netdev_rx_handler_register(), __netif_receive_skb_core() of net/core/dev.c (receive_path G1-G4, G6).
#include <millrace/runtime/ptype.hpp>

#include <algorithm>
#include <utility>

namespace millrace::runtime {
namespace {

// Rounds of `another`, beyond which two handlers send a frame to each other.
constexpr int most_rounds = 8;

}  // namespace

void PacketTypes::add(Id id, PacketType handler) {
  auto& entries = handler.type == PacketType::all ? taps_ : handlers_;
  entries.insert(entries.begin(), Entry{id, std::move(handler)});
}

void PacketTypes::remove(Id id) {
  const auto is_it = [id](const Entry& entry) { return entry.id == id; };
  std::erase_if(taps_, is_it);
  std::erase_if(handlers_, is_it);
}

bool PacketTypes::set_rx_handler(std::uint16_t ifindex, RxHandler handler) {
  if (has_rx_handler(ifindex)) return false;
  if (ifindex >= rx_handlers_.size()) rx_handlers_.resize(std::size_t{ifindex} + 1);
  rx_handlers_[ifindex] = std::move(handler);
  ++rx_handler_count_;
  return true;
}

void PacketTypes::remove_rx_handler(std::uint16_t ifindex) {
  if (!has_rx_handler(ifindex)) return;
  rx_handlers_[ifindex] = nullptr;
  --rx_handler_count_;
}

const PacketType* PacketTypes::receive(Env& env, pkt::Packet& packet) {
  const PacketType* last = nullptr;
  for (int round = 0; round < most_rounds; ++round) {
    match(env, packet, taps_, PacketType::all, Which::any, last);
    if (enter_vlan(env, packet, last)) {
      if (!packet) return nullptr;
      tap(env, packet, TapPoint::steered);
      continue;
    }
    const RxHandlerVerdict verdict = handle(env, packet, last);
    if (verdict == RxHandlerVerdict::another) continue;
    if (verdict == RxHandlerVerdict::consumed) return nullptr;
    const Which which = verdict == RxHandlerVerdict::exact ? Which::this_interface : Which::any;
    match(env, packet, handlers_, packet.meta().ethertype, which, last);
    break;
  }
  return last;
}

// deliver_skb(): whoever was found before gets a reference, now that there is another.
void PacketTypes::pass_on(Env& env, const pkt::Packet& packet, const PacketType*& last, const PacketType* next) {
  const PacketType* const before = std::exchange(last, next);
  if (before == nullptr) return;
  pkt::Packet reference = make_reference(env, packet, 0, packet.length());
  if (!reference) return env.stats->softnet.add(stats::Softnet::ptype_missed);
  reference.meta() = packet.meta();
  reference.meta().list_next = nullptr;
  before->func(env, std::move(reference));
}

// Those of every interface come before those of this one.
void PacketTypes::match(Env& env, const pkt::Packet& packet, const std::vector<Entry>& entries, std::uint16_t type, Which which, const PacketType*& last) {
  const std::uint16_t here = packet.meta().ifindex;
  for (const std::uint16_t ifindex : {std::uint16_t{0}, here}) {
    if (ifindex == 0 && which == Which::this_interface) continue;
    for (const Entry& entry : entries)
      if (entry.handler.type == type && entry.handler.ifindex == ifindex) pass_on(env, packet, last, &entry.handler);
  }
}

// Whether the frame was a VLAN device's: it goes round once more, as of that interface, unless it is gone.
bool PacketTypes::enter_vlan(Env& env, pkt::Packet& packet, const PacketType*& last) {
  Vlans::Device* const device = vlans_.empty() ? nullptr : vlans_.of(packet);
  if (device == nullptr) return false;
  pass_on(env, packet, last, nullptr);
  packet = Vlans::enter(env, *device, std::move(packet));
  return true;
}

RxHandlerVerdict PacketTypes::handle(Env& env, pkt::Packet& packet, const PacketType*& last) const {
  const std::uint16_t ifindex = packet.meta().ifindex;
  if (!has_rx_handler(ifindex)) return RxHandlerVerdict::pass;
  pass_on(env, packet, last, nullptr);
  return rx_handlers_[ifindex](env, packet);
}

void PacketTypes::deliver(Env& env, const PacketType& handler, pkt::PacketList& frames) {
  if (handler.list_func) return handler.list_func(env, frames);
  while (pkt::Packet frame = frames.pop_front()) handler.func(env, std::move(frame));
}

std::vector<const PacketType*> PacketTypes::all() const {
  std::vector<const PacketType*> rows;
  for (const auto* entries : {&taps_, &handlers_})
    for (const Entry& entry : *entries) rows.push_back(&entry.handler);
  return rows;
}

}  // namespace millrace::runtime
