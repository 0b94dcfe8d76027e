// SPDX-License-Identifier: BSD-3-Clause
// Functions and rules at IP's hooks. Called by applications through Engine, and by create() for the configuration's; changes
// each lcore's ip::Hooks between two of its passes. nf_register_net_hook, ipt_register_table (receive_path H2).
#include <millrace/engine/hooks.hpp>

#include <millrace/engine/impl.hpp>

#include <cerrno>

namespace millrace {
namespace {

constexpr std::uint32_t first_function = 16;  // the rules' tables have the numbers of their hooks

HookPlace place_of(const ip::HookState& state) {
  const auto name = [](const neighbor::Interface* i) { return i != nullptr ? std::string_view(i->name) : std::string_view{}; };
  return {state.hook, name(state.in), name(state.out)};
}

std::uint16_t ifindex_of(const ip::Stack& stack, const std::string& name) {
  const neighbor::Interface* const interface = name.empty() ? nullptr : stack.interface(std::string_view(name));
  return interface != nullptr ? interface->ifindex : std::uint16_t{0};
}

ip::Rule compile(const ip::Stack& stack, const config::Rule& rule) {
  const auto ports = [](const auto& p) { return p ? std::optional(ip::Rule::Ports{p->first, p->last}) : std::nullopt; };
  return {.source = rule.source,
          .destination = rule.destination,
          .proto = rule.proto,
          .source_ports = ports(rule.source_ports),
          .destination_ports = ports(rule.destination_ports),
          .in = ifindex_of(stack, rule.in),
          .out = ifindex_of(stack, rule.out),
          .verdict = rule.verdict};
}

}  // namespace

void Engine::Impl::on_each_ip(std::size_t stack, const std::function<void(std::uint16_t, ip::Stack&)>& f) {
  for (std::uint16_t id = 0; id < lcores.size(); ++id) control(id, [&] { f(id, lcores[id]->parts.stacks[stack]->ip()); });
}

Result<std::uint32_t> Engine::add_hook(HookFunction function, std::size_t stack) {
  if (stack >= impl_->config.stacks.size()) return failure(EINVAL, "there is no stack " + std::to_string(stack));
  if (!function.func) return failure(EINVAL, "the hook has no function; set func");
  const std::uint32_t id = first_function + impl_->next_hook++;
  impl_->on_each_ip(stack, [&](std::uint16_t lcore, ip::Stack& ip) {
    ip.hooks().add(id, function.hook, function.priority, [lcore, func = function.func, &env = impl_->lcores[lcore]->env()](const ip::HookState& state, pkt::Packet& packet) {
      const HookVerdict verdict = func(lcore, place_of(state), packet);
      if (verdict == HookVerdict::stolen) env.stats->ledger.add(stats::Ledger::delivered);
      return verdict;
    });
  });
  return id;
}

void Engine::remove_hook(std::uint32_t id) {
  if (id < first_function) return;
  for (std::size_t stack = 0; stack < impl_->config.stacks.size(); ++stack)
    impl_->on_each_ip(stack, [&](std::uint16_t, ip::Stack& ip) {
      ip.hooks().remove(id);
      ip.forget_idle_hooks();
    });
}

void Engine::set_hook_queue(const HookQueue& queue, std::size_t stack) {
  if (stack >= impl_->config.stacks.size()) return;
  impl_->on_each_ip(stack, [&](std::uint16_t lcore, ip::Stack& ip) {
    if (!queue) return ip.hooks().set_queue({});
    ip.hooks().set_queue([lcore, queue](std::uint32_t id, const ip::HookState& state, const pkt::Packet& packet) { queue(lcore, id, place_of(state), packet); });
  });
}

bool Engine::reinject(std::uint16_t lcore, std::uint32_t number, HookVerdict verdict, std::size_t stack) {
  if (lcore >= lcores() || stack >= impl_->config.stacks.size()) return false;
  bool was_there = false;
  impl_->control(lcore, [&] { was_there = impl_->lcores[lcore]->parts.stacks[stack]->ip().reinject(number, verdict); });
  return was_there;
}

Result<void> Engine::set_rules(std::vector<config::Rule> rules, std::size_t stack) {
  if (stack >= impl_->config.stacks.size()) return failure(EINVAL, "there is no stack " + std::to_string(stack));
  Config wanted = impl_->config;
  wanted.stacks[stack].rules = rules;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  impl_->config.stacks[stack].rules = std::move(rules);
  impl_->apply_rules(stack);
  return {};
}

// A table for each hook that has rules, on each lcore; they replace those that were there between two passes.
void Engine::Impl::apply_rules(std::size_t stack) {
  rule_tables.resize(config.stacks.size());
  rule_tables[stack].resize(lcores.size());
  on_each_ip(stack, [&](std::uint16_t lcore, ip::Stack& ip) {
    for (std::uint32_t h = 0; h < ip::hook_count; ++h) {
      ip.hooks().remove(h);
      std::vector<ip::Rule> rules;
      for (const config::Rule& rule : config.stacks[stack].rules)
        if (static_cast<std::uint32_t>(rule.hook) == h) rules.push_back(compile(ip, rule));
      auto& table = rule_tables[stack][lcore][h];
      table = rules.empty() ? nullptr : std::make_shared<ip::RuleTable>(rules);
      if (table != nullptr)
        ip.hooks().add(h, static_cast<Hook>(h), 0, [table](const ip::HookState& state, pkt::Packet& packet) { return table->judge(state, packet); });
    }
    ip.forget_idle_hooks();
  });
}

std::vector<RuleCount> Engine::rule_counts(std::size_t stack) const {
  if (stack >= impl_->rule_tables.size()) return {};
  std::vector<RuleCount> counts(impl_->config.stacks[stack].rules.size());
  impl_->on_each_ip(stack, [&](std::uint16_t lcore, ip::Stack&) {
    std::array<std::size_t, ip::hook_count> next{};
    for (std::size_t r = 0; r < counts.size(); ++r) {
      const auto h = static_cast<std::size_t>(impl_->config.stacks[stack].rules[r].hook);
      const ip::RuleTable::Count& one = impl_->rule_tables[stack][lcore][h]->counts()[next[h]++];
      counts[r].packets += one.packets;
      counts[r].bytes += one.bytes;
    }
  });
  return counts;
}

}  // namespace millrace
