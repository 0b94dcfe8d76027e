// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/trace.hpp>

#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <thread>

using namespace millrace;
using test::SteeringWorld;

namespace {

std::string names(const Trace& trace, std::uint16_t lcore, std::string_view action) {
  std::string text;
  for (const Trace::Event& event : trace.events)
    if (event.lcore == lcore && event.action == action) text += std::string(text.empty() ? "" : " ") + std::string(event.name.substr(8));
  return text;
}

}  // namespace

TEST_CASE("C12: tracing is off by default; on, a packet's softirqs are there; off again, they stay and none is added") {
  SteeringWorld w(2, [](Config& c) { c.ports[0].rps_cpus = config::LcoreMask(2); });
  w.listen();
  w.inject(1000);
  w.run();
  CHECK(w.engine->sysctl("trace.tracing_on").value() == "0");
  CHECK(w.engine->trace().events.empty());
  CHECK(w.engine->trace().written == 0);

  REQUIRE(w.engine->set_sysctl("trace.tracing_on", "1"));
  w.inject(1000);
  w.run(1);
  REQUIRE(w.engine->set_sysctl("trace.tracing_on", "0"));
  const Trace trace = w.engine->trace();
  // Lcore 0 polls its queue; lcore 1 polls its backlog, where the packet is.
  CHECK(names(trace, 0, "NET_RX") == "raise entry exit");
  CHECK(names(trace, 1, "NET_RX") == "raise entry exit");
  CHECK(trace.written == trace.events.size());
  w.inject(1000);
  w.run();
  CHECK(w.engine->trace().written == trace.written);
  CHECK(w.arrived[1000].size() == 3);
}

TEST_CASE("C12: the ring keeps the newest trace.buffer_events of each lcore; tracing begun anew begins with an empty one") {
  SteeringWorld w(1, [](Config& c) { c.sysctl.trace_buffer_events = 8; });
  w.run(1);
  REQUIRE(w.engine->set_sysctl("trace.tracing_on", "1"));
  for (int i = 0; i < 100; ++i) {
    w.engine->set_clock(w.engine->now() + 1us);
    w.run(1);
  }
  REQUIRE(w.engine->set_sysctl("trace.tracing_on", "0"));
  Trace trace = w.engine->trace();
  CHECK(trace.events.size() == 8);
  CHECK(trace.written == 300);
  CHECK(trace.events.back().when == w.engine->now());
  CHECK(trace.events.back().name == "softirq_exit");
  REQUIRE(w.engine->set_sysctl("trace.buffer_events", "16"));
  CHECK(w.engine->trace().events.size() == 8);
  REQUIRE(w.engine->set_sysctl("trace.tracing_on", "1"));
  CHECK(w.engine->trace().written == 0);
  w.run(1);
  CHECK(w.engine->trace().events.size() == 3);
  const auto refused = w.engine->set_sysctl("trace.buffer_events", "1000");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "trace.buffer_events: 1000: must be a power of two in 1..1048576");
}

TEST_CASE("C12: an engine configured to trace does so from its beginning; a running one is traced and left alone again") {
  SteeringWorld w(2, [](Config& c) {
    c.clock = config::ClockSource::tsc;
    c.sysctl.trace_tracing_on = 1;
  });
  REQUIRE(w.engine->start());
  while (w.engine->trace().written < 100) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(w.engine->set_sysctl("trace.tracing_on", "0"));
    const std::uint64_t written = w.engine->trace().written;
    CHECK(w.engine->trace().written == written);
    REQUIRE(w.engine->set_sysctl("trace.tracing_on", "1"));
  }
  while (w.engine->trace().written == 0) std::this_thread::yield();
  w.engine->stop();
}

TEST_CASE("C12: the text is that of Linux's trace file") {
  const Trace trace{.events = {{Instant(5ms), 3, "softirq_raise", 3, "NET_RX"}, {Instant(1'000'007us), 3, "softirq_entry", 3, "NET_RX"}}, .written = 9};
  CHECK(trace.to_text() ==
        "# entries-in-buffer/entries-written: 2/9\n"
        "[003]     0.005000: softirq_raise: vec=3 [action=NET_RX]\n"
        "[003]     1.000007: softirq_entry: vec=3 [action=NET_RX]\n");
}

TEST_CASE("I2: a write goes through the stages of the way out, in Linux's order, of both versions") {
  test::TwoEngines world;
  std::vector<std::unique_ptr<test::Conversation>> accepted;
  for (const char* server : {"10.77.0.2:80", "[fd00:77::2]:80"}) {
    accept_into(*world.b, test::endpoint(server), accepted);
    test::Conversation client;
    client.join(**test::TwoEngines::sockets(*world.a).connect(test::endpoint(server)));
    REQUIRE(world.run_until([&] { return client.connected; }));
    world.run_for(1s);
    REQUIRE(world.a->set_sysctl("trace.tracing_on", "1"));
    CHECK(client.stream->write(test::bytes("text")) == 4);
    world.a->run_once();
    REQUIRE(world.a->set_sysctl("trace.tracing_on", "0"));
    std::vector<std::string_view> way;
    for (const Trace::Event& event : world.a->trace().events)
      if (event.action.empty()) way.push_back(event.name);
    CHECK(way == std::vector<std::string_view>{"tcp_sendmsg", "tcp_write_xmit", "tcp_transmit_skb", "ip_queue_xmit", "ip_finish_output2", "dev_queue_xmit", "dev_hard_start_xmit"});
    const std::string text = world.a->trace().to_text();
    CHECK(text.find(": dev_hard_start_xmit\n") != std::string::npos);
    client.stream->close();
    world.run_for(200s);
  }
}
