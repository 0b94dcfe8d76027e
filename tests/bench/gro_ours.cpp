// SPDX-License-Identifier: BSD-3-Clause
// Our side of B2, compiled as the library is shipped. Called by gro_burst.cpp and gro_flows.cpp; calls wire::dissect
// and gro::Gro as runtime/rx_poller.cpp does, and prefetches what the ethdev port and the poller prefetch.
#include "tests/bench/gro_ours.hpp"

#include <millrace/wire/dissect.hpp>

#include <algorithm>

namespace millrace::bench {
namespace {

constexpr std::size_t rx_burst = 32;

void dissect(pkt::Packet& packet) {
  const wire::Layers layers = wire::dissect(std::as_const(packet).data());
  pkt::Meta& meta = packet.meta();
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
}

}  // namespace

OurGro::OurGro() {
  env_.stats = &stats_;
  env_.secret = {0x0123456789abcdef, 0xfedcba9876543210};
  env_.now = Instant{} + 1s;
}

void OurGro::receive(std::span<pkt::Mbuf* const> burst) {
  while (!burst.empty()) {
    const auto part = burst.first(std::min(rx_burst, burst.size()));
    burst = burst.subspan(part.size());
    for (pkt::Mbuf* m : part) {
      __builtin_prefetch(&m->meta, 1);
      __builtin_prefetch(m->data());
    }
    for (pkt::Mbuf* m : part) {
      pkt::Packet packet = pkt::Packet::adopt(m);
      dissect(packet);
      gro_.receive(env_, std::move(packet), up_);
    }
  }
}

std::vector<pkt::Mbuf*> OurGro::take() {
  std::vector<pkt::Mbuf*> all;
  while (pkt::Packet packet = up_.pop_front()) all.push_back(packet.release());
  return all;
}

void OurGro::forget() {
  while (pkt::Packet packet = up_.pop_front()) static_cast<void>(packet.release());
}

}  // namespace millrace::bench
