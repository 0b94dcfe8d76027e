// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/proc_net_readers.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <algorithm>
#include <array>
#include <set>

using namespace millrace;
using namespace millrace::test;

namespace {

UdpSocket& bound(Engine& engine, std::string_view local, std::uint16_t lcore = 0) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(endpoint(local));
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

std::int64_t rcvbuf(UdpSocket& socket, std::int64_t bytes) { return socket.set_option(socket::Option::rcvbuf, bytes); }

// The words of the line that begins with `first`.
std::vector<std::string> line_of(const std::string& text, const std::string& first) {
  for (const std::string& line : lines_of(text)) {
    auto words = words_of(line);
    if (words[0] == first) return words;
  }
  return {};
}

// The datagram that RawFrame makes, with that ECN field.
std::vector<std::uint8_t> frame_with_ecn(std::uint8_t ecn) {
  auto frame = RawFrame{.destination = SteeringWorld::mac_of(0)}.bytes();
  frame[15] = ecn;
  frame[24] = frame[25] = 0;
  const std::uint16_t sum = static_cast<std::uint16_t>(~naive_sum(std::span(frame).subspan(14, 20)));
  frame[24] = static_cast<std::uint8_t>(sum >> 8);
  frame[25] = static_cast<std::uint8_t>(sum);
  return frame;
}

}  // namespace

TEST_CASE("J8: ss's reader finds a host's UDP sockets in /proc/net/udp and udp6: what waits, who was dropped, whom it is connected to") {
  TwoEngines world;
  UdpSocket& small = bound(*world.b, "0.0.0.0:7");
  UdpSocket& connected = bound(*world.b, "10.77.0.2:8");
  bound(*world.b, "[::]:9");
  CHECK(rcvbuf(small, 1) == 0);
  CHECK(connected.connect(endpoint("10.77.0.1:99")) == 0);
  UdpSocket& sender = bound(*world.a, "10.77.0.1:99");
  for (int i = 0; i < 3; ++i) {
    sender.send_to(bytes("text"), endpoint("10.77.0.2:7"));
    world.run_for(1s);
  }
  const std::string text = world.b->proc_net_udp();
  for (const std::string& line : lines_of(text)) CHECK(line.size() == 127);
  const auto rows = read_udp(text, false);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].local == "0.0.0.0:7");
  CHECK(rows[0].remote == "0.0.0.0:0");
  CHECK(rows[0].state == 7);
  CHECK(rows[0].rx_queue == 2368);  // one datagram in a buffer of 2048 bytes: its truesize
  CHECK(rows[0].drops == 2);
  CHECK(rows[1].local == "10.77.0.2:8");
  CHECK(rows[1].remote == "10.77.0.1:99");
  CHECK(rows[1].state == 1);
  CHECK(rows[1].rx_queue == 0);
  const auto rows6 = read_udp(world.b->proc_net_udp6(), true);
  REQUIRE(rows6.size() == 1);
  CHECK(rows6[0].local == "[::]:9");
  std::set<unsigned long long> inodes{rows[0].inode, rows[1].inode, rows6[0].inode, 0};
  CHECK(inodes.size() == 4);
  small.close();
  CHECK(read_udp(world.b->proc_net_udp(), false).size() == 1);
  CHECK(bound(*world.b, "0.0.0.0:7").local().port == 7);  // another socket in its place has another number
  inodes.insert(read_udp(world.b->proc_net_udp(), false)[0].inode);
  CHECK(inodes.size() == 5);
  CHECK(lines_of(world.b->proc_net_udp(1)).size() == 1);  // there is no stack 1
}

TEST_CASE("J8: a socket on each lcore is a row for each, and the engine's threads may run meanwhile") {
  Config config = host_config(2, 2);
  config.clock = config::ClockSource::tsc;
  auto engine = Engine::create(config);
  if (!engine) FAIL(engine.error().message);
  REQUIRE((*engine)->start());
  REQUIRE((*engine)->bind_udp(endpoint("0.0.0.0:7"), [](UdpSocket&) {}));
  const auto rows = read_udp((*engine)->proc_net_udp(), false);
  REQUIRE(rows.size() == 2);
  for (const SsRow& row : rows) CHECK(row.local == "0.0.0.0:7");
  CHECK(rows[0].inode != rows[1].inode);
  CHECK(read_snmp((*engine)->proc_net_snmp()).at("Tcp").at("CurrEstab") == 0);
  (*engine)->stop();
}

