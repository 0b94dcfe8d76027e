// SPDX-License-Identifier: BSD-3-Clause
// The two tables of receive flow steering. Called by Steer (look up, move) and by sockets (record); calls nothing.
// net/core/dev.c, include/net/rps.h; receive_path F7, F8, F9.
#include <millrace/steer/rfs.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>

namespace millrace::steer {

void SockFlows::Free::operator()(Entry* entries) const { std::free(entries); }

Result<std::unique_ptr<SockFlows>> SockFlows::create(std::uint32_t entries) {
  static_assert(sizeof(Entry) == sizeof(std::uint32_t) && Entry::is_always_lock_free);
  const std::size_t count = std::bit_ceil(entries);
  // Zeros from the kernel: of a large table only what is used takes memory.
  void* const memory = std::calloc(count, sizeof(Entry));
  if (memory == nullptr)
    return failure(ENOMEM, "no memory for " + std::to_string(count) + " entries of 4 bytes; choose fewer");
  return std::unique_ptr<SockFlows>(new SockFlows(static_cast<Entry*>(memory), static_cast<std::uint32_t>(count - 1)));
}

void SockFlows::record(std::uint32_t hash, LcoreId lcore) {
  static_assert(max_lcores < lcore_bits);
  if (hash == 0) return;
  const std::uint32_t entry = (hash & ~lcore_bits) | (lcore + 1u);
  std::atomic<std::uint32_t>& slot = entries_[hash & mask_];
  // The line stays shared as long as the reader does not move.
  if (slot.load(std::memory_order_relaxed) != entry) slot.store(entry, std::memory_order_relaxed);
}

std::optional<LcoreId> SockFlows::desired(std::uint32_t hash) const {
  const std::uint32_t entry = entries_[hash & mask_].load(std::memory_order_relaxed);
  if (entry == 0 || ((entry ^ hash) & ~lcore_bits) != 0) return std::nullopt;
  return static_cast<LcoreId>((entry & lcore_bits) - 1);
}

DevFlows::DevFlows(std::uint32_t entries)
    : flows_(entries != 0 ? std::bit_ceil(entries) : 0), shift_(32u - static_cast<unsigned>(std::countr_zero(std::bit_ceil(std::max(entries, 1u))))) {}

bool DevFlows::may_have(std::uint32_t hash, const HandOver& hand_over) const {
  const DevFlow& entry = at(hash);
  return entry.hash == hash || (entry.is_drained(hand_over) && (entry.filter == no_filter || is_idle(entry, hand_over)));
}

void DevFlows::take_rule(const Filter& filter, LcoreId here, const HandOver& hand_over) {
  rules_.push_back(filter);
  if (!may_have(filter.hash, hand_over)) return;
  at(filter.hash) = {.hash = filter.hash, .last_qtail = hand_over.queued(here), .lcore = here, .filter = filter.id};
}

void DevFlows::lose_rule(std::uint16_t id) {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [id](const Filter& filter) { return filter.id == id; });
  if (rule == rules_.end()) return;
  DevFlow& entry = at(rule->hash);
  if (entry.filter == id) entry.filter = no_filter;
  rules_.erase(rule);
}

}  // namespace millrace::steer
