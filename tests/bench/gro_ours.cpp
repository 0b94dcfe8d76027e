// SPDX-License-Identifier: BSD-3-Clause
// Our side of B2, compiled as the library is shipped. Called by gro_burst.cpp and gro_flows.cpp; calls gro::Gro
// as runtime/rx_poller.cpp does.
#include "tests/bench/gro_ours.hpp"

#include <algorithm>

namespace millrace::bench {
namespace {

constexpr std::size_t rx_burst = 32;
// As EthdevRx of a port that verifies checksums.
constexpr gro::Arrival arrival{.mac = {{2, 0, 0, 0, 0, 1}}, .ifindex = 1, .napi_id = 1, .has_verdicts = true};

}  // namespace

OurGro::OurGro(const gro::Config& config) : gro_(config) {
  env_.stats = &stats_;
  env_.secret = {0x0123456789abcdef, 0xfedcba9876543210};
  env_.now = Instant{} + 1s;
}

void OurGro::receive(std::span<pkt::Mbuf* const> burst) {
  while (!burst.empty()) {
    const auto part = burst.first(std::min(rx_burst, burst.size()));
    burst = burst.subspan(part.size());
    std::copy(part.begin(), part.end(), burst_.spare());
    burst_.commit(static_cast<std::uint16_t>(part.size()));
    gro_.receive(env_, burst_, arrival, up_);
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
