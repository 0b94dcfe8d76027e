// SPDX-License-Identifier: BSD-3-Clause
// Where a packet enters: rx_burst, eth_type_trans and dissection, GRO. Called by net_rx_action; calls RxQueue::receive,
// gro::Gro and Receive::steer.
#include <millrace/runtime/rx_poller.hpp>

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>
#include <utility>

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

// Unmasking, with what it looks at.
struct RxPoller::Unmasking {
  Env& env;
  RxPoller& poller;
  void arm() { poller.interrupt_.arm(env); }
  void disarm() { poller.interrupt_.disarm(); }
  // What is found waits in the burst for the next poll.
  bool look() {
    const auto most = static_cast<std::uint16_t>(std::min<int>(rx_burst, poller.weight()));
    return poller.wiring_.queue.receive(env, poller.burst_, most) != 0;
  }
};

int RxPoller::take_burst(Env& env) {
  const int count = burst_.size();
  for (std::uint16_t i = 0; i < burst_.size(); ++i) __builtin_prefetch(burst_[i].data());
  burst_.take_all([&](pkt::Packet packet) { take(env, std::move(packet)); });
  return count;
}

int RxPoller::poll(Env& env, int weight) {
  int done = take_burst(env);
  while (done < weight) {
    const auto asked = static_cast<std::uint16_t>(std::min<int>(rx_burst, weight - done));
    const std::uint16_t n = wiring_.queue.receive(env, burst_, asked);
    done += take_burst(env);
    if (n < asked) break;
  }
  taken_ += static_cast<std::uint32_t>(done);
  if (done < weight) finish(env, done);
  receive_->steer(up_);
  return done;
}

// Completion, and the interrupt after it: unmasked unless it is deferred (D12) or held off (B5).
void RxPoller::finish(Env& env, int work) {
  unmasked_ = complete_done(env, work);
  const std::uint32_t taken = std::exchange(taken_, 0);  // polls that used their weight included
  if (!unmasked_ || !interrupt_.is_driven()) return;
  if (interrupt_.hold_off(env, *host(), *this, taken)) return;
  Unmasking unmasking{env, *this};
  if (unmask_and_look(unmasking)) host()->schedule(*this);
}

void RxPoller::weight_used(Env& env) {
  gro_.flush_old(env, up_);
  receive_->steer(up_);
}

void RxPoller::flush_held(Env& env, bool old_only) {
  if (old_only) {
    gro_.flush_old(env, up_);
  } else if (interrupt_.is_driven()) {
    gro_.flush_all(env, up_);  // gro.poll_hold_us is for those who poll again at once (X19)
  } else {
    gro_.complete(env, up_);
  }
}

void RxPoller::drain(Env& env) {
  interrupt_.disarm();
  interrupt_.cancel_hold_off();
  take_burst(env);
  gro_.flush_all(env, up_);
  receive_->steer(up_);
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
