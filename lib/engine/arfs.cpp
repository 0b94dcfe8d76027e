// SPDX-License-Identifier: BSD-3-Clause
// The control path of accelerated RFS: the ports' flow rules. Called when lcores have asked, on a thread of its own or, when
// lcores have none, behind a pass, and by PortControl; calls Port::add_flow_rule() and asks the lcores through their
// control requests. receive_path F9, X18.
#include <millrace/engine/impl.hpp>

#include <millrace/base/log.hpp>

#include <algorithm>
#include <array>
#include <future>

namespace millrace {

// From an lcore: it never waits.
void Engine::Impl::rules_were_asked_for() {
  if (!rules_asked.exchange(true, std::memory_order_acq_rel)) rules_asked.notify_one();
}

// While lcores run on threads and a port has ntuple on.
void Engine::Impl::start_rule_server() {
  const auto wants = [](const config::Port& port) { return port.ntuple; };
  if (!is_running() || rule_server.joinable() || std::none_of(config.ports.begin(), config.ports.end(), wants)) return;
  rule_server = std::thread([this] {
    for (;;) {
      rules_asked.wait(false, std::memory_order_acquire);
      if (stops_serving.load()) return;
      serve_rules();
    }
  });
}

// Before the lcores' threads end: it waits for them.
void Engine::Impl::stop_rule_server() {
  if (!rule_server.joinable()) return;
  stops_serving.store(true);
  rules_asked.store(true);  // whatever was asked for is left to who serves next
  rules_asked.notify_one();
  rule_server.join();
  stops_serving.store(false);
}

bool Engine::Impl::serve_rules() {
  if (!rules_asked.load(std::memory_order_relaxed)) return false;
  rules_asked.exchange(false, std::memory_order_acq_rel);
  while (serve_some_rules() && !stops_serving.load()) continue;
  return true;
}

// A few of each lcore's requests: what is on its way is held up by no more than that.
bool Engine::Impl::serve_some_rules() {
  const runtime::McsLock::Guard lock(control_lock);  // let go of between any two: who moves queues has a turn
  std::vector<RuleChanges> leaving(ports.size());
  std::vector<RuleChanges> coming(ports.size());
  bool any = false;
  for (std::size_t id = 0; id < lcores.size(); ++id) {
    std::array<steer::RuleRequest, 16> requests;
    const std::uint32_t count = lcores.shared(id)->parts.flow_rules->take(requests);
    any |= count != 0;
    for (std::uint32_t i = 0; i < count; ++i) plan(requests[i], leaving[requests[i].ifindex - 1u], coming[requests[i].ifindex - 1u]);
  }
  for (std::size_t port = 0; port < ports.size(); ++port) {
    change_rules(port, leaving[port]);
    change_rules(port, coming[port]);
  }
  return any;
}

// What a request comes to, by what has changed since: a rule has gone, a queue has moved.
void Engine::Impl::plan(const steer::RuleRequest& request, RuleChanges& leaving, RuleChanges& coming) {
  const std::size_t port = request.ifindex - 1u;
  if (!config.ports[port].ntuple || !is_up(port)) return;
  const auto now = flow_rules[port].find(request.flow);
  const bool has_rule = now != flow_rules[port].end();
  if (request.expired) {
    if (has_rule && now->second.queue == request.rx_queue) leaving[request.flow] = {.rule = now->second, .comes = false, .expired = true};
    return;
  }
  const std::vector<std::uint16_t>& by_queue = rx_lcores[port];
  const auto at = std::find(by_queue.begin(), by_queue.end(), request.lcore);
  if (at == by_queue.end()) return;  // that lcore polls no queue of the port
  const auto queue = static_cast<std::uint16_t>(at - by_queue.begin());
  if (has_rule && now->second.queue == queue) return;
  if (has_rule) leaving[request.flow] = {.rule = now->second, .comes = false, .expired = false};
  coming[request.flow] = {.rule = {.id = steer::no_filter, .queue = queue, .from = request.rx_queue, .hash = request.hash}, .comes = true};
}

// A flow overtakes itself when its packets come by another queue while earlier ones wait in the old one or behind it. So
// they are parked where they arrive from then on, until the rest has gone up (receive_path X18).
void Engine::Impl::change_rules(std::size_t port, RuleChanges& changes) {
  if (changes.empty()) return;
  control_all([&](std::uint16_t id) { begin_changes(port, changes, id); });
  for (auto& [flow, change] : changes) {
    if (!change.is_possible) continue;
    const Result<void> done = change.comes ? add_rule(port, flow, change.rule) : ports[port]->remove_flow_rule(change.rule.id);
    change.is_done = done.has_value();
    if (!done && std::exchange(rule_refusals[port], done.error().message) != done.error().message)
      log(LogLevel::warn, "port '" + config.ports[port].name + "': ntuple: " + done.error().message);
  }
  control_all([&](std::uint16_t id) {
    for (std::uint16_t q = 0; q < rx_lcores[port].size(); ++q)
      if (rx_lcores[port][q] == id) lcores[id]->poller_of(napi_id(port, q))->take_waiting(lcores[id]->env(), ports[port]->rx_queue(q).waiting());
  });
  control_all([&](std::uint16_t id) {
    for (std::uint16_t source = 0; source < lcores.size(); ++source) lcores[id]->parts.backlog->drain(lcores[id]->env(), source);
  });
  control_all([&](std::uint16_t id) { end_changes(port, changes, id); });
  for (const auto& [flow, change] : changes) {
    if (!change.is_done) continue;
    if (change.comes) {
      flow_rules[port][flow] = change.rule;
    } else {
      flow_rules[port].erase(flow);
    }
  }
}

// On each lcore.
void Engine::Impl::begin_changes(std::size_t port, RuleChanges& changes, std::uint16_t id) {
  const auto ifindex = static_cast<std::uint16_t>(port + 1);
  steer::Steer& steer = *lcores[id]->parts.steer;
  for (auto& [flow, change] : changes) {
    steer.begin({.flow = flow, .ifindex = ifindex, .rx_queue = change.rule.queue, .comes = change.comes});
    if (change.comes && rx_lcores[port][change.rule.queue] == id)
      change.is_possible = steer.has_room_for_rule(ifindex, change.rule.queue, change.rule.hash);
  }
}

Result<void> Engine::Impl::add_rule(std::size_t port, const FlowKey& flow, FlowRule& rule) {
  const Result<std::uint16_t> id = ports[port]->add_flow_rule({flow, rule.queue});
  if (!id) return tl::unexpected(id.error());
  rule.id = *id;
  return {};
}

// On each lcore: the queues that a rule leads to, and from which it was asked for, learn what came of it.
void Engine::Impl::end_changes(std::size_t port, const RuleChanges& changes, std::uint16_t id) {
  const auto ifindex = static_cast<std::uint16_t>(port + 1);
  runtime::LcoreParts& parts = lcores[id]->parts;
  stats::LcoreStats& stats = *lcores[id]->env().stats;
  for (const auto& [flow, change] : changes) {
    const FlowRule& rule = change.rule;
    const bool is_target = rx_lcores[port][rule.queue] == id;
    const bool has_asked = rx_lcores[port][rule.from] == id;
    if (change.comes && has_asked) stats.steer.add(change.is_done ? stats::Steer::arfs_added : stats::Steer::arfs_refused);
    if (change.comes && change.is_done && is_target) {
      parts.steer->take_rule(ifindex, rule.queue, {.flow = flow, .hash = rule.hash, .id = rule.id}, id);
      parts.flow_rules->watch();
    }
    if (change.comes || !change.is_done) continue;
    if (is_target) parts.steer->lose_rule(ifindex, rule.queue, rule.id);
    if (is_target && change.expired) stats.steer.add(stats::Steer::arfs_expired);
    if (has_asked) parts.steer->forget_asking(ifindex, rule.from, rule.hash);
  }
  parts.receive->unpark();
}

// The rules of one queue, or of all. The port is up.
void Engine::Impl::drop_rules(std::size_t port, std::optional<std::uint16_t> queue) {
  RuleChanges leaving;
  for (const auto& [flow, rule] : flow_rules[port])
    if (!queue || rule.queue == *queue) leaving[flow] = {.rule = rule, .comes = false};
  change_rules(port, leaving);
}

// Has every lcore make `f` between two of its passes, and waits for all.
void Engine::Impl::control_all(const std::function<void(std::uint16_t)>& f) {
  if (!is_running()) {
    for (std::uint16_t id = 0; id < lcores.size(); ++id) control(id, [&] { f(id); });
    return;
  }
  std::vector<std::promise<void>> done(lcores.size());
  for (std::uint16_t id = 0; id < lcores.size(); ++id) {
    while (!lcores.shared(id)->post_control([&, id] {
      f(id);
      done[id].set_value();
    }))
      std::this_thread::yield();
  }
  for (std::promise<void>& one : done) one.get_future().get();
}

Result<void> PortControl::set_ntuple(bool on) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].ntuple = on;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  if (on)
    if (const Result<void> can = impl.ports[index_]->can_steer_flows(); !can) return failure(can.error().code, "ntuple: " + can.error().message);
  if (on == impl.config.ports[index_].ntuple) return {};
  const runtime::McsLock::Guard lock(impl.control_lock);
  // Flows are hashed otherwise from then on: their entries are made anew, when nothing of them is under way.
  Result<void> done = impl.while_still(index_, [&]() -> Result<void> {
    impl.config.ports[index_].ntuple = on;
    return {};
  });
  impl.start_rule_server();
  return done;
}

bool PortControl::ntuple() const { return engine_.impl_->config.ports[index_].ntuple; }

std::vector<wire::FlowRule> PortControl::flow_rules() const {
  Engine::Impl& impl = *engine_.impl_;
  const runtime::McsLock::Guard lock(impl.control_lock);
  std::vector<wire::FlowRule> rules;
  for (const auto& [flow, rule] : impl.flow_rules[index_]) rules.push_back({flow, rule.queue});
  return rules;
}

}  // namespace millrace
