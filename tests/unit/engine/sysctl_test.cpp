// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>

using namespace millrace;
using test::SteeringWorld;

namespace {

/// Gives `frames` datagrams to lcore 0, which hands them to lcore 1; that one stands still.
void offer(SteeringWorld& w, int frames) {
  for (int i = 0; i < frames; ++i) {
    w.inject(1000);
    if (i % 50 == 49) w.engine->run_once(0);
  }
  w.engine->run_once(0);
}

}  // namespace

TEST_CASE("F12: without rps_cpus netdev_max_backlog has no effect") {
  SteeringWorld w(2);
  w.listen();
  REQUIRE(w.engine->set_sysctl("net.core.netdev_max_backlog", "1"));
  offer(w, 300);
  CHECK(w.arrived[1000].size() == 300);
  CHECK(w.count("softnet", "dropped") == 0);
}

TEST_CASE("F12: with rps_cpus 1000 admits 1001; changed to 3000 while the engine runs, 3001") {
  SteeringWorld w(2, [](Config& c) { c.ports[0].rps_cpus = config::LcoreMask(2); });
  CHECK(w.engine->sysctl("net.core.netdev_max_backlog").value() == "1000");
  offer(w, 1500);
  CHECK(w.count("steer", "enqueued") == 1001);
  CHECK(w.count("drop", "backlog_full") == 499);
  REQUIRE(w.engine->set_sysctl("net.core.netdev_max_backlog", "3000"));
  CHECK(w.engine->sysctl("net.core.netdev_max_backlog").value() == "3000");
  offer(w, 2500);
  CHECK(w.count("steer", "enqueued") == 3001);
  CHECK(w.count("drop", "backlog_full") == 999);
  REQUIRE(w.engine->set_sysctl("net.core.netdev_max_backlog", "10"));
  offer(w, 1);
  CHECK(w.count("drop", "backlog_full") == 1000);
  w.run(100);
  CHECK(w.count("steer", "backlog_head") == 3001);
}

TEST_CASE("F12: dev_weight and netdev_budget change on every lcore while the engine runs") {
  SteeringWorld w(2, [](Config& c) { c.ports[0].rps_cpus = config::LcoreMask(2); });
  offer(w, 400);
  REQUIRE(w.engine->set_sysctl("net.core.dev_weight", "128"));
  REQUIRE(w.engine->set_sysctl("net.core.netdev_budget", "100"));
  REQUIRE(w.engine->set_sysctl("softirq.max_restart", "1"));
  w.engine->run_once(1);
  CHECK(w.count("steer", "backlog_head") == 128);
  CHECK(w.count("softnet", "time_squeeze", 1) == 1);
  w.run();
}

TEST_CASE("E14: gro_normal_batch changes while the engine runs") {
  SteeringWorld w(1);
  w.listen();
  REQUIRE(w.engine->set_sysctl("net.core.gro_normal_batch", "3"));
  CHECK(w.engine->sysctl("net.core.gro_normal_batch").value() == "3");
  for (std::uint16_t flow = 0; flow < 7; ++flow) w.inject(static_cast<std::uint16_t>(1000 + flow));
  w.run();
  CHECK(w.arrived.size() == 7);
}

TEST_CASE("F16: 3000 buckets are EINVAL; tables are made for the lcores of flow_limit_cpu_bitmap, with the length of that moment") {
  SteeringWorld w(2, [](Config& c) { c.ports[0].rps_cpus = config::LcoreMask(2); });
  const auto refused = w.engine->set_sysctl("net.core.flow_limit_table_len", "3000");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EINVAL);
  CHECK(refused.error().message == "net.core.flow_limit_table_len: 3000: must be a power of two in 1..1048576");
  CHECK(w.engine->sysctl("net.core.flow_limit_table_len").value() == "4096");
  offer(w, 1100);
  CHECK(w.count("softnet", "flow_limit_count") == 0);  // off by default
  w.run(100);

  REQUIRE(w.engine->set_sysctl("net.core.flow_limit_table_len", "8192"));
  REQUIRE(w.engine->set_sysctl("net.core.flow_limit_cpu_bitmap", "1"));
  CHECK(w.engine->sysctl("net.core.flow_limit_cpu_bitmap").value() == "1");
  offer(w, 1000);
  CHECK(w.count("softnet", "flow_limit_count", 0) == 436);  // 500 are below the half, 64 may be of one flow
  REQUIRE(w.engine->set_sysctl("net.core.flow_limit_cpu_bitmap", "2"));
  offer(w, 100);
  CHECK(w.count("softnet", "flow_limit_count", 0) == 436);
  w.run(100);
  CHECK(w.engine->set_sysctl("net.core.flow_limit_cpu_bitmap", "4").error().message ==
        "sysctl.net.core.flow_limit_cpu_bitmap: 4: names absent lcores; there are 2 lcores, numbered from 0");
}

