// SPDX-License-Identifier: BSD-3-Clause
// What Linux's own tools make of our /proc/net: iproute2's nstat and ss read the files that an engine prints, and the kernel
// under the test has the same columns (receive_path H9, H10, J7, J8).
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/proc_net_readers.hpp"
#include "tests/support/two_engines.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

using namespace millrace;
using namespace millrace::test;
namespace fs = std::filesystem;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A host that has received three datagrams: two wait in a socket, one met a closed port; and what it prints as files.
struct Printed {
  Printed() {
    fs::create_directories(folder);
    const auto bound = [](Engine& engine, const char* local) -> UdpSocket& { return **TwoEngines::sockets(engine).bind_udp(endpoint(local)); };
    bound(*world.b, "10.77.0.2:7").connect(endpoint("10.77.0.1:99"));
    bound(*world.b, "[::]:9");
    UdpSocket& sender = bound(*world.a, "10.77.0.1:99");
    for (const char* to : {"10.77.0.2:7", "10.77.0.2:7", "10.77.0.2:8"}) {
      sender.send_to(bytes("text"), endpoint(to));
      world.run_for(std::chrono::seconds(1));
    }
    print("snmp", world.b->proc_net_snmp());
    print("snmp6", world.b->proc_net_snmp6());
    print("netstat", world.b->proc_net_netstat());
    print("udp", world.b->proc_net_udp());
    print("udp6", world.b->proc_net_udp6());
  }
  ~Printed() { fs::remove_all(folder); }
  void print(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
  [[nodiscard]] std::string file(const std::string& name) const { return (folder / name).string(); }
  /// The lines that a tool prints, which finds the files by its own environment variables.
  [[nodiscard]] std::vector<std::string> run(const std::string& tool) const {
    std::string command;
    for (const char* name : {"snmp", "snmp6", "netstat", "udp", "udp6"}) {
      std::string variable = "PROC_NET_" + std::string(name);
      std::transform(variable.begin(), variable.end(), variable.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      command += variable + "=" + file(name) + " ";
    }
    command += "PROC_NET_SCTP_SNMP=/dev/null NSTAT_HISTORY=" + file("history") + " " + tool + " >" + file("out") + " 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    std::istringstream in(read_file(file("out")));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  TwoEngines world;
  fs::path folder = fs::temp_directory_path() / ("proc_net_" + std::to_string(getpid()));
};

// Whether all of `some` stand among `all` in the same order.
bool is_part_of(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  auto at = all.begin();
  for (const std::string& name : some) {
    at = std::find(at, all.end(), name);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}

}  // namespace

TEST_CASE("H9, H10, J7: nstat reads our counters under the names and with the values that Linux's would have") {
  const Printed host;
  std::map<std::string, std::string> shown;
  for (const std::string& line : host.run("nstat -azs"))
    if (const auto words = words_of(line); words.size() == 3) shown[words[0]] = words[1];
  CHECK(shown.at("IpInReceives") == "3");
  CHECK(shown.at("IpOutRequests") == "1");
  CHECK(shown.at("UdpNoPorts") == "1");
  CHECK(shown.at("UdpInDatagrams") == "0");
  CHECK(shown.at("IcmpOutDestUnreachs") == "1");
  CHECK(shown.at("IcmpMsgOutType3") == "1");
  CHECK(shown.at("IpExtInOctets") == std::to_string(3 * 32));
  CHECK(shown.at("IpExtInNoECTPkts") == "3");
  CHECK(shown.at("Ip6InReceives") == "0");
  CHECK(shown.at("Udp6MemErrors") == "0");
  CHECK(shown.at("TcpExtTCPTimeouts") == "0");
}

TEST_CASE("J8: ss shows our UDP sockets") {
  const Printed host;
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : host.run("ss -Huan")) rows.push_back(words_of(line));
  REQUIRE(rows.size() == 2);
  std::sort(rows.begin(), rows.end());
  CHECK(rows[0] == std::vector<std::string>{"ESTAB", "4736", "0", "10.77.0.2:7", "10.77.0.1:99"});
  CHECK(rows[1][0] == "UNCONN");
  CHECK(rows[1][3].ends_with(":9"));
}

TEST_CASE("H9, H10: the columns are this kernel's; of an older or a newer one those that both have, in the same order") {
  const Printed host;
  const bool is_same = read_file("/proc/sys/kernel/osrelease").starts_with("6.18.");
  for (const auto& [name, titles] : std::map<std::string, std::vector<std::string>>{{"snmp", {"Ip", "Icmp", "Tcp", "Udp", "UdpLite"}}, {"netstat", {"TcpExt", "IpExt"}}})
    for (const std::string& title : titles) {
      const auto kernels = columns_of(read_file("/proc/net/" + name), title);
      const auto ours = columns_of(read_file(host.file(name)), title);
      if (kernels.empty()) continue;  // UdpLite is gone from kernels of 2026
      if (is_same) CHECK(ours == kernels);
      CHECK((is_part_of(kernels, ours) || is_part_of(ours, kernels)));
    }
  for (const char* name : {"udp", "udp6"}) CHECK(lines_of(read_file(host.file(name)))[0] == lines_of(read_file(std::string("/proc/net/") + name))[0]);
  CHECK(lines_of(host.world.b->proc_net_protocols())[0] == lines_of(read_file("/proc/net/protocols"))[0]);
  CHECK(lines_of(host.world.b->proc_net_arp())[0] == lines_of(read_file("/proc/net/arp"))[0]);
  CHECK(lines_of(host.world.b->proc_net_route())[0] == lines_of(read_file("/proc/net/route"))[0]);
  CHECK(lines_of(host.world.b->proc_net_igmp())[0] == lines_of(read_file("/proc/net/igmp"))[0]);
}

TEST_CASE("H11: igmp and igmp6 tell of the groups that all hosts are in as this kernel does") {
  const Printed host;
  const auto lines_with = [](const std::string& text, const std::string& group) {
    std::vector<std::string> found;
    for (const std::string& line : lines_of(text))
      if (const auto at = line.find(group); at != std::string::npos) found.push_back(line.substr(at));
    return found;
  };
  const auto ours = lines_with(host.world.b->proc_net_igmp(), "010000E0"), kernels = lines_with(read_file("/proc/net/igmp"), "010000E0");
  REQUIRE_FALSE(ours.empty());
  if (!kernels.empty()) CHECK(ours[0] == kernels[0]);  // a namespace whose interfaces are down has none
  for (const std::string all_nodes : {"ff020000000000000000000000000001", "ff010000000000000000000000000001"}) {
    const auto ours6 = lines_with(host.world.b->proc_net_igmp6(), all_nodes), kernels6 = lines_with(read_file("/proc/net/igmp6"), all_nodes);
    REQUIRE_FALSE(ours6.empty());
    if (!kernels6.empty()) CHECK(ours6[0] == kernels6[0]);
  }
}

TEST_CASE("H9: snmp6 has this kernel's names") {
  if (!fs::exists("/proc/net/snmp6")) return;  // a kernel without IPv6
  const Printed host;
  const auto names = [](const std::string& text) {
    std::vector<std::string> all;
    for (const std::string& line : lines_of(text))
      if (const std::string name = words_of(line)[0]; name.find("Type") == std::string::npos) all.push_back(name);
    return all;
  };
  const auto kernels = names(read_file("/proc/net/snmp6"));
  const auto ours = names(read_file(host.file("snmp6")));
  if (read_file("/proc/sys/kernel/osrelease").starts_with("6.18.")) CHECK(ours == kernels);
  CHECK((is_part_of(kernels, ours) || is_part_of(ours, kernels)));
}
