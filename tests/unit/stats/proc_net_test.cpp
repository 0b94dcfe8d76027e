// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/proc_net.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/proc_net_readers.hpp"

#include <array>

using namespace millrace;
using namespace millrace::test;

namespace {

struct Lcores {
  Lcores() : all{&stats[0], &stats[1]} {}
  std::array<stats::LcoreStats, 2> stats;
  std::array<const stats::LcoreStats*, 2> all;
};

}  // namespace

TEST_CASE("H9: the Ip: line has Linux's 19 fields, Forwarding to FragCreates, then OutTransmits; lcores are added up") {
  Lcores lcores;
  for (stats::LcoreStats& one : lcores.stats) {
    one.ip.add(stats::Ip::InReceives, 5);
    one.ip.add(stats::Ip::InHdrErrors, 2);
    one.ip.add(stats::Ip::OutTransmits, 3);
  }
  const std::string text = stats::to_proc_net_snmp(lcores.all, {.default_ttl = 60, .established = 7});
  CHECK(lines_of(text)[0] ==
        "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests "
        "OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits");
  CHECK(lines_of(text)[1] == "Ip: 2 60 10 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 6");
  const Snmp snmp = read_snmp(text);
  CHECK(snmp.at("Ip").at("InReceives") == 10);
  CHECK(snmp.at("Tcp").at("CurrEstab") == 7);
  CHECK(snmp.at("Tcp").at("MaxConn") == -1);
  CHECK(snmp.at("Tcp").size() == 15);
  CHECK(snmp.at("Icmp").size() == 29);
  CHECK(snmp.at("Udp").size() == 9);
  CHECK(snmp.at("UdpLite") == std::map<std::string, long long>{{"InDatagrams", 0}, {"NoPorts", 0}, {"InErrors", 0}, {"OutDatagrams", 0}, {"RcvbufErrors", 0},
                                                               {"SndbufErrors", 0}, {"InCsumErrors", 0}, {"IgnoredMulti", 0}, {"MemErrors", 0}});
  CHECK(snmp.count("IcmpMsg") == 0);  // nothing came or went
  CHECK(read_snmp(stats::to_proc_net_snmp(lcores.all, {.is_forwarding = true})).at("Ip").at("Forwarding") == 1);
}

TEST_CASE("H9: IcmpMsg lists the types that came or went, those that came first") {
  Lcores lcores;
  lcores.stats[0].icmp.add(stats::Icmp::InEchos, 3);
  lcores.stats[1].icmp.add(stats::Icmp::InDestUnreachs, 1);
  lcores.stats[1].icmp.add(stats::Icmp::OutEchoReps, 2);
  const std::string text = stats::to_proc_net_snmp(lcores.all, {});
  CHECK(text.find("\nIcmpMsg: InType3 InType8 OutType0\nIcmpMsg: 1 3 2\nTcp: ") != std::string::npos);
  const Snmp snmp = read_snmp(text);
  CHECK(snmp.at("Icmp").at("InEchos") == 3);
  CHECK(snmp.at("Icmp").at("OutTimestamps") == 0);  // a column without a counter
}

TEST_CASE("J7: the Udp: line has Linux's nine columns, and udp6 is in snmp6") {
  Lcores lcores;
  lcores.stats[0].udp.add(stats::Udp::MemErrors, 4);
  lcores.stats[1].udp.add(stats::Udp::InDatagrams, 9);
  lcores.stats[1].udp6.add(stats::Udp::SndbufErrors, 6);
  const std::string text = stats::to_proc_net_snmp(lcores.all, {});
  CHECK(text.find("\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n"
                  "Udp: 9 0 0 0 0 0 0 0 4\n") != std::string::npos);
  CHECK(read_snmp6(stats::to_proc_net_snmp6(lcores.all)).at("Udp6SndbufErrors") == 6);
}

TEST_CASE("H10: the IpExt: line has Linux's 18 columns; TcpExt: has all of Linux's, 0 where there is no counter") {
  Lcores lcores;
  lcores.stats[0].ip.add(stats::Ip::InCEPkts);
  lcores.stats[0].ip.add(stats::Ip::InOctets, 1000);
  lcores.stats[1].ip.add(stats::Ip::InTruncatedPkts, 2);
  lcores.stats[1].tcp_ext.add(stats::TcpExt::ListenDrops, 3);
  lcores.stats[1].tcp_ext.add(stats::TcpExt::TCPNoBuffer, 5);  // not Linux's, not here
  const std::string text = stats::to_proc_net_netstat(lcores.all);
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 4);
  CHECK(lines[2] ==
        "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets OutMcastOctets "
        "InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps");
  CHECK(lines[3] == "IpExt: 0 2 0 0 0 0 1000 0 0 0 0 0 0 0 0 0 1 0");
  const Snmp netstat = read_snmp(text);
  CHECK(netstat.at("TcpExt").size() == 135);
  CHECK(netstat.at("TcpExt").at("ListenDrops") == 3);
  CHECK(netstat.at("TcpExt").at("TCPHPHits") == 0);
  CHECK(netstat.at("TcpExt").count("TCPNoBuffer") == 0);
}

TEST_CASE("H10: snmp6 has a line for each name, padded to 32; types of ICMPv6 that came or went stand behind the named ones") {
  Lcores lcores;
  lcores.stats[0].ip6.add(stats::Ip6::InCEPkts, 2);
  lcores.stats[0].icmp6.add(stats::Icmp6::InNeighborSolicits, 3);
  lcores.stats[0].icmp6.add(stats::Icmp6::OutDestUnreachs, 1);
  const std::string text = stats::to_proc_net_snmp6(lcores.all);
  CHECK(lines_of(text)[0] == "Ip6InReceives                   \t0");
  CHECK(text.find("\nIcmp6OutMLDv2Reports            \t0\nIcmp6InType135                  \t3\nIcmp6OutType1                   \t1\nUdp6InDatagrams ") !=
        std::string::npos);
  const auto snmp6 = read_snmp6(text);
  CHECK(snmp6.at("Ip6InCEPkts") == 2);
  CHECK(snmp6.at("Icmp6InNeighborSolicits") == 3);
  CHECK(snmp6.at("Ip6ReasmTimeout") >= 0);
  CHECK(snmp6.count("UdpLite6IgnoredMulti") == 0);  // as on Linux
}