TEST_CASE("F7: rps_sock_flow_entries reads back as the power of two that it is rounded up to") {
  SteeringWorld w(2);
  CHECK(w.engine->sysctl("net.core.rps_sock_flow_entries").value() == "0");
  for (const auto& [set, read] : {std::pair{"5000", "8192"}, std::pair{"32768", "32768"}, std::pair{"0", "0"}}) {
    REQUIRE(w.engine->set_sysctl("net.core.rps_sock_flow_entries", set));
    CHECK(w.engine->sysctl("net.core.rps_sock_flow_entries").value() == read);
  }
  CHECK(w.engine->set_sysctl("net.core.rps_sock_flow_entries", "536870913").error().message ==
        "net.core.rps_sock_flow_entries: 536870913: must be 0..536870912");
}

TEST_CASE("a tunable that is unknown, out of range or read only at the start says so and changes nothing") {
  SteeringWorld w(1);
  CHECK(w.engine->set_sysctl("net.core.netdev_max_backlog", "70000").error().message ==
        "net.core.netdev_max_backlog: 70000: must be 1..65535");
  CHECK(w.engine->sysctl("net.core.netdev_max_backlog").value() == "1000");
  const auto unknown = w.engine->set_sysctl("net.core.netdev_buget", "1");
  CHECK(unknown.error().code == ENOENT);
  CHECK(unknown.error().message.find("did you mean net.core.netdev_budget") != std::string::npos);
  CHECK_FALSE(w.engine->sysctl("net.core.netdev_buget"));
  const auto at_start = w.engine->set_sysctl("net.ipv4.tcp_syn_retries", "3");
  CHECK(at_start.error().code == EOPNOTSUPP);
  CHECK(w.engine->sysctl("net.ipv4.tcp_syn_retries").value() == "6");
}

TEST_CASE("net.core.busy_read holds for sockets that are made afterwards") {
  SteeringWorld w(1);
  REQUIRE(w.engine->set_sysctl("net.core.busy_read", "50"));
  const auto asked = w.engine->on_each_lcore([](Sockets& sockets) -> Result<void> {
    std::int64_t us = 0;
    CHECK((*sockets.bind_udp({IpAddress::v4(10, 77, 0, 2), 9}))->get_option(socket::Option::busy_poll, us) == 0);
    CHECK(us == 50);
    return {};
  });
  CHECK(asked);
}

TEST_CASE("J7: udp_mem and udp_rmem_min change while the engine runs") {
  SteeringWorld w(1);
  w.listen();
  REQUIRE(w.engine->set_sysctl("net.ipv4.udp_mem", "0 0 0"));
  CHECK(w.engine->sysctl("net.ipv4.udp_mem").value() == "0\t0\t0");
  for (int i = 0; i < 3; ++i) w.inject(1000);
  w.run();
  CHECK(w.count("udp", "MemErrors") == 3);
  CHECK(w.count("udp", "InErrors") == 3);
  CHECK(w.arrived.empty());
  REQUIRE(w.engine->set_sysctl("net.ipv4.udp_mem", "0 0 100"));  // whoever holds less than udp_rmem_min
  w.inject(1000);
  w.run();
  CHECK(w.arrived.size() == 1);
  CHECK(w.engine->set_sysctl("net.ipv4.udp_mem", "3 2 1").error().message ==
        "net.ipv4.udp_mem: 3 2 1: must be 3 numbers 0..2147483647, none below the one before it");
}
