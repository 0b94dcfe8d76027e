// SPDX-License-Identifier: BSD-3-Clause
// Changes of the forwarding table. Called by Routes, from one thread at a time; lookups go on meanwhile. The order of the
// stores is what readers rely on: a node is whole before an entry leads to it. After fib_trie's rules for readers, with
// nodes of fixed size (receive_path H4, O6).
#include <millrace/stack/ip/fib.hpp>

#include <millrace/base/assert.hpp>

#include <utility>

namespace millrace::ip {

namespace {

constexpr unsigned bits_a_level = 8;

// Where the prefix ends: the level, and its place in the heap of that level's node.
struct Place {
  std::size_t level;
  std::size_t index;
};

const std::uint8_t* key_of(const IpPrefix& prefix) { return prefix.address.bytes.data() + (prefix.address.is_v4() ? 12 : 0); }

Place place_of(const IpPrefix& prefix) {
  const std::size_t level = prefix.length == 0 ? 0 : (prefix.length - 1u) / bits_a_level;
  const unsigned bits = prefix.length - static_cast<unsigned>(level) * bits_a_level;
  return {level, (std::size_t{1} << bits) | (key_of(prefix)[level] >> (bits_a_level - bits))};
}

}  // namespace

Fib::Fib(GracePeriods* grace, std::size_t most_nodes) : grace_(grace), most_nodes_(most_nodes) {
  for (std::size_t id = most_hops - 1; id > 0; --id) free_hops_.push_back(static_cast<std::uint16_t>(id));
}

Fib::~Fib() {
  while (Node* node = all_.pop_front()) delete node;
  for (const auto& [what, hop] : held_hops_) delete hops_[hop.id].load(std::memory_order_relaxed);
}

bool Fib::set(const IpPrefix& prefix, const NextHop& hop) {
  free_retired();
  if (node_count_ + missing_nodes(prefix) > most_nodes_) return false;
  const std::uint16_t id = hold(hop);
  if (id == 0) return false;
  write(prefix, id);
  return true;
}

void Fib::clear(const IpPrefix& prefix) {
  write(prefix, 0);
  free_retired();
}

std::size_t Fib::missing_nodes(const IpPrefix& prefix) const {
  std::size_t missing = place_of(prefix).level;
  const std::uint8_t* key = key_of(prefix);
  for (const Node* node = &roots_[prefix.address.is_v4() ? 0 : 1]; missing > 0; --missing) {
    node = child_of(node->entries[*key++].load(std::memory_order_relaxed));
    if (node == nullptr) break;
  }
  return missing;
}

// Descends to the prefix's node, puts the next hop into the heap there, and into each entry that has no longer prefix.
void Fib::write(const IpPrefix& prefix, std::uint16_t hop) {
  const auto [depth, index] = place_of(prefix);
  const std::uint8_t* const key = key_of(prefix);
  std::array<Node*, 16> path{};
  Node* node = path[0] = &roots_[prefix.address.is_v4() ? 0 : 1];
  for (std::size_t level = 0; level < depth; ++level) {
    std::atomic<std::uint64_t>& entry = node->entries[key[level]];
    const std::uint64_t was = entry.load(std::memory_order_relaxed);
    Node* below = child_of(was);
    if (below == nullptr) {
      below = std::make_unique<Node>().release();
      MR_ASSERT(reinterpret_cast<std::uintptr_t>(below) >> hop_shift == 0);
      all_.push_back(*below);
      ++node_count_;
      ++node->child_count;
      entry.store(was | reinterpret_cast<std::uintptr_t>(below), std::memory_order_release);
    }
    node = path[level + 1] = below;
  }
  const std::uint16_t before = std::exchange(node->prefixes[index], hop);
  node->prefix_count = static_cast<std::uint16_t>(node->prefix_count + (hop != 0) - (before != 0));
  std::size_t first = index, end = index + 1;
  for (; first < 256; first *= 2) end *= 2;
  for (std::size_t leaf = first; leaf < end; ++leaf) {
    std::size_t longest = leaf;
    while (longest > 0 && node->prefixes[longest] == 0) longest /= 2;
    const std::uint64_t best = longest > 0 ? node->prefixes[longest] : 0;
    std::atomic<std::uint64_t>& entry = node->entries[leaf - 256];
    entry.store(best << hop_shift | reinterpret_cast<std::uintptr_t>(child_of(entry.load(std::memory_order_relaxed))), std::memory_order_release);
  }
  if (hop == 0) prune(path, key, depth);
  if (before != 0) let_go(before);
}

// Nodes in which nothing ends and below which nothing is.
void Fib::prune(const std::array<Node*, 16>& path, const std::uint8_t* key, std::size_t depth) {
  for (; depth > 0; --depth) {
    Node* const node = path[depth];
    if (node->prefix_count != 0 || node->child_count != 0) return;
    Node* const above = path[depth - 1];
    std::atomic<std::uint64_t>& entry = above->entries[key[depth - 1]];
    entry.store(entry.load(std::memory_order_relaxed) >> hop_shift << hop_shift, std::memory_order_release);
    --above->child_count;
    node->hook.unlink();
    --node_count_;
    retire({.grace_period = 0, .node = std::unique_ptr<Node>(node), .hop = nullptr, .hop_id = 0});
  }
}

// The number of a next hop; 0 when all are used.
std::uint16_t Fib::hold(const NextHop& hop) {
  const auto [known, is_new] = held_hops_.try_emplace(hop);
  if (is_new) {
    if (free_hops_.empty()) {
      held_hops_.erase(known);
      return 0;
    }
    known->second.id = free_hops_.back();
    free_hops_.pop_back();
    hops_[known->second.id].store(std::make_unique<const NextHop>(hop).release(), std::memory_order_release);
  }
  ++known->second.users;
  return known->second.id;
}

void Fib::let_go(std::uint16_t id) {
  const NextHop* const hop = hops_[id].load(std::memory_order_relaxed);
  const auto known = held_hops_.find(*hop);
  if (--known->second.users != 0) return;
  held_hops_.erase(known);
  retire({.grace_period = 0, .node = nullptr, .hop = std::unique_ptr<const NextHop>(hop), .hop_id = id});
}

// Its number, too, is used again only when no reader can have it in its hands.
void Fib::retire(Retired what) {
  if (grace_ != nullptr) what.grace_period = grace_->start();
  retired_.push_back(std::move(what));
}

void Fib::free_retired() {
  while (!retired_.empty() && (grace_ == nullptr || grace_->is_over(retired_.front().grace_period))) {
    const std::uint16_t id = retired_.front().hop_id;
    if (id != 0) {
      hops_[id].store(nullptr, std::memory_order_relaxed);
      free_hops_.push_back(id);
    }
    retired_.pop_front();
  }
}

}  // namespace millrace::ip
