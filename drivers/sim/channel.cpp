// SPDX-License-Identifier: BSD-3-Clause
// One direction of the in-memory link: loss, duplication, corruption, delay, order. Called by the two ends of a Link
// (drivers/sim/link.cpp), which bring frames and fetch them again.
#include "drivers/sim/channel.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace millrace::sim {
namespace {

bool is_ip(std::span<const std::uint8_t> frame) {
  if (frame.size() <= wire::ethernet_header_bytes) return false;
  const std::uint16_t type = load_be16(&frame[12]);
  return type == wire::ethertype::ipv4 || type == wire::ethertype::ipv6;
}

/// A frame tells nothing of the receiver's stacks.
FlowKey without_stack(FlowKey flow) {
  flow.stack = 0;
  return flow;
}

}  // namespace

void Frame::finish_checksum() {
  if (sum_offset == 0) return;
  store_be16(&bytes[sum_offset], final_sum);
  sum_offset = 0;
}

Channel::Channel(std::uint64_t seed, const Impairments& impairments, std::uint16_t queues)
    : rng_(seed), impairments_(impairments) {
  set_queues(queues);
}

void Channel::set_queues(std::uint16_t queues) {
  const std::lock_guard lock(mutex_);
  heaps_.resize(queues);
  rss_.reta = wire::reta_equal(rss_.reta.size(), queues);
  spread_.emplace(rss_);
}

void Channel::set_rss(const wire::Rss& rss) {
  const std::lock_guard lock(mutex_);
  rss_ = rss;
  spread_.emplace(rss_);
}

wire::Rss Channel::rss() const {
  const std::lock_guard lock(mutex_);
  return rss_;
}

bool Channel::add_rule(const wire::FlowRule& rule) {
  const std::lock_guard lock(mutex_);
  return rules_.emplace(without_stack(rule.flow), rule.queue).second;
}

void Channel::remove_rule(const FlowKey& flow) {
  const std::lock_guard lock(mutex_);
  rules_.erase(without_stack(flow));
}

void Channel::set_impairments(const Impairments& impairments) {
  const std::lock_guard lock(mutex_);
  impairments_ = impairments;
}

ChannelStats Channel::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Channel::send(Instant now, const Frame& frame) {
  const std::lock_guard lock(mutex_);
  ++stats_.sent;
  if (watch_) watch_(now, false, frame.bytes);
  if (rng_.chance(impairments_.loss)) {
    ++stats_.lost;
    return;
  }
  const bool twice = rng_.chance(impairments_.duplicate);
  put(now, frame);
  if (!twice) return;
  ++stats_.duplicated;
  put(now, frame);
}

void Channel::put(Instant now, const Frame& frame) {
  if (slots_.size() - free_.size() >= impairments_.limit) {
    ++stats_.overflowed;
    return;
  }
  const std::uint32_t slot = store(frame);
  if (rng_.chance(impairments_.corrupt)) corrupt(slots_[slot]);
  const Instant arrival = schedule(now, frame.bytes.size());
  if (!held_ && rng_.chance(impairments_.reorder)) {
    const std::uint32_t passes = 1 + rng_.below(std::max(1u, impairments_.reorder_packets));
    held_ = Held{slot, passes, false, arrival + impairments_.reorder_delay};
    return;
  }
  // Whatever was held back so long that it arrives before this frame has not been overtaken by it.
  if (held_ && held_->until <= arrival) release_held(held_->until);
  push(arrival, slot);
  if (!held_) return;
  held_->overtaken = true;
  if (--held_->passes_left == 0) release_held(arrival);
}