TEST_CASE("H9: netstat -s' reader finds a host's counters in /proc/net/snmp") {
  TwoEngines world({.adjust_b = [](Config& c) { c.sysctl.ip_default_ttl = 55; }});
  std::vector<std::unique_ptr<Conversation>> accepted;
  Conversation client;
  accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
  client.join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
  REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
  bound(*world.a, "10.77.0.1:99").send_to(bytes("text"), endpoint("10.77.0.2:7"));  // nobody's port
  world.run_for(1s);
  const Snmp snmp = read_snmp(world.b->proc_net_snmp());
  const auto total = [&](const char* group, const char* name) { return static_cast<long long>(world.b->stats().total(group, name)); };
  CHECK(snmp.at("Ip").at("Forwarding") == 2);
  CHECK(snmp.at("Ip").at("DefaultTTL") == 55);
  CHECK(snmp.at("Ip").at("InReceives") == 3);  // SYN, ACK and the datagram
  CHECK(snmp.at("Ip").at("InDelivers") == 3);
  CHECK(snmp.at("Ip").at("OutRequests") == 2);  // SYN-ACK, port unreachable
  CHECK(snmp.at("Ip").at("OutTransmits") == 2);
  CHECK(snmp.at("Tcp").at("PassiveOpens") == 1);
  CHECK(snmp.at("Tcp").at("CurrEstab") == 1);
  CHECK(snmp.at("Tcp").at("InSegs") == total("tcp", "InSegs"));
  CHECK(snmp.at("Udp").at("NoPorts") == 1);
  CHECK(snmp.at("Icmp").at("OutDestUnreachs") == 1);
  CHECK(snmp.at("IcmpMsg").at("OutType3") == 1);
  CHECK(read_snmp(world.a->proc_net_snmp()).at("IcmpMsg").at("InType3") == 1);
  client.stream->close();
  world.run_for(1s);
  CHECK(read_snmp(world.b->proc_net_snmp()).at("Tcp").at("CurrEstab") == 1);  // CLOSE-WAIT
  accepted[0]->stream->close();
  world.run_for(1s);
  CHECK(read_snmp(world.b->proc_net_snmp()).at("Tcp").at("CurrEstab") == 0);
}

TEST_CASE("H10: an ECN CE packet: InCEPkts=1 in /proc/net/netstat; octets and the other codes beside it") {
  SteeringWorld w(1);
  w.listen();
  const auto ip_ext = [&] { return read_snmp(w.engine->proc_net_netstat()).at("IpExt"); };
  CHECK(ip_ext().at("InCEPkts") == 0);
  w.engine->inject("net0", frame_with_ecn(3));
  w.run();
  CHECK(ip_ext().at("InCEPkts") == 1);
  CHECK(ip_ext().at("InNoECTPkts") == 0);
  CHECK(ip_ext().at("InOctets") == 60);  // 20 of IP, 8 of UDP, 32
  for (const std::uint8_t ecn : {0, 1, 1, 2, 2, 2}) w.engine->inject("net0", frame_with_ecn(ecn));
  w.run();
  CHECK(ip_ext().at("InCEPkts") == 1);
  CHECK(ip_ext().at("InNoECTPkts") == 1);
  CHECK(ip_ext().at("InECT1Pkts") == 2);
  CHECK(ip_ext().at("InECT0Pkts") == 3);
  CHECK(ip_ext().at("InOctets") == 7 * 60);
  CHECK(ip_ext().at("InNoRoutes") == 0);
}

