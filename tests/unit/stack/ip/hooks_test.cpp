// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/hooks.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::Hook;
using ip::Hooks;
using ip::HookState;
using ip::HookVerdict;
using stats::DropReason;

namespace {

struct World : ScriptedHost {
  Hooks hooks{env};
  std::string called;
  /// A function that notes its name and gives that verdict.
  Hooks::Function says(char name, HookVerdict verdict = HookVerdict::accept) {
    return [this, name, verdict](const HookState&, pkt::Packet& packet) {
      called += name;
      if (verdict == HookVerdict::stolen) consume(env, std::move(packet), stats::Ledger::used);
      return verdict;
    };
  }
  /// One packet at that hook; it ends here when it was accepted.
  HookVerdict run(Hook hook = Hook::local_in) {
    pkt::Packet packet = pool.packet(counting(20));
    const HookVerdict verdict = hooks.run({.hook = hook}, packet);
    if (verdict == HookVerdict::accept) consume(env, std::move(packet), stats::Ledger::used);
    return verdict;
  }
  std::string order() {
    called.clear();
    run();
    return called;
  }
};

}  // namespace

TEST_CASE("H2: the functions of a hook are called in order of priority, those of one priority as they came") {
  World world;
  world.hooks.add(1, Hook::local_in, 0, world.says('b'));
  world.hooks.add(2, Hook::local_in, 0, world.says('c'));
  world.hooks.add(3, Hook::local_in, -300, world.says('a'));
  world.hooks.add(4, Hook::local_in, 100, world.says('d'));
  world.hooks.add(5, Hook::forward, 0, world.says('x'));
  CHECK(world.order() == "abcd");
  CHECK(world.hooks.remove(2));
  CHECK_FALSE(world.hooks.remove(2));
  CHECK(world.order() == "abd");
  for (const std::uint32_t id : {1u, 3u, 4u}) CHECK(world.hooks.remove(id));
  CHECK_FALSE(world.hooks.is_idle());
  CHECK(world.hooks.remove(5));
  CHECK(world.hooks.is_idle());
  CHECK(world.order().empty());
}

TEST_CASE("H2: drop ends a packet, with its reason; stolen takes it; nothing behind them is asked") {
  World world;
  world.hooks.add(1, Hook::local_in, 1, world.says('a'));
  world.hooks.add(2, Hook::local_in, 2, world.says('b', HookVerdict::drop));
  world.hooks.add(3, Hook::local_in, 3, world.says('c'));
  CHECK(world.run() == HookVerdict::drop);
  CHECK(world.called == "ab");
  CHECK(world.drops(DropReason::hook_dropped) == 1);
  world.hooks.remove(2);
  world.hooks.add(2, Hook::local_in, 2, world.says('b', HookVerdict::stolen));
  world.called.clear();
  CHECK(world.run() == HookVerdict::stolen);
  CHECK(world.called == "ab");
  CHECK(world.drops(DropReason::hook_dropped) == 1);
}

TEST_CASE("H2: a packet that waits goes on behind the function that said so, whatever came and went meanwhile") {
  World world;
  std::vector<std::uint32_t> waiting;
  world.hooks.set_queue([&](std::uint32_t id, const HookState&, const pkt::Packet&) { waiting.push_back(id); });
  world.hooks.add(1, Hook::local_in, 1, world.says('a'));
  world.hooks.add(2, Hook::local_in, 2, world.says('q', HookVerdict::queue));
  world.hooks.add(3, Hook::local_in, 3, world.says('c'));
  CHECK(world.run() == HookVerdict::stolen);
  REQUIRE(waiting.size() == 1);
  CHECK(world.hooks.waiting() == 1);
  world.hooks.remove(1);
  world.hooks.remove(2);
  world.hooks.add(4, Hook::local_in, 1, world.says('x'));
  world.hooks.add(5, Hook::local_in, 2, world.says('y'));
  CHECK_FALSE(world.hooks.take(waiting[0] + 1));
  auto packet = world.hooks.take(waiting[0]);
  REQUIRE(packet);
  CHECK_FALSE(world.hooks.take(waiting[0]));
  CHECK(world.hooks.go_on(*packet) == HookVerdict::accept);
  CHECK(world.called == "aqyc");
  consume(world.env, std::move(packet->packet), stats::Ledger::used);
}

TEST_CASE("H2: what is to wait is dropped when nobody listens or 1024 wait; what waits at the end, too") {
  {
    ScriptedHost host({}, 2047);
    Hooks hooks(host.env);
    hooks.add(1, Hook::forward, 0, [](const HookState&, pkt::Packet&) { return HookVerdict::queue; });
    const auto run = [&] {
      pkt::Packet packet = host.pool.packet(counting(20));
      return hooks.run({.hook = Hook::forward}, packet);
    };
    CHECK(run() == HookVerdict::drop);
    hooks.set_queue([](std::uint32_t, const HookState&, const pkt::Packet&) {});
    for (std::size_t i = 0; i < Hooks::queue_capacity; ++i) REQUIRE(run() == HookVerdict::stolen);
    CHECK(run() == HookVerdict::drop);
    CHECK(host.drops(DropReason::hook_queue_full) == 2);
    CHECK(hooks.waiting() == 1024);
  }  // TestPool finds every buffer back
}
