// SPDX-License-Identifier: BSD-3-Clause
// Where a packet goes on that has passed a hook after waiting, and the two hooks of what this host sends. Called by the
// engine (hooks, reinject) and output.cpp; calls the other parts of ip::Stack. nf_reinject, ip_local_out (receive_path H2).
#include <millrace/stack/ip/stack.hpp>

namespace millrace::ip {

Hooks& Stack::hooks() {
  if (hooks_ == nullptr) hooks_ = std::make_unique<Hooks>(env_);
  return *hooks_;
}

void Stack::forget_idle_hooks() {
  if (hooks_ != nullptr && hooks_->is_idle()) hooks_.reset();
}

bool Stack::reinject(std::uint32_t id, HookVerdict verdict) {
  std::optional<Hooks::Waiting> waiting = hooks_ != nullptr ? hooks_->take(id) : std::nullopt;
  if (!waiting) return false;
  if (verdict != HookVerdict::accept) {
    drop(env_, std::move(waiting->packet), stats::DropReason::hook_dropped);
  } else if (hooks_->go_on(*waiting) == HookVerdict::accept) {
    go_on(waiting->state, std::move(waiting->packet));
  }
  return true;
}

void Stack::go_on(const HookState& state, pkt::Packet packet) {
  const bool v4 = packet.data()[0] >> 4 == 4;
  switch (state.hook) {
    case Hook::pre_routing: return v4 ? route_v4(*state.in, std::move(packet)) : route_v6(*state.in, std::move(packet));
    case Hook::local_in: return v4 ? deliver_v4(*state.in, std::move(packet)) : follow_headers(*state.in, std::move(packet));
    case Hook::forward: return finish_forward(*state.in, *state.out, state.next_hop, std::move(packet));
    case Hook::local_out: {
      HookState next = state;
      next.hook = Hook::post_routing;
      if (hooks_->run(next, packet) != HookVerdict::accept) return;
      [[fallthrough]];
    }
    case Hook::post_routing: return send_cut(*state.out, state.next_hop, state.destination, std::move(packet));
  }
}

HookVerdict Stack::pass_output(const Hop& hop, const IpAddress& destination, pkt::Packet& packet) {
  HookState state{.hook = Hook::local_out, .out = hop.interface, .next_hop = hop.next_hop, .destination = destination};
  const HookVerdict verdict = hooks_->run(state, packet);
  if (verdict != HookVerdict::accept) return verdict;
  state.hook = Hook::post_routing;
  return hooks_->run(state, packet);
}

}  // namespace millrace::ip
