// SPDX-License-Identifier: BSD-3-Clause
// Makes and empties the rings between lcores. Used by the engine (life) and by Receive, Backlog and TxPath (traffic).
#include <millrace/runtime/worker_rings.hpp>

namespace millrace::runtime {

WorkerRings::WorkerRings(std::uint16_t lcores, std::uint32_t capacity) : lcores_(lcores), rings_(std::size_t{lcores} * lcores) {
  for (std::uint16_t source = 0; source < lcores; ++source)
    for (std::uint16_t target = 0; target < lcores; ++target)
      if (source != target) rings_[index(source, target)] = std::make_unique<SpscRing<pkt::Mbuf*>>(capacity);
}

WorkerRings::~WorkerRings() {
  drain([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
}

}  // namespace millrace::runtime
