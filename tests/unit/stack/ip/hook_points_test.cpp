// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/stack/ip/fragments.hpp"
#include "tests/unit/stack/ip/router.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::Hook;
using ip::HookState;
using ip::HookVerdict;
using ip::SendVerdict;
using stats::DropReason;

namespace {

constexpr std::array all_hooks{Hook::pre_routing, Hook::local_in, Hook::forward, Hook::local_out, Hook::post_routing};

/// A router that notes which hooks each packet passes, as "name in>out".
struct Watched : Router {
  Watched() {
    for (const Hook hook : all_hooks)
      ip.hooks().add(static_cast<std::uint32_t>(hook), hook, 0, [this](const HookState& state, pkt::Packet& packet) {
        static constexpr std::array names{"pre", "in", "fwd", "out", "post"};
        passed += std::string{passed.empty() ? "" : " "}.append(names[static_cast<std::size_t>(state.hook)]);
        if (state.in != nullptr) passed += std::string{" "}.append(state.in->name);
        if (state.out != nullptr) passed += std::string{">"}.append(state.out->name);
        lengths.push_back(packet.length());
        return state.hook == stop_at ? verdict : HookVerdict::accept;
      });
  }
  std::string way_of(const Bytes& frame) {
    passed.clear();
    lengths.clear();
    receives(frame);
    return passed;
  }
  std::string passed;
  std::vector<std::uint32_t> lengths;
  std::optional<Hook> stop_at;
  HookVerdict verdict = HookVerdict::drop;
};

SendVerdict send(ScriptedHost& host, const IpAddress& to, std::size_t bytes = 16) {
  return host.ip.send(host.pool.packet(counting(bytes)), {.source = {}, .destination = to, .proto = test_proto, .dont_fragment = false, .may_fragment = true});
}

}  // namespace

TEST_CASE("H2: what is for this host passes PRE_ROUTING and LOCAL_IN, what is forwarded three, what is sent two") {
  Watched router;
  CHECK(router.way_of(ip_frame(test_proto, counting(8))) == "pre eth0 in eth0");
  CHECK(router.way_of(ip_frame(test_proto, counting(8), peer6, host6)) == "pre eth0 in eth0");
  CHECK(router.recorder.datagrams.size() == 2);
  CHECK(router.way_of(to_far4({})) == "pre eth0 fwd eth0>eth1 post eth0>eth1");
  CHECK(router.way_of(to_far6()) == "pre eth0 fwd eth0>eth1 post eth0>eth1");
  CHECK(router.far.take().size() == 2);
  for (const IpAddress& to : {far4, far6}) {
    router.passed.clear();
    CHECK(send(router, to) == SendVerdict::sent);
    CHECK(router.passed == "out>eth1 post>eth1");
  }
  CHECK(router.far.take().size() == 2);
}

TEST_CASE("H2: DROP at each hook: not a step further, and counted") {
  for (const bool v4 : {true, false}) {
    Watched router;
    const Bytes local = ip_frame(test_proto, counting(8), v4 ? peer4 : peer6, v4 ? host4 : host6);
    const Bytes far = v4 ? to_far4({}) : to_far6();
    router.stop_at = Hook::pre_routing;
    CHECK(router.way_of(far) == "pre eth0");
    CHECK(router[stats::Ip::FibLookups] == 0);  // not routed
    router.stop_at = Hook::local_in;
    CHECK(router.way_of(local) == "pre eth0 in eth0");
    CHECK(router[stats::Ip::InDelivers] + router[stats::Ip6::InDelivers] == 0);
    router.stop_at = Hook::forward;
    CHECK(router.way_of(far) == "pre eth0 fwd eth0>eth1");
    CHECK(router[stats::Ip::ForwDatagrams] + router[stats::Ip6::OutForwDatagrams] == 0);
    router.stop_at = Hook::post_routing;
    CHECK(router.way_of(far) == "pre eth0 fwd eth0>eth1 post eth0>eth1");
    router.stop_at = Hook::local_out;
    CHECK(send(router, v4 ? far4 : far6) == SendVerdict::denied);
    CHECK(router.drops(DropReason::hook_dropped) == 5);
    CHECK(router.far.take().empty());
    CHECK(router.wire.take().empty());
  }
}

TEST_CASE("H2: a packet that waits goes on when it is told, from any of the hooks, or is dropped") {
  for (const Hook hook : all_hooks) {
    for (const bool v4 : {true, false}) {
      CAPTURE(static_cast<int>(hook), v4);
      Watched router;
      std::vector<std::uint32_t> waiting;
      router.ip.hooks().set_queue([&](std::uint32_t id, const HookState&, const pkt::Packet&) { waiting.push_back(id); });
      router.stop_at = hook;
      router.verdict = HookVerdict::queue;
      const auto begin = [&] {
        if (hook == Hook::local_out) return static_cast<void>(send(router, v4 ? far4 : far6));
        if (hook == Hook::local_in) return router.receives(ip_frame(test_proto, counting(8), v4 ? peer4 : peer6, v4 ? host4 : host6));
        router.receives(v4 ? to_far4({}) : to_far6());
      };
      const auto done = [&] { return router.far.take().size() + std::exchange(router.recorder.datagrams, {}).size(); };
      begin();
      begin();
      REQUIRE(waiting.size() == 2);
      CHECK(done() == 0);
      CHECK(router.ip.reinject(waiting[0], HookVerdict::accept));
      CHECK(done() == 1);
      CHECK(router.ip.reinject(waiting[1], HookVerdict::drop));
      CHECK(done() == 0);
      CHECK(router.drops(DropReason::hook_dropped) == 1);
      CHECK_FALSE(router.ip.reinject(waiting[1], HookVerdict::accept));
    }
  }
}

TEST_CASE("H2: LOCAL_IN of IPv4 sees datagrams whole, PRE_ROUTING their fragments; LOCAL_OUT sees them before they are cut") {
  Watched router;
  const Bytes datagram = counting(64);
  const PieceOf piece{datagram};
  CHECK(router.way_of(piece.v4(0, 32)) == "pre eth0");
  CHECK(router.way_of(piece.v4(32, 64)) == "pre eth0 in eth0");
  CHECK(router.lengths == std::vector<std::uint32_t>{52, 84});
  for (const IpAddress& to : {far4, far6}) {
    router.passed.clear();
    router.lengths.clear();
    CHECK(send(router, to, 1900) == SendVerdict::sent);
    CHECK(router.passed == "out>eth1 post>eth1");
    CHECK(router.lengths == std::vector<std::uint32_t>(2, to.is_v4() ? 1920 : 1940));
    CHECK(router.far.take().size() == 2);
  }
  router.stop_at = Hook::local_out;
  for (const IpAddress& to : {far4, far6}) CHECK(send(router, to, 1900) == SendVerdict::denied);
  CHECK(router.far.take().empty());
}

TEST_CASE("H2: without functions nothing is left of the hooks") {
  Router router;
  router.ip.hooks().add(1, Hook::forward, 0, [](const HookState&, pkt::Packet&) { return HookVerdict::drop; });
  router.receives(to_far4({}));
  CHECK(router.far.take().empty());
  router.ip.hooks().remove(1);
  router.ip.forget_idle_hooks();
  router.receives(to_far4({}));
  CHECK(router.far.take().size() == 1);
  CHECK_FALSE(router.ip.reinject(1, HookVerdict::accept));
}
