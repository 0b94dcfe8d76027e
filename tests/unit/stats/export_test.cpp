// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/export.hpp>

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <sstream>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::stats;

namespace {

struct Declared {
  const char* group;
  const char* name;
  const char* help;
};

// The .def files once more, apart from the library's own reading of them.
std::vector<Declared> declared() {
  std::vector<Declared> all;
  const char* group = "";
#define MR_X(id, name, help) all.push_back({group, name, help});
  group = "softnet";
#include <millrace/stats/softnet.def>
  group = "softirq";
#include <millrace/stats/softirq.def>
  group = "softirq_raised";
#include <millrace/stats/softirq.def>
  group = "softirq_latency";
#include <millrace/stats/softirq_latency.def>
  group = "backlog_run";
#include <millrace/stats/backlog_run.def>
  group = "gro";
#include <millrace/stats/gro.def>
  group = "gso";
#include <millrace/stats/gso.def>
  group = "steer";
#include <millrace/stats/steer.def>
  group = "neighbor";
#include <millrace/stats/neighbor.def>
  group = "ip";
#include <millrace/stats/ip.def>
  group = "ip6";
#include <millrace/stats/ip6.def>
  group = "icmp";
#include <millrace/stats/icmp.def>
  group = "icmp6";
#include <millrace/stats/icmp6.def>
  group = "udp";
#include <millrace/stats/udp.def>
  group = "udp6";
#include <millrace/stats/udp.def>
  group = "tcp";
#include <millrace/stats/tcp.def>
  group = "tcp_ext";
#include <millrace/stats/tcp_ext.def>
  group = "socket";
#include <millrace/stats/socket.def>
  group = "tap";
#include <millrace/stats/tap.def>
  group = "xdp";
#include <millrace/stats/xdp.def>
  group = "port";
#include <millrace/stats/port.def>
  group = "pool";
#include <millrace/stats/pool.def>
  group = "ledger";
#include <millrace/stats/ledger.def>
  group = "drop";
#include <millrace/stats/drop.def>
#undef MR_X
  return all;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct TwoLcores {
  TwoLcores() {
    a.softnet.add(Softnet::processed, 0x1'0000'0005);
    a.softnet.add(Softnet::dropped, 2);
    a.softnet.add(Softnet::time_squeeze, 3);
    a.softnet.add(Softnet::received_rps, 4);
    a.softnet.add(Softnet::flow_limit_count, 5);
    a.drop.add(DropReason::backlog_full, 40);
    b.drop.add(DropReason::backlog_full, 2);
    b.udp6.add(Udp::NoPorts, 9);
  }
  LcoreStats a;
  LcoreStats b;
  std::array<const LcoreStats*, 2> both{&a, &b};
};

}  // namespace

TEST_CASE("the text shows every counter once, summed, in columns") {
  const TwoLcores l;
  const auto lines = lines_of(to_text(l.both));
  const auto all = declared();
  REQUIRE(lines.size() == all.size());
  std::size_t column = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::istringstream in(lines[i]);
    std::string name;
    std::uint64_t value = 0;
    in >> name >> value;
    CHECK(name == std::string(all[i].group) + "." + all[i].name);
    const auto help_at = lines[i].rfind(std::string("  ") + all[i].help);
    CHECK(help_at != std::string::npos);
    if (i == 0) column = help_at;
    CHECK(help_at == column);
    if (name == "drop.backlog_full") CHECK(value == 42);
    if (name == "udp6.NoPorts") CHECK(value == 9);
    if (name == "udp.NoPorts") CHECK(value == 0);
  }
}

TEST_CASE("the text can leave zeros out") {
  const TwoLcores l;
  const auto lines = lines_of(to_text(l.both, Show::non_zero));
  CHECK(lines.size() == 7);
  for (const auto& line : lines) CHECK(line.find(" 0  ") == std::string::npos);
  const LcoreStats idle;
  const LcoreStats* one[] = {&idle};
  CHECK(to_text(one, Show::non_zero).empty());
  CHECK(lines_of(to_text({})).size() == declared().size());
}

TEST_CASE("the JSON parses and holds every counter of every group") {
  const TwoLcores l;
  for (int indent : {-1, 2}) {
    const auto json = nlohmann::json::parse(to_json(l.both, indent));
    std::size_t counters = 0;
    for (const auto& group : json) counters += group.size();
    CHECK(counters == declared().size());
    for (const Declared& d : declared()) {
      INFO(d.group << "." << d.name);
      CHECK(json.at(d.group).at(d.name).is_number_unsigned());
    }
    CHECK(json.at("drop").at("backlog_full") == 42);
    CHECK(json.at("softnet").at("processed") == 0x1'0000'0005);
  }
}

TEST_CASE("Prometheus gets help, type and value of every counter, in its character set") {
  const TwoLcores l;
  const auto lines = lines_of(to_prometheus(l.both));
  const auto all = declared();
  REQUIRE(lines.size() == 3 * all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = std::string("millrace_") + all[i].group + "_" + all[i].name + "_total";
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") ==
          std::string::npos);
    CHECK(lines[3 * i] == "# HELP " + name + " " + all[i].help);
    CHECK(lines[3 * i + 1] == "# TYPE " + name + " counter");
    CHECK(lines[3 * i + 2].rfind(name + " ", 0) == 0);
  }
  CHECK(to_prometheus(l.both).find("\nmillrace_drop_backlog_full_total 42\n") != std::string::npos);
}

TEST_CASE("softnet_stat has Linux's 15 columns, one row an lcore") {
  const TwoLcores l;
  const SoftnetRow rows[] = {{&l.a, 0, 7, 8}, {&l.b, 3, 0, 0x10}};
  CHECK(to_softnet_stat(rows) ==
        "00000005 00000002 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000004 00000005 0000000f "
        "00000000 "
        "00000007 00000008\n"
        "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 "
        "00000003 "
        "00000000 00000010\n");
  CHECK(to_softnet_stat({}).empty());
}