TEST_CASE("H15: /proc/net/protocols lists tcp, udp, raw and ping of both versions, and how many sockets each has") {
  TwoEngines world;
  const auto sockets = [&](const char* name) {
    const auto words = line_of(world.b->proc_net_protocols(), name);
    REQUIRE(words.size() == 8 + 18);
    return std::stoi(words[2]);
  };
  for (const char* name : {"TCP", "TCPv6", "UDP", "UDPv6", "RAW", "RAWv6", "PING", "PINGv6"}) CHECK(sockets(name) == 0);
  CHECK(lines_of(world.b->proc_net_protocols()).size() == 9);
  std::vector<std::unique_ptr<Conversation>> accepted;
  Conversation client;
  accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
  client.join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
  REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
  UdpSocket& udp = bound(*world.b, "0.0.0.0:7");
  bound(*world.b, "[::]:7");
  bound(*world.b, "[::]:8");
  CHECK(sockets("TCP") == 2);  // the listener and its connection
  CHECK(sockets("TCPv6") == 0);
  CHECK(sockets("UDP") == 1);
  CHECK(sockets("UDPv6") == 2);
  CHECK(line_of(world.b->proc_net_protocols(), "UDP")[3] == "0");
  CHECK(line_of(world.b->proc_net_protocols(), "RAW")[3] == "-1");
  UdpSocket& sender = bound(*world.a, "10.77.0.1:99");
  for (int i = 0; i < 2; ++i) {
    sender.send_to(bytes("text"), endpoint("10.77.0.2:7"));
    world.run_for(1s);
  }
  CHECK(line_of(world.b->proc_net_protocols(), "UDP")[3] == "2");  // 2 times 2368 bytes, in pages
  udp.close();
  CHECK(sockets("UDP") == 0);
}

TEST_CASE("/proc/net/arp and route of a host: its neighbour, and the link's route") {
  TwoEngines world({.adjust_b = [](Config& c) {
    c.stacks[0].routes.push_back({.to = {IpAddress::v4(0, 0, 0, 0), 0}, .via = IpAddress::v4(10, 77, 0, 1)});
  }});
  CHECK(lines_of(world.b->proc_net_arp()).size() == 1);
  bound(*world.b, "10.77.0.2:7").send_to(bytes("text"), endpoint("10.77.0.1:9"));
  world.run_for(1s);
  const auto arp = line_of(world.b->proc_net_arp(), "10.77.0.1");
  REQUIRE(arp.size() == 6);
  CHECK(arp[2] == "0x2");
  CHECK(arp[3].size() == 17);
  const auto routes = lines_of(world.b->proc_net_route());
  REQUIRE(routes.size() == 3);
  CHECK(words_of(routes[1])[1] == "00000000");
  CHECK(words_of(routes[1])[2] == "01004D0A");
  CHECK(words_of(routes[1])[3] == "0003");
  CHECK(words_of(routes[2])[1] == "00004D0A");
  CHECK(words_of(routes[2])[7] == "00FFFFFF");
  CHECK(words_of(routes[2])[0] == arp[5]);  // the interface's name
}

TEST_CASE("H11: /proc/net/igmp and igmp6 of a host: what all hosts are in, what its addresses and its sockets joined") {
  TwoEngines world;
  UdpSocket& v4 = bound(*world.b, "0.0.0.0:5353");
  UdpSocket& v6 = bound(*world.b, "[::]:5353");
  REQUIRE(v4.join_group(IpAddress::v4(224, 0, 0, 251)) == 0);
  REQUIRE(v4.join_group(IpAddress::v4(224, 0, 0, 1)) == 0);
  REQUIRE(v6.join_group(*IpAddress::parse("ff02::fb")) == 0);
  world.run_for(2s);
  const std::string igmp = world.b->proc_net_igmp();
  const auto is_in = [](const std::string& text, const std::string& line) { return text.find(line) != std::string::npos; };
  CHECK(is_in(igmp, "eth0      :     2      V3\n\t\t\t\t010000E0     2 0:00000000\t\t0\n\t\t\t\tFB0000E0     1 0:00000000\t\t0\n"));
  const std::string igmp6 = world.b->proc_net_igmp6();
  CHECK(is_in(igmp6, "eth0            ff0200000000000000000000000000fb     1 00000004 0\n"));
  CHECK(is_in(igmp6, "eth0            ff0200000000000000000001ff000002     1 00000004 0\n"));
  for (const char* device : {"eth0", "lo  "})
    CHECK(is_in(igmp6, std::string(device) + "            ff020000000000000000000000000001     1 0000000C 0\n"));
  CHECK(is_in(igmp6, "            ff020000000000000000000000000001     1 0000000C 0\n1    eth0            ff010000000000000000000000000001     1 00000008 0\n"));
  CHECK(is_in(igmp6, "lo              ff010000000000000000000000000001     1 00000008 0\n"));
  CHECK(is_in(igmp, "\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"));
  v4.close();
  CHECK(is_in(world.b->proc_net_igmp(), "eth0      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"));
  CHECK(world.b->proc_net_igmp6(1).empty());  // there is no stack 1
}
