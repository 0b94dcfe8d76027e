// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/slab.hpp>
#include <millrace/stack/tcp/tcb.hpp>

#include <cstdint>

namespace millrace::steer {
class FlowTable;
}

namespace millrace::tcp {

/// What remains of a connection in TIME-WAIT (RFC 9293 section 3.6.1): enough to acknowledge what still comes, and to
/// tell a new SYN from an old one.
struct TimeWait : Flow {
  Seq snd_nxt;
  Seq rcv_nxt;
  std::uint16_t wnd = 0;        ///< as last sent
  Timestamps ts;
  Instant ends{};
  std::optional<Instant> last_refusal;
  ListHook hook;
};

/// Every TimeWait of one lcore, in the order in which they end: all wait equally long, so a queue and one timer do.
class TimeWaitTable {
 public:
  TimeWaitTable(Env& env, steer::FlowTable& owners, const Config& config);
  ~TimeWaitTable();

  /// Replaces a connection, whose entry in the owner table must be gone. Null when there is no room (counted): the
  /// connection is then simply closed, as Linux does.
  TimeWait* add(const Tcb& tcb, std::uint16_t wnd);
  /// The wait begins again (RFC 9293 3.10.7.4, eighth step).
  void restart(TimeWait& entry);
  void remove(TimeWait& entry);
  void clear();
  [[nodiscard]] std::uint32_t size() const { return slab_.live(); }

 private:
  void expire(Instant now);
  void arm();

  Env& env_;
  steer::FlowTable& owners_;
  Duration duration_;
  Slab<TimeWait> slab_;
  List<TimeWait, &TimeWait::hook> queue_;
  timer::Timer timer_;
};

}  // namespace millrace::tcp
