// SPDX-License-Identifier: BSD-3-Clause
// The store of TIME-WAIT records. Called by process_fin and process_ack (add) and time_wait_arrives. RFC 9293 3.6.1.
#include <millrace/stack/tcp/time_wait.hpp>

#include <millrace/env/env.hpp>
#include <millrace/steer/flow_table.hpp>

namespace millrace::tcp {

TimeWaitTable::TimeWaitTable(Env& env, steer::FlowTable& owners, const Config& config)
    : env_(env),
      owners_(owners),
      duration_(config.time_wait),
      slab_(config.max_tw_buckets),
      timer_([](void* self, Instant now) { static_cast<TimeWaitTable*>(self)->expire(now); }, this) {}

TimeWaitTable::~TimeWaitTable() { clear(); }

TimeWait* TimeWaitTable::add(const Tcb& tcb, std::uint16_t wnd) {
  TimeWait* entry = slab_.create();
  if (entry == nullptr) {
    env_.stats->tcp_ext.add(stats::TcpExt::TCPTimeWaitOverflow);
    return nullptr;
  }
  entry->key = tcb.key;
  entry->kind = Flow::Kind::time_wait;
  entry->snd_nxt = tcb.snd.nxt;
  entry->rcv_nxt = tcb.rcv.nxt;
  entry->wnd = wnd;
  entry->ts = tcb.ts;
  entry->ends = env_.now + duration_;
  if (!owners_.insert(entry->key, static_cast<Flow*>(entry))) {
    slab_.destroy(entry);
    env_.stats->tcp_ext.add(stats::TcpExt::TCPTimeWaitOverflow);
    return nullptr;
  }
  queue_.push_back(*entry);
  arm();
  return entry;
}

void TimeWaitTable::restart(TimeWait& entry) {
  entry.hook.unlink();
  entry.ends = env_.now + duration_;
  queue_.push_back(entry);
}

void TimeWaitTable::remove(TimeWait& entry) {
  owners_.erase(entry.key);
  slab_.destroy(&entry);
}

void TimeWaitTable::clear() {
  while (TimeWait* entry = queue_.front()) remove(*entry);
}

void TimeWaitTable::expire(Instant now) {
  for (TimeWait* entry = queue_.front(); entry != nullptr && entry->ends <= now; entry = queue_.front()) {
    env_.stats->tcp_ext.add(stats::TcpExt::TW);
    remove(*entry);
  }
  arm();
}

void TimeWaitTable::arm() {
  if (TimeWait* entry = queue_.front(); entry != nullptr && !timer_.is_armed()) env_.wheel->arm(timer_, entry->ends);
}

}  // namespace millrace::tcp