Instant Channel::schedule(Instant now, std::size_t bytes) {
  Instant arrival = now;
  if (impairments_.rate_bits_per_s != 0) {
    line_free_ = std::max(now, line_free_) + Duration(bytes * 8 * 1'000'000'000 / impairments_.rate_bits_per_s);
    arrival = line_free_;
  }
  arrival += impairments_.delay;
  if (const auto most = impairments_.jitter.count(); most > 0)
    arrival += Duration(rng_.next() % (static_cast<std::uint64_t>(most) + 1));
  last_arrival_ = std::max(arrival, last_arrival_);
  return last_arrival_;
}

void Channel::push(Instant arrival, std::uint32_t slot) {
  Heap& heap = heaps_[place(slots_[slot])];
  heap.push_back({arrival, order_++, slot});
  std::push_heap(heap.begin(), heap.end(), std::greater<>{});
}

/// The rx queue that the receiver's flow rules, then its RSS, choose; the frame gets its hash.
std::uint16_t Channel::place(Frame& frame) const {
  frame.has_hash = false;
  if (!rules_.empty()) {
    const auto rule = rules_.find(wire::flow_key(frame.bytes, wire::dissect(frame.bytes)));
    if (rule != rules_.end()) return rule->second;
  }
  const wire::RssSpread::Choice choice = spread_->choose(frame.bytes);
  frame.rss_hash = choice.hash;
  frame.has_hash = choice.is_hashed && choice.is_whole;
  return choice.queue;
}

void Channel::release_held(Instant arrival) {
  if (held_->overtaken) ++stats_.reordered;
  push(arrival, held_->slot);
  held_.reset();
}

bool Channel::take(Instant now, std::uint16_t queue, Frame& frame) {
  const std::lock_guard lock(mutex_);
  if (held_ && held_->until <= now) release_held(held_->until);
  return pop(now, heaps_[queue], frame);
}

bool Channel::take_any(Instant now, Frame& frame) {
  const std::lock_guard lock(mutex_);
  if (held_ && held_->until <= now) release_held(held_->until);
  Heap* earliest = &heaps_[0];
  for (Heap& heap : heaps_)
    if (!heap.empty() && (earliest->empty() || earliest->front() > heap.front())) earliest = &heap;
  return pop(now, *earliest, frame);
}

bool Channel::pop(Instant now, Heap& heap, Frame& frame) {
  if (heap.empty() || heap.front().arrival > now) return false;
  std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
  const auto [arrival, order, slot] = heap.back();
  heap.pop_back();
  std::swap(frame, slots_[slot]);
  frame.arrival = arrival;
  free_.push_back(slot);
  ++stats_.delivered;
  if (watch_) watch_(now, true, frame.bytes);
  return true;
}

int Channel::waiting(std::uint16_t queue) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(heaps_[queue].size());
}

Instant Channel::next_arrival() const {
  const std::lock_guard lock(mutex_);
  Instant next = held_ ? held_->until : never;
  for (const Heap& heap : heaps_)
    if (!heap.empty()) next = std::min(next, heap.front().arrival);
  return next;
}

std::uint32_t Channel::store(const Frame& frame) {
  // Slots and their storage are used again, so a channel allocates only while it warms up.
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = frame;
  return slot;
}

void Channel::corrupt(Frame& frame) {
  if (!is_ip(frame.bytes)) return;
  // The sum must cover what was sent, or nobody could find out.
  frame.finish_checksum();
  const auto bit = rng_.below(static_cast<std::uint32_t>((frame.bytes.size() - wire::ethernet_header_bytes) * 8));
  frame.bytes[wire::ethernet_header_bytes + bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  frame.corrupted = true;
  ++stats_.corrupted;
}

bool Channel::has_rate() const {
  const std::lock_guard lock(mutex_);
  return impairments_.rate_bits_per_s != 0;
}

std::uint64_t Channel::in_flight(Instant now) const {
  const std::lock_guard lock(mutex_);
  if (impairments_.rate_bits_per_s == 0 || line_free_ <= now) return 0;
  return static_cast<std::uint64_t>((line_free_ - now).count()) * impairments_.rate_bits_per_s / 8 / 1'000'000'000;
}

Instant Channel::drained_to(std::uint64_t left, Instant now) const {
  const std::lock_guard lock(mutex_);
  if (impairments_.rate_bits_per_s == 0) return now;
  return std::max(now, line_free_ - Duration(left * 8 * 1'000'000'000 / impairments_.rate_bits_per_s));
}

}  // namespace millrace::sim
