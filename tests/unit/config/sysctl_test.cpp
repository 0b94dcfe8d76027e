// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/sysctl.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

using namespace millrace;
using namespace millrace::config;

TEST_CASE("every tunable has a name of its own, help, and a default that it allows") {
  std::set<std::string_view> names;
  for (const SysctlKey& key : sysctl_keys()) {
    CAPTURE(key.name);
    CHECK(names.insert(key.name).second);
    CHECK(!key.help.empty());
    Sysctl sysctl;
    const auto text = get_sysctl(sysctl, key.name);
    REQUIRE(text);
    CHECK(set_sysctl(sysctl, key.name, *text).has_value());
    CHECK(sysctl == Sysctl{});
  }
}

TEST_CASE("defaults are those of the kernel") {
  const Sysctl s;
  CHECK(s.netdev_budget == 300);
  CHECK(s.netdev_budget_usecs == 2000);
  CHECK(s.dev_weight == 64);
  CHECK(s.netdev_max_backlog == 1000);
  CHECK(s.netdev_tstamp_prequeue == 1);
  CHECK(s.busy_poll == 0);
  CHECK(s.busy_read == 0);
  CHECK(s.rmem_default == 212992);
  CHECK(s.tcp_rmem == std::array<std::int64_t, 3>{4096, 131072, 33554432});
  CHECK(s.tcp_wmem == std::array<std::int64_t, 3>{4096, 16384, 4194304});
  CHECK(s.ip_local_port_range == std::array<std::int64_t, 2>{32768, 60999});
  CHECK(s.gro_compat == gro_compat_none);
}

TEST_CASE("values are set and read by dotted name") {
  Sysctl s;
  REQUIRE(set_sysctl(s, "net.core.netdev_budget", "600"));
  CHECK(s.netdev_budget == 600);
  REQUIRE(set_sysctl(s, "net.ipv4.tcp_rmem", " 4096\t8192  16384\n"));
  CHECK(s.tcp_rmem == std::array<std::int64_t, 3>{4096, 8192, 16384});
  CHECK(get_sysctl(s, "net.ipv4.tcp_rmem").value() == "4096\t8192\t16384");
  REQUIRE(set_sysctl(s, "gro.compat", "linux"));
  CHECK(s.gro_compat == gro_compat_linux);
  CHECK(get_sysctl(s, "gro.compat").value() == "linux");
}

TEST_CASE("masks, powers of two, and what is rounded up to one") {
  Sysctl s;
  CHECK(s.flow_limit_table_len == 4096);
  CHECK(s.flow_limit_cpu_bitmap.none());
  REQUIRE(set_sysctl(s, "net.core.flow_limit_cpu_bitmap", "f,00000001\n"));
  CHECK(s.flow_limit_cpu_bitmap == *parse_lcore_mask("f,00000001"));
  CHECK(get_sysctl(s, "net.core.flow_limit_cpu_bitmap").value() == "f,00000001");
  REQUIRE(set_sysctl(s, "net.core.flow_limit_table_len", "8192"));
  CHECK(s.flow_limit_table_len == 8192);
  CHECK(get_sysctl(s, "net.core.rps_sock_flow_entries").value() == "0");
  REQUIRE(set_sysctl(s, "net.core.rps_sock_flow_entries", "5000"));
  CHECK(get_sysctl(s, "net.core.rps_sock_flow_entries").value() == "8192");
  REQUIRE(set_sysctl(s, "net.core.rps_sock_flow_entries", "536870912"));
  CHECK(get_sysctl(s, "net.core.rps_sock_flow_entries").value() == "536870912");
}

TEST_CASE("a value that is not allowed changes nothing and says what is") {
  const auto [name, text, valid] = GENERATE(table<std::string, std::string, std::string>({
      {"net.core.netdev_budget", "0", "1..1000000"},
      {"net.core.netdev_budget", "1000001", "1..1000000"},
      {"net.core.netdev_budget", "many", "1..1000000"},
      {"net.core.netdev_budget", "3x", "1..1000000"},
      {"net.core.netdev_budget", "", "1..1000000"},
      {"net.core.netdev_budget", "1 2", "1..1000000"},
      {"net.core.netdev_budget", "99999999999999999999", "1..1000000"},
      {"net.ipv4.ip_local_port_range", "60000 50000", "2 numbers 1..65535, none below the one before it"},
      {"net.ipv4.ip_local_port_range", "60000", "2 numbers 1..65535, none below the one before it"},
      {"gro.compat", "lunix", "none or linux"},
      {"gro.compat", "1", "none or linux"},
      {"net.core.flow_limit_table_len", "3000", "a power of two in 1..1048576"},
      {"net.core.flow_limit_table_len", "0", "a power of two in 1..1048576"},
      {"net.core.rps_sock_flow_entries", "536870913", "0..536870912"},
      {"net.core.rps_sock_flow_entries", "-1", "0..536870912"},
      {"net.core.flow_limit_cpu_bitmap", "x", "a mask of lcores in hex, such as 3 or 0,000000ff"},
      {"net.core.flow_limit_cpu_bitmap", "1 2", "a mask of lcores in hex, such as 3 or 0,000000ff"},
  }));
  CAPTURE(name, text);
  Sysctl s;
  const auto set = set_sysctl(s, name, text);
  REQUIRE(!set);
  CHECK(set.error().code == EINVAL);
  CHECK(set.error().message == "must be " + valid);
  CHECK(s == Sysctl{});
}

TEST_CASE("an unknown tunable is named with the nearest one") {
  Sysctl s;
  const auto set = set_sysctl(s, "net.core.netdev_buget", "1");
  REQUIRE(!set);
  CHECK(set.error().code == ENOENT);
  CHECK(set.error().message == "no such tunable: net.core.netdev_buget; did you mean net.core.netdev_budget?");
  CHECK(get_sysctl(s, "kernel.sysrq").error().message == "no such tunable: kernel.sysrq");
}
