// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/base/time.hpp>
#include <millrace/env/packet_tap.hpp>
#include <millrace/env/trace.hpp>
#include <millrace/pkt/home.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <array>
#include <cstdint>

namespace millrace::timer {
class Wheel;
}

namespace millrace {

/// Tells what has to be added to Env::now for the time since 1970, UTC. Asked by what puts the time of day on the wire alone.
class UtcOffset {
 public:
  virtual ~UtcOffset() = default;
  [[nodiscard]] virtual Duration utc_offset() = 0;
};

/// What an lcore's code may know of the world around it: the only ambient thing, and it is a parameter. One per
/// lcore, owned by the runtime, touched by that lcore only. `now` moves only between polls and timer batches.
struct Env {
  Instant now{};
  Rng rng{0};
  pkt::Pool* pool = nullptr;
  pkt::Home* home = nullptr;              ///< null: what is freed goes straight to its pool
  timer::Wheel* wheel = nullptr;
  stats::LcoreStats* stats = nullptr;
  PacketTap* tap = nullptr;               ///< null: nobody watches
  Tracer* tracer = nullptr;               ///< null: nothing is traced
  UtcOffset* utc = nullptr;               ///< null: `now` counts from midnight
  std::uint32_t tx_behind = 0;            ///< tx queues of this lcore whose devices are behind: frames wait by flow
  std::uint16_t lcore = 0;
  std::array<std::uint64_t, 2> secret{};  ///< key of siphash(): ISNs and table seeds
};

/// inet_current_timestamp(): milliseconds since midnight UT (RFC 791 section 3.1).
[[nodiscard]] inline std::uint32_t time_of_day(const Env& env) {
  const Duration since = env.now.time_since_epoch() + (env.utc != nullptr ? env.utc->utc_offset() : Duration{0});
  return static_cast<std::uint32_t>(since % Duration(24h) / 1ms);
}

// Every packet begins and ends here or at a port, and is counted once at both (lib/stats/ledger.hpp).

/// A fresh packet of the lcore's pool, or null when that is empty: the caller counts what it could not do.
[[nodiscard]] inline pkt::Packet make_packet(Env& env) {
  pkt::Packet fresh = env.pool->allocate();
  if (fresh) env.stats->ledger.add(stats::Ledger::made);
  return fresh;
}
/// The same of Pool::reference().
[[nodiscard]] inline pkt::Packet make_reference(Env& env, const pkt::Packet& of, std::uint32_t offset, std::uint32_t length) {
  pkt::Packet fresh = env.pool->reference(of, offset, length);
  if (fresh) env.stats->ledger.add(stats::Ledger::made);
  return fresh;
}
/// Pool::split_front(): what is taken off the front is a packet of its own; null when the pool is empty.
[[nodiscard]] inline pkt::Packet split_front(Env& env, pkt::Packet& from, std::uint32_t bytes) {
  pkt::Packet front = env.pool->split_front(from, bytes);
  if (front && from) env.stats->ledger.add(stats::Ledger::made);
  return front;
}
/// Appends the buffers of `tail`, which ends as a packet of its own.
inline void join(Env& env, pkt::Packet& whole, pkt::Packet tail) {
  env.stats->ledger.add(stats::Ledger::joined);
  whole.chain(std::move(tail));
}
/// Frees a packet whose end is counted already: for ports that have sent it.
inline void recycle(Env& env, pkt::Packet packet) {
  if (env.home != nullptr) return env.home->free(std::move(packet));
  pkt::consume(std::move(packet));
}
/// Ends a packet that has done what it came for: `end` says how (delivered, used, joined).
inline void consume(Env& env, pkt::Packet packet, stats::Ledger end) {
  env.stats->ledger.add(end);
  recycle(env, std::move(packet));
}
/// Shows a packet to whoever watches that point of the path.
inline void tap(Env& env, pkt::Packet& packet, TapPoint point, stats::DropReason reason = {}) {
  if (env.tap != nullptr && env.tap->wants(point)) [[unlikely]] env.tap->see(packet, point, reason);
}
/// Records that the lcore has come to that point, if it is traced.
inline void trace(Env& env, TracePoint point) {
  if (env.tracer != nullptr) [[unlikely]] env.tracer->trace(point);
}
/// Ends a packet with a reason, which is counted.
inline void drop(Env& env, pkt::Packet packet, stats::DropReason reason) {
  env.stats->drop.add(reason);
  tap(env, packet, TapPoint::drop, reason);
  recycle(env, std::move(packet));
}

}  // namespace millrace
