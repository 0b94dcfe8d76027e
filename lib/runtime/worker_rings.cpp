// SPDX-License-Identifier: BSD-3-Clause
// Makes and empties the rings between lcores. Used by the engine (life) and by Receive, Backlog and TxPath (traffic).
#include <millrace/runtime/worker_rings.hpp>

namespace millrace::runtime {

WorkerRings::WorkerRings(std::uint16_t lcores, std::uint32_t capacity) : lcores_(lcores), pairs_(std::size_t{lcores} * lcores) {
  for (auto& pair : pairs_) pair = std::make_unique<Pair>(capacity);
}

WorkerRings::~WorkerRings() {
  drain([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
}

}  // namespace millrace::runtime
