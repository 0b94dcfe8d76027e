// SPDX-License-Identifier: BSD-3-Clause
// Plays the link of a host with a DHCP client and a DHCPv6 client: servers' answers that the input chooses, right or spoilt, raw
// datagrams, claims of the address, and time. Called by libFuzzer, or by replay.cpp with the corpus. The host has the address that
// was offered, and routes, while a lease holds and no longer, its MTU is one to work with, and no message of others brings more than one of its own.
#include <millrace/base/assert.hpp>
#include <millrace/base/log.hpp>
#include <millrace/stack/dhcp/dhcp.hpp>
#include <millrace/wire/arp.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/nd.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/fuzz/input.hpp"

#include <algorithm>
#include <array>
#include <vector>

using namespace millrace;

namespace {

using fuzz::Input;
using fuzz::pool;
using Bytes = std::vector<std::uint8_t>;

constexpr MacAddress own_mac{{2, 0, 0, 0, 0, 2}}, server_mac{{2, 0, 0, 0, 0, 1}}, all_macs{{255, 255, 255, 255, 255, 255}};
constexpr IpAddress server = IpAddress::v4(10, 77, 0, 1), offered = IpAddress::v4(10, 77, 0, 50), everybody = IpAddress::v4(255, 255, 255, 255);
const IpAddress own_link = *IpAddress::parse("fe80::ff:fe00:2"), server_link = *IpAddress::parse("fe80::1");

/// Keeps the transaction numbers of what was asked last.
struct Link final : neighbor::LinkOutput {
  void transmit(pkt::Packet frame) override {
    Bytes bytes(frame.length());
    frame.copy_out(0, bytes);
    pkt::consume(std::move(frame));
    const bool v4 = bytes[12] == 0x08 && bytes[13] == 0;
    const std::size_t payload = v4 ? 42 : 62;
    if (bytes.size() <= payload || bytes[v4 ? 23 : 20] != wire::ip_proto::udp) return;
    ++messages;
    if (const auto asked = wire::DhcpMessage::parse(std::span(bytes).subspan(payload)); v4 && asked) xid = asked->xid;
    if (const auto asked = wire::Dhcp6Message::parse(std::span(bytes).subspan(payload)); !v4 && asked) xid6 = asked->xid;
  }
  std::uint32_t xid = 0, xid6 = 0;
  std::uint64_t messages = 0;
};

class Session {
 public:
  Session(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    set_log_level(LogLevel::off);
    MR_ASSERT(ip_.add_interface(interface_));
    ip_.add_protocol(wire::ip_proto::udp, udp_);
    MR_ASSERT(ip_.neighbors().add_permanent(interface_, server, server_mac));
    dhcp_.start(interface_);
    addrconf_.start(interface_, {});
    advance(std::chrono::seconds(3));
    addrconf_.receive_router_advertisement(interface_, server_link, {.other_config = true});
    advance(std::chrono::seconds(1));
  }
  void run() {
    while (!input_.empty()) {
      const std::uint64_t before = link_.messages;
      if (!step()) MR_ASSERT(link_.messages <= before + 1);
      judge();
    }
    dhcp_.shut_down();  // says goodbye, and leaves the address for the stack to go with
    MR_ASSERT(pool().in_use() == 0 && dhcp_.leases().empty());
  }

 private:
  // Whether time passed.
  bool step() {
    const std::uint8_t what = input_.byte();
    switch (what & 7) {
      case 0: return advance(std::chrono::seconds(input_.byte())), true;
      case 1: return advance(std::chrono::milliseconds(input_.byte())), true;
      case 2: return advance(std::chrono::minutes(input_.byte())), true;
      case 3: return claim(), false;
      case 4: return give_v4(raw(), (what & 8) != 0), false;
      case 5: return give_v6((what & 8) != 0 ? reply6() : raw()), false;
      default: return give_v4(reply(what), (what & 8) != 0), false;
    }
  }
  void advance(Duration by) {
    fuzz::advance(env_, wheel_, by);
  }

  Bytes raw() {
    Bytes bytes(input_.byte());
    for (std::uint8_t& byte : bytes) byte = input_.byte();
    return bytes;
  }
  // A message that answers the last question; its options are the input's.
  Bytes reply(std::uint8_t what) {
    wire::DhcpMessage message{.type = (what & 16) != 0 ? wire::DhcpType::ack : wire::DhcpType::offer,
                              .is_reply = true,
                              .xid = link_.xid,
                              .yiaddr = offered,
                              .chaddr = own_mac};
    if ((what & 32) != 0) message.server_id = server;
    if ((what & 64) != 0) message.lease_s = input_.byte();
    Bytes bytes = wire::make_dhcp(message);
    bytes.resize(static_cast<std::size_t>(std::find(bytes.begin() + 240, bytes.end(), 255) - bytes.begin()));
    for (const std::uint8_t byte : raw()) bytes.push_back(byte);
    return bytes;
  }
  Bytes reply6() {
    Bytes bytes = wire::make_dhcp6({.type = wire::dhcp6_type::reply, .xid = link_.xid6, .client_id = wire::duid_ll(own_mac), .server_id = {0, 1}});
    for (const std::uint8_t byte : raw()) bytes.push_back(byte);
    return bytes;
  }

