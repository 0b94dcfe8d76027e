// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/proc_net.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/proc_net_readers.hpp"

#include <array>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress own4 = IpAddress::v4(10, 77, 0, 2), own6 = *IpAddress::parse("fd00:77::2");
const std::array rows{stats::UdpRow{.bucket = 7, .local = {IpAddress::v4(0, 0, 0, 0), 7}, .rx_queue = 0x1234, .inode = 5, .drops = 42},
                      stats::UdpRow{.bucket = 53, .local = {own4, 53}, .remote = {IpAddress::v4(192, 0, 2, 1), 9999}, .inode = 6},
                      stats::UdpRow{.bucket = 8, .local = {own6, 8}, .remote = {*IpAddress::parse("fd00:77::1"), 65535}, .inode = 7},
                      stats::UdpRow{.bucket = 9, .local = {IpAddress{}, 9}, .inode = 8}};

}  // namespace

TEST_CASE("J8: /proc/net/udp: 15 columns, addresses little-endian, st 07 and 01, padded to 127") {
  const std::string text = stats::to_proc_net_udp(rows);
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            ");
  CHECK(lines[1] == "    7: 00000000:0007 00000000:0000 07 00000000:00001234 00:00000000 00000000     0        0 5 2 0000000000000000 42            ");
  for (const auto& line : lines) CHECK(line.size() == 127);
  // sl, address and port twice, st, tx, rx, tr, when, retrnsmt, uid, timeout, inode, ref, pointer, drops
  CHECK(words_of(lines[1], true).size() == 15 + 2);
  const auto read = read_udp(text, false);
  CHECK(read[0].local == "0.0.0.0:7");
  CHECK(read[0].remote == "0.0.0.0:0");
  CHECK(read[0].state == 7);
  CHECK(read[0].tx_queue == 0);
  CHECK(read[0].rx_queue == 0x1234);
  CHECK(read[0].uid == 0);
  CHECK(read[0].inode == 5);
  CHECK(read[0].references == 2);
  CHECK(read[0].drops == 42);
  CHECK(read[1].local == "10.77.0.2:53");
  CHECK(lines[2].find(" 02004D0A:0035 010200C0:270F 01 ") != std::string::npos);
  CHECK(read[1].remote == "192.0.2.1:9999");
  CHECK(read[1].state == 1);
}

TEST_CASE("J8: /proc/net/udp6: the same of the sockets of IPv6") {
  const std::string text = stats::to_proc_net_udp6(rows);
  CHECK(lines_of(text)[0] ==
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout inode ref pointer drops");
  CHECK(words_of(lines_of(text)[1], true).size() == 15 + 2);
  const auto read = read_udp(text, true);
  REQUIRE(read.size() == 2);
  CHECK(read[0].local == "[fd00:77::2]:8");
  CHECK(read[0].remote == "[fd00:77::1]:65535");
  CHECK(read[0].state == 1);
  CHECK(read[1].local == "[::]:9");
  CHECK(read[1].inode == 8);
  CHECK(text.find("    8: 770000FD000000000000000002000000:0008 770000FD000000000000000001000000:FFFF 01 ") != std::string::npos);
}

TEST_CASE("H15: /proc/net/protocols: Linux's columns, and the 18 calls in single letters") {
  const std::array protocols{stats::ProtocolRow{.name = "UDPv6", .size = 1472, .sockets = 3, .memory = 46, .calls = "yyynyyynyyyynnyyyn"},
                             stats::ProtocolRow{.name = "TCP", .size = 2304, .max_header = 192, .slab = false, .calls = "nnnnnnnnnnnnnnnnnn"}};
  const auto lines = lines_of(stats::to_proc_net_protocols(protocols));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em");
  CHECK(lines[1] == "UDPv6     1472      3      46   NI       0   yes  millrace    y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n");
  CHECK(lines[2] == "TCP       2304      0      -1   NI     192   no   millrace    n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n");
}

TEST_CASE("/proc/net/arp: valid, permanent and unanswered neighbours") {
  const std::array neighbours{stats::ArpRow{.address = own4, .mac = {{2, 0xfc, 0, 0, 0, 5}}, .is_valid = true, .device = "eth0"},
                              stats::ArpRow{.address = IpAddress::v4(192, 0, 2, 1), .mac = {{2, 0, 0, 0, 0, 1}}, .is_valid = true, .is_permanent = true, .device = "eth1"},
                              stats::ArpRow{.address = IpAddress::v4(10, 77, 0, 9), .mac = {{1, 1, 1, 1, 1, 1}}, .device = "eth0"}};
  const auto lines = lines_of(stats::to_proc_net_arp(neighbours));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "IP address       HW type     Flags       HW address            Mask     Device");
  CHECK(lines[1] == "10.77.0.2        0x1         0x2         02:fc:00:00:00:05     *        eth0");
  CHECK(lines[2] == "192.0.2.1        0x1         0x6         02:00:00:00:00:01     *        eth1");
  CHECK(lines[3] == "10.77.0.9        0x1         0x0         00:00:00:00:00:00     *        eth0");
}

