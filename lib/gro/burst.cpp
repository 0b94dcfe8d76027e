// SPDX-License-Identifier: BSD-3-Clause
// A burst into GRO: which variant takes it, and the long way of what the short one leaves. Called by the rx poller;
// calls fast_path.cpp, arrival.cpp and Gro::receive(Packet).
#include <millrace/gro/fast_path.hpp>

namespace millrace::gro {

void Gro::receive(Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) {
  if (!config_.enabled) {
    burst.take_all([&](pkt::Packet packet) { receive_slowly(env, std::move(packet), arrival, up); });
    return;
  }
  switch (config_.variant) {
    case Variant::scalar: return FastPath::scalar(*this, env, burst, arrival, up);
    case Variant::sse: return FastPath::sse(*this, env, burst, arrival, up);
    case Variant::avx2: return FastPath::avx2(*this, env, burst, arrival, up);
    case Variant::avx512: return FastPath::avx512(*this, env, burst, arrival, up);
  }
}

void Gro::receive_slowly(Env& env, pkt::Packet packet, const Arrival& arrival, pkt::PacketList& up) {
  if (!arrive(packet.mbuf(), arrival)) return drop(env, std::move(packet), stats::DropReason::bad_frame);
  receive(env, std::move(packet), up);
}

}  // namespace millrace::gro