  // Both UDP and IP headers are right, but for UDP's checksum of IPv4, which is none.
  void give_v4(const Bytes& message, bool alone) {
    Bytes frame(42);
    const IpAddress to = alone ? offered : everybody;
    const auto length = static_cast<std::uint16_t>(8 + message.size());
    wire::emit(wire::EthernetHeader{alone ? own_mac : all_macs, server_mac, wire::ethertype::ipv4}, frame.data());
    wire::emit(wire::Ipv4Header{.source = server, .destination = to, .total_length = static_cast<std::uint16_t>(20 + length), .proto = wire::ip_proto::udp}, &frame[14]);
    wire::emit(wire::UdpHeader{.source_port = 67, .destination_port = 68, .length = length}, &frame[34]);
    for (const std::uint8_t byte : message) frame.push_back(byte);
    give(frame, wire::ethertype::ipv4, alone);
  }
  void give_v6(const Bytes& message) {
    Bytes frame(62);
    const auto length = static_cast<std::uint16_t>(8 + message.size());
    wire::emit(wire::EthernetHeader{own_mac, server_mac, wire::ethertype::ipv6}, frame.data());
    wire::emit(wire::Ipv6Header{.source = server_link, .destination = own_link, .payload_length = length, .next_header = wire::ip_proto::udp}, &frame[14]);
    wire::emit(wire::UdpHeader{.source_port = 547, .destination_port = 546, .length = length}, &frame[54]);
    for (const std::uint8_t byte : message) frame.push_back(byte);
    wire::Sum sum = wire::pseudo_header(server_link, own_link, wire::ip_proto::udp, length);
    sum.add(std::span(frame).subspan(54));
    wire::set_udp_checksum(&frame[54], sum.checksum());
    give(frame, wire::ethertype::ipv6, true);
  }
  void claim() {
    Bytes frame(14 + wire::arp_bytes);
    wire::emit(wire::EthernetHeader{all_macs, server_mac, wire::ethertype::arp}, frame.data());
    wire::emit(wire::ArpPacket{wire::arp_op::request, server_mac, offered, {}, offered}, &frame[14]);
    give(frame, wire::ethertype::arp, false);
  }
  void give(const Bytes& bytes, std::uint16_t ethertype, bool alone) {
    pkt::Packet frame = make_packet(env_);
    MR_ASSERT(frame);
    std::copy(bytes.begin(), bytes.end(), frame.append(static_cast<std::uint16_t>(bytes.size())));
    frame.meta().ifindex = 1;
    frame.meta().l3_offset = wire::ethernet_header_bytes;
    frame.meta().ethertype = ethertype;
    frame.meta().type = alone ? pkt::PacketType::host : pkt::PacketType::broadcast;
    if (ethertype == wire::ethertype::arp) return ip_.neighbors().receive_arp(interface_, std::move(frame));
    ip_.input(std::move(frame));
  }

  void judge() {
    MR_ASSERT(interface_.mtu >= 576 && interface_.mtu <= 1500);
    const auto leases = dhcp_.leases();
    const auto v4 = std::count_if(interface_.addresses.begin(), interface_.addresses.end(), [](const IpPrefix& own) { return own.address.is_v4(); });
    MR_ASSERT(leases.size() <= 1 && v4 == static_cast<std::ptrdiff_t>(leases.size()));
    for (const dhcp::LeaseRow& row : leases) MR_ASSERT(row.address.address == offered && row.until >= env_.now && ip_.is_local(offered));
    if (leases.empty()) MR_ASSERT(ip_.routes().lookup(offered) == nullptr && ip_.routes().lookup(IpAddress::v4(192, 0, 2, 1)) == nullptr);
    MR_ASSERT(pool().in_use() == 0 && pkt::freed_without_reason() == 0);
  }

  Input input_;
  stats::LcoreStats stats_;
  timer::Wheel wheel_{Instant{} + std::chrono::hours(1)};
  Env env_{.now = Instant{} + std::chrono::hours(1), .rng = Rng(7), .pool = &pool(), .wheel = &wheel_, .stats = &stats_, .secret = {1, 2}};
  Link link_;
  neighbor::Interface interface_{.ifindex = 1, .name = "eth0", .mac = own_mac, .autoconf = true, .output = &link_};
  ip::Stack ip_{env_};
  udp::Udp udp_{env_, ip_};
  addrconf::Addrconf addrconf_{env_, ip_};
  dhcp::Dhcp dhcp_{env_, ip_, udp_, addrconf_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Session(data, size).run();
  return 0;
}
