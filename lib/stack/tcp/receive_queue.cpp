// SPDX-License-Identifier: BSD-3-Clause
// In-order and early payload. Called by process_text (push, pull) and Connection (read, pop). RFC 9293 3.10.7.4,
// seventh step: segments may be held for later processing.
#include <millrace/stack/tcp/receive_queue.hpp>

#include <millrace/pkt/pool.hpp>
#include <millrace/pkt/truesize.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {
Seq first_of(const pkt::Packet& packet) { return Seq(packet.meta().cb[0]); }
Seq end_of(const pkt::Packet& packet) { return first_of(packet) + packet.length(); }
}  // namespace

void ReceiveQueue::push(Env& env, pkt::Packet payload, bool compact) {
  const std::uint32_t length = payload.length();
  bytes_ += length;
  // Worth a copy when two and more fit a buffer.
  if (compact && length * 2 + pkt::headroom <= payload.mbuf().buf_len) {
    if (!compact_ || compact_.tailroom() < length) {
      append_compact();
      compact_ = make_packet(env);
      if (compact_) memory_ += pkt::truesize(compact_);
    }
    if (compact_ && compact_.tailroom() >= length) {
      payload.copy_out(0, {compact_.append(static_cast<std::uint16_t>(length)), length});
      // As tcp_try_coalesce(): the last one's time stands for all.
      compact_.meta().rx_time = payload.meta().rx_time;
      pkt::copy_rx_stamp(payload.mbuf(), compact_.mbuf());
      compact_.meta().napi_id = payload.meta().napi_id;
      consume(env, std::move(payload), stats::Ledger::joined);
      env.stats->tcp_ext.add(stats::TcpExt::TCPRcvCoalesce);
      return;
    }
  }
  append_compact();
  memory_ += pkt::truesize(payload);
  in_order_.push_back(std::move(payload));
}

void ReceiveQueue::append_compact() {
  if (compact_) in_order_.push_back(std::move(compact_));
}

bool ReceiveQueue::push_early(Env& env, Seq seq, pkt::Packet payload) {
  // Nearly always it belongs at the end.
  std::size_t at = early_.size();
  if (at > 0 && first_of(early_.back()).after(seq)) {
    const auto after = std::upper_bound(early_.begin(), early_.end(), seq,
                                        [](Seq s, const pkt::Packet& p) { return s.before(first_of(p)); });
    at = static_cast<std::size_t>(after - early_.begin());
  }
  if (at > 0 && end_of(early_[at - 1]).after(seq)) {
    const std::uint32_t known = end_of(early_[at - 1]) - seq;
    if (known >= payload.length()) {
      drop(env, std::move(payload), stats::DropReason::tcp_duplicate);
      return false;
    }
    payload.trim_front(known);
    seq += known;
  }
  insert_early(env, at, seq, std::move(payload));
  return true;
}

void ReceiveQueue::insert_early(Env& env, std::size_t at, Seq seq, pkt::Packet payload) {
  const Seq end = seq + payload.length();
  std::size_t covered = at;
  while (covered < early_.size() && end_of(early_[covered]).at_or_before(end)) {
    memory_ -= pkt::truesize(early_[covered]);
    drop(env, std::move(early_[covered]), stats::DropReason::tcp_duplicate);
    ++covered;
  }
  early_.erase(early_.begin() + static_cast<std::ptrdiff_t>(at), early_.begin() + static_cast<std::ptrdiff_t>(covered));
  if (at < early_.size() && first_of(early_[at]).before(end)) payload.truncate(first_of(early_[at]) - seq);
  payload.meta().cb[0] = seq.value();
  memory_ += pkt::truesize(payload);
  early_.insert(early_.begin() + static_cast<std::ptrdiff_t>(at), std::move(payload));
}

std::uint32_t ReceiveQueue::pull(Env& env, Seq next) {
  const Seq begin = next;
  std::size_t taken = 0;
  for (; taken < early_.size() && first_of(early_[taken]).at_or_before(next); ++taken) {
    pkt::Packet payload = std::move(early_[taken]);
    memory_ -= pkt::truesize(payload);
    const std::uint32_t known = next - first_of(payload);
    if (known >= payload.length()) {
      drop(env, std::move(payload), stats::DropReason::tcp_duplicate);
      continue;
    }
    payload.trim_front(known);
    next += payload.length();
    push(env, std::move(payload), false);
  }
  early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(taken));
  return next - begin;
}

std::size_t ReceiveQueue::read(Env& env, std::span<std::uint8_t> into, pkt::RxTimes* received) {
  std::size_t copied = 0;
  while (copied < into.size() && bytes_ > 0) {
    pkt::Packet payload = pop();
    const std::size_t n = payload.copy_out(0, into.subspan(copied));
    copied += n;
    if (received != nullptr) *received = pkt::rx_times(payload);
    if (n == payload.length()) {
      consume(env, std::move(payload), stats::Ledger::delivered);
      continue;
    }
    payload.trim_front(static_cast<std::uint32_t>(n), env.home);
    bytes_ += payload.length();
    memory_ += pkt::truesize(payload);
    in_order_.push_front(std::move(payload));
  }
  return copied;
}

pkt::Packet ReceiveQueue::pop() {
  if (in_order_.empty()) append_compact();
  pkt::Packet payload = in_order_.pop_front();
  if (payload) {
    bytes_ -= payload.length();
    memory_ -= pkt::truesize(payload);
  }
  return payload;
}

void ReceiveQueue::drop_early(Env& env, stats::DropReason reason) {
  for (pkt::Packet& payload : early_) {
    memory_ -= pkt::truesize(payload);
    drop(env, std::move(payload), reason);
  }
  early_.clear();
}

void ReceiveQueue::clear(Env& env, stats::DropReason reason) {
  drop_early(env, reason);
  while (pkt::Packet payload = pop()) drop(env, std::move(payload), reason);
}

}  // namespace millrace::tcp
