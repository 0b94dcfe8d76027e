// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/ip/hook.hpp>
#include <millrace/stack/neighbor/interface.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace millrace::ip {

/// Where a packet is and where it goes (struct nf_hook_state).
struct HookState {
  Hook hook = Hook::pre_routing;
  neighbor::Interface* in = nullptr;   ///< null in local_out, and in post_routing of what this host sends
  neighbor::Interface* out = nullptr;  ///< null in pre_routing and local_in
  IpAddress next_hop{};                ///< where there is an `out`
  IpAddress destination{};             ///< the same
};

/// The chains of one lcore's stack: functions in order of their priority, the lowest first, those of one priority in order
/// of their coming; and the packets that wait for a verdict. One thread.
class Hooks {
 public:
  /// Sees a packet, data() at its IP header. May change its bytes behind the IP header only where it knows that nobody shares
  /// them. Not to add or remove functions.
  using Function = std::function<HookVerdict(const HookState&, pkt::Packet&)>;
  /// Hears of a packet that waits, by a number of this lcore's; reinject() ends its waiting. The packet stays where it is.
  using QueueFunction = std::function<void(std::uint32_t id, const HookState&, const pkt::Packet&)>;
  static constexpr std::size_t queue_capacity = 1024;  // NFQNL_QMAX_DEFAULT

  explicit Hooks(Env& env) : env_(env) {}
  /// Drops what waits.
  ~Hooks();
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  /// nf_register_net_hook(); `id` is the caller's, for remove().
  void add(std::uint32_t id, Hook hook, int priority, Function function);
  /// False when there is none.
  bool remove(std::uint32_t id);
  /// Who hears of waiting packets; without one, what is to wait is dropped, as by Linux.
  void set_queue(QueueFunction function) { queue_function_ = std::move(function); }
  /// Nothing would happen to a packet, and none waits.
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  /// nf_hook(): accept, and the packet is still the caller's; drop or stolen, and it is gone, with its reason. `queue` is
  /// never the answer: what waits was stolen.
  [[nodiscard]] HookVerdict run(const HookState& state, pkt::Packet& packet) {
    const auto& chain = chains_[static_cast<std::size_t>(state.hook)];
    return chain.empty() ? HookVerdict::accept : run(state, packet, {});
  }

  /// Where in a chain a function stands.
  struct Place {
    int priority = 0;
    std::uint32_t order = 0;  ///< 0: before all
    auto operator<=>(const Place&) const = default;
  };
  struct Waiting {
    HookState state;
    Place behind;
    pkt::Packet packet;
  };
  /// The packet of that number, whose waiting is over; null when there is none.
  [[nodiscard]] std::optional<Waiting> take(std::uint32_t id);
  /// Goes on behind the function that had it wait.
  [[nodiscard]] HookVerdict go_on(Waiting& waiting) { return run(waiting.state, waiting.packet, waiting.behind); }

 private:
  struct Entry {
    Place place;
    std::uint32_t id;
    Function function;
  };
  [[nodiscard]] HookVerdict run(const HookState& state, pkt::Packet& packet, const Place& behind);
  [[nodiscard]] HookVerdict wait(const HookState& state, pkt::Packet& packet, const Place& place);

  Env& env_;
  std::array<std::vector<Entry>, hook_count> chains_;
  QueueFunction queue_function_;
  std::map<std::uint32_t, Waiting> waiting_;
  std::uint32_t next_order_ = 1;
  std::uint32_t next_waiting_ = 1;
};

}  // namespace millrace::ip
