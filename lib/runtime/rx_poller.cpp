// SPDX-License-Identifier: BSD-3-Clause
// Where a packet enters: rx_burst, eth_type_trans and dissection, GRO. Called by net_rx_action; calls RxQueue::receive,
// gro::Gro and Receive::steer.
#include <millrace/runtime/rx_poller.hpp>

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>

namespace millrace::runtime {
namespace {

constexpr std::uint16_t rx_burst = 32;

// eth_type_trans(): to whom the frame is addressed.
pkt::PacketType packet_type(const std::uint8_t* destination, const MacAddress& own) {
  if (std::equal(own.bytes.begin(), own.bytes.end(), destination)) return pkt::PacketType::host;
  if ((destination[0] & 1) == 0) return pkt::PacketType::other_host;
  const bool broadcast = std::all_of(destination, destination + 6, [](std::uint8_t b) { return b == 0xff; });
  return broadcast ? pkt::PacketType::broadcast : pkt::PacketType::multicast;
}

}  // namespace

int RxPoller::poll(Env& env, int weight) {
  int done = 0;
  while (done < weight) {
    const auto asked = static_cast<std::uint16_t>(std::min<int>(rx_burst, weight - done));
    const std::uint16_t n = wiring_.queue.receive(env, burst_, asked);
    for (std::uint16_t i = 0; i < n; ++i) __builtin_prefetch(burst_[i].data());
    burst_.take_all([&](pkt::Packet packet) { take(env, std::move(packet)); });
    done += n;
    if (n < asked) break;
  }
  if (done < weight) {
    gro_.complete(env, up_);
    complete();
  }
  wiring_.receive.steer(up_);
  return done;
}

void RxPoller::weight_used(Env& env) {
  gro_.flush_old(env, up_);
  wiring_.receive.steer(up_);
}

void RxPoller::drain(Env& env) {
  gro_.flush_all(env, up_);
  wiring_.receive.steer(up_);
}

void RxPoller::take(Env& env, pkt::Packet packet) {
  const auto frame = std::as_const(packet).data();
  if (frame.size() < wire::ethernet_header_bytes) return drop(env, std::move(packet), stats::DropReason::bad_frame);
  const wire::Layers layers = wire::dissect(frame);
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
  meta.napi_id = wiring_.napi_id;
  meta.type = packet_type(frame.data(), wiring_.mac);
  gro_.receive(env, std::move(packet), up_);
}

}  // namespace millrace::runtime
