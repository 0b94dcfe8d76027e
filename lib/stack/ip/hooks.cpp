// SPDX-License-Identifier: BSD-3-Clause
// The hooks' chains. Called by ip::Stack for packets, by the engine between two passes for changes; calls the functions.
// net/netfilter/core.c, nf_queue.c (receive_path H2).
#include <millrace/stack/ip/hooks.hpp>

#include <algorithm>

namespace millrace::ip {

using stats::DropReason;

Hooks::~Hooks() {
  for (auto& [id, waiting] : waiting_) drop(env_, std::move(waiting.packet), DropReason::shutdown);
}

void Hooks::add(std::uint32_t id, Hook hook, int priority, Function function) {
  auto& chain = chains_[static_cast<std::size_t>(hook)];
  const Place place{priority, next_order_++};
  const auto after = std::find_if(chain.begin(), chain.end(), [&](const Entry& e) { return e.place > place; });
  chain.insert(after, {place, id, std::move(function)});
}

bool Hooks::remove(std::uint32_t id) {
  std::size_t removed = 0;
  for (auto& chain : chains_) removed += std::erase_if(chain, [&](const Entry& e) { return e.id == id; });
  return removed != 0;
}

bool Hooks::is_idle() const {
  return waiting_.empty() && std::all_of(chains_.begin(), chains_.end(), [](const auto& chain) { return chain.empty(); });
}

HookVerdict Hooks::run(const HookState& state, pkt::Packet& packet, const Place& behind) {
  for (Entry& entry : chains_[static_cast<std::size_t>(state.hook)]) {
    if (behind.order != 0 && entry.place <= behind) continue;
    switch (entry.function(state, packet)) {
      case HookVerdict::accept: continue;
      case HookVerdict::stolen: return HookVerdict::stolen;
      case HookVerdict::queue: return wait(state, packet, entry.place);
      case HookVerdict::drop: break;
    }
    drop(env_, std::move(packet), DropReason::hook_dropped);
    return HookVerdict::drop;
  }
  return HookVerdict::accept;
}

// nf_queue(): without anybody who listens, or when too many wait, the packet is dropped.
HookVerdict Hooks::wait(const HookState& state, pkt::Packet& packet, const Place& place) {
  if (!queue_function_ || waiting_.size() >= queue_capacity) {
    drop(env_, std::move(packet), DropReason::hook_queue_full);
    return HookVerdict::drop;
  }
  const std::uint32_t id = next_waiting_++;
  const Waiting& waiting = waiting_.emplace(id, Waiting{state, place, std::move(packet)}).first->second;
  queue_function_(id, waiting.state, waiting.packet);
  return HookVerdict::stolen;
}

std::optional<Hooks::Waiting> Hooks::take(std::uint32_t id) {
  auto node = waiting_.extract(id);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

}  // namespace millrace::ip