TEST_CASE("/proc/net/route: the default route first, then by prefix; gateways and hosts flagged; nothing of IPv6") {
  const auto lines = lines_of(stats::to_proc_net_route({{.to = {IpAddress::v4(192, 0, 2, 0), 24}, .device = "eth0"},
                                                        {.to = {own6, 64}, .device = "eth0"},
                                                        {.to = {IpAddress::v4(10, 0, 0, 1), 32}, .via = IpAddress::v4(192, 0, 2, 9), .device = "eth1"},
                                                        {.to = {IpAddress::v4(0, 0, 0, 0), 0}, .via = IpAddress::v4(192, 0, 2, 1), .device = "eth0"}}));
  REQUIRE(lines.size() == 4);
  const auto padded = [](std::string line) { return line.append(127 - line.size(), ' '); };
  CHECK(lines[0] == padded("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"));
  CHECK(lines[1] == padded("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0"));
  CHECK(lines[2] == padded("eth1\t0100000A\t090200C0\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0"));
  CHECK(lines[3] == padded("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"));
}

TEST_CASE("H11: /proc/net/igmp and igmp6: a line for each interface of IPv4; groups with users, timer and flags") {
  const std::array devices{
      stats::GroupDevice{.ifindex = 1, .name = "lo", .groups = {{.group = IpAddress::v4(224, 0, 0, 1), .users = 1}, {.group = *IpAddress::parse("ff02::1"), .users = 1}}},
      stats::GroupDevice{.ifindex = 12,
                         .name = "eth0",
                         .igmp_version = 2,
                         .groups = {{.group = IpAddress::v4(224, 0, 0, 251), .users = 2, .timer = std::chrono::milliseconds(2579), .is_last_reporter = true},
                                    {.group = *IpAddress::parse("ff02::fb"), .users = 3, .timer = std::chrono::seconds(1), .is_last_reporter = true},
                                    {.group = *IpAddress::parse("ff02::1:ff00:2"), .users = 1},
                                    {.group = *IpAddress::parse("ff01::fb"), .users = 1}}}};
  CHECK(stats::to_proc_net_igmp(devices) ==
        "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
        "1\tlo        :     1      V3\n"
        "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
        "12\teth0      :     1      V2\n"
        "\t\t\t\tFB0000E0     2 1:00000101\t\t1\n");
  CHECK(stats::to_proc_net_igmp6(devices) ==
        "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
        "12   eth0            ff0200000000000000000000000000fb     3 00000007 100\n"
        "12   eth0            ff0200000000000000000001ff000002     1 00000004 0\n"
        "12   eth0            ff0100000000000000000000000000fb     1 00000008 0\n");
}
