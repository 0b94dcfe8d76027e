// SPDX-License-Identifier: BSD-3-Clause
// Receive queues that have become silent: a doorbell was lost, or the device has lost its place in the ring. Called by Watchdog; calls
// rte_eth_stats_get and, once a port is suspect, has DPDK call back at its polls.
#include "drivers/ethdev/rx_stall.hpp"

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <algorithm>
#include <utility>

namespace millrace::ethdev {
namespace {

std::uint16_t note_poll(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count, std::uint16_t, void* has_seen) {
  static_cast<std::atomic<bool>*>(has_seen)->store(true, std::memory_order_relaxed);
  return count;
}

}  // namespace

// An empty pool is no fault of the device's, and no reset would fill it. Who does not poll (a port that is down, an lcore that is
// late) cannot know what waits.
std::optional<Duration> RxSilence::look(Instant now, const Look& seen) {
  const std::optional<Look> before = std::exchange(before_, seen);
  if (!before || !seen.is_polled || seen.no_buffer > before->no_buffer) {
    since_.reset();
    return std::nullopt;
  }
  if (seen.missed <= before->missed) return std::nullopt;
  if (!since_) since_ = now;
  if (is_told_ || now - *since_ < patience_) return std::nullopt;
  is_told_ = true;
  return now - *since_;
}

// Its counters are asked for only while it is silent.
std::optional<port::Fault> RxStall::check(Instant now) {
  std::uint64_t received = 0;
  for (const auto& queue : rx_) received += queue->counted.packets.value() + queue->counted.drops.value();
  if (std::exchange(received_, received) != received) {
    silence_.end();
    return std::nullopt;
  }
  rte_eth_stats stats{};
  if (rte_eth_stats_get(port_id_, &stats) != 0) return std::nullopt;
  const auto stalled = silence_.look(now, {.missed = stats.imissed, .no_buffer = stats.rx_nombuf, .is_polled = is_polled()});
  if (silence_.is_suspect() && witnesses_.empty()) call_witnesses();
  if (!stalled) return std::nullopt;
  return port::Fault{"rx_stalled", "the device has missed all frames for " + std::to_string(*stalled / 1ms) + " ms, " + std::to_string(stats.imissed) + " by now, and its rx queues are empty"};
}

// They stay, for taking them away would not tell when an lcore has left them.
void RxStall::call_witnesses() {
  for (std::uint16_t q = 0; q < rx_.size(); ++q) {
    Witness& witness = witnesses_.emplace_back();
    witness.callback = rte_eth_add_rx_callback(port_id_, q, note_poll, &witness.has_seen);
  }
}

// An armed queue was empty when it was armed, and its interrupt has not come. One that has no witness, as DPDK had no memory for it, is
// not known to be polled.
bool RxStall::is_polled() {
  bool all = true;
  for (std::size_t q = 0; q < witnesses_.size(); ++q) all = (witnesses_[q].has_seen.exchange(false, std::memory_order_relaxed) || rx_[q]->is_armed()) && all;
  return all;
}

RxStall::~RxStall() {
  for (std::uint16_t q = 0; q < witnesses_.size(); ++q) {
    const rte_eth_rxtx_callback* const callback = witnesses_[q].callback;
    if (callback != nullptr && rte_eth_remove_rx_callback(port_id_, q, callback) == 0) rte_free(const_cast<rte_eth_rxtx_callback*>(callback));
  }
}

}  // namespace millrace::ethdev
