// SPDX-License-Identifier: BSD-3-Clause
// Builds, restores and checks the packets of the GRO cases. Called by gro_burst.cpp and gro_flows.cpp.
#include "tests/bench/gro_train.hpp"

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>

#include <cstring>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr std::size_t tcp_header_bytes = 32;  // with timestamps
constexpr std::uint16_t first_port = 1024;
constexpr std::uint16_t window = 500;
constexpr std::uint8_t congestion_experienced = 3;

std::size_t ip_header_bytes(int family) { return family == 4 ? wire::ipv4_header_bytes : wire::ipv6_header_bytes; }
std::size_t tcp_offset(int family) { return wire::ethernet_header_bytes + ip_header_bytes(family); }
std::uint16_t port_of(const Wagon& wagon) { return static_cast<std::uint16_t>(first_port + wagon.flow); }
std::uint8_t payload_byte(std::uint32_t seq) { return static_cast<std::uint8_t>(seq * 7 + (seq >> 8)); }

IpAddress address(int family, std::uint8_t host) {
  if (family == 4) return IpAddress::v4(10, 77, 0, host);
  return IpAddress{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}};
}

void write_ip(int family, const Wagon& wagon, std::uint8_t* out) {
  constexpr std::size_t tcp_bytes = tcp_header_bytes + Train::payload_bytes;
  const std::uint8_t tos = wagon.ce ? congestion_experienced : 0;
  if (family == 4) {
    wire::Ipv4Header header{.source = address(4, 1), .destination = address(4, 2)};
    header.total_length = wire::ipv4_header_bytes + tcp_bytes;
    header.id = static_cast<std::uint16_t>(wagon.nth);
    header.dont_fragment = true;
    header.tos = tos;
    header.ttl = 64;
    header.proto = wire::ip_proto::tcp;
    wire::emit(header, out);
  } else {
    wire::Ipv6Header header{.source = address(6, 1), .destination = address(6, 2)};
    header.payload_length = tcp_bytes;
    header.traffic_class = tos;
    header.next_header = wire::ip_proto::tcp;
    header.hop_limit = 64;
    wire::emit(header, out);
  }
}

void write_tcp(int family, const Wagon& wagon, std::uint8_t* out) {
  wire::TcpHeader header{.source_port = port_of(wagon), .destination_port = 80};
  header.seq = wagon.flow * 1'000'003 + wagon.nth * Train::payload_bytes;
  header.ack = 1;
  header.header_length = tcp_header_bytes;
  header.flags = static_cast<std::uint8_t>(wire::tcp_flag::ack | (wagon.psh ? wire::tcp_flag::psh : 0));
  header.window = window;
  wire::emit(header, out);
  wire::TcpOptions options;
  options.has_timestamps = true;
  options.ts_value = 1;
  options.ts_echo = 2;
  wire::emit(options, out + wire::tcp_header_bytes);
  for (std::uint32_t i = 0; i < Train::payload_bytes; ++i) out[tcp_header_bytes + i] = payload_byte(header.seq + i);
  constexpr std::size_t bytes = tcp_header_bytes + Train::payload_bytes;
  wire::Sum sum = wire::pseudo_header(address(family, 1), address(family, 2), wire::ip_proto::tcp, bytes);
  sum.add({out, bytes});
  wire::set_tcp_checksum(out, sum.checksum());
}

void write_frame(int family, const Wagon& wagon, std::uint8_t* out) {
  const wire::EthernetHeader header{
      {{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 9}}, family == 4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6};
  wire::emit(header, out);
  write_ip(family, wagon, out + wire::ethernet_header_bytes);
  write_tcp(family, wagon, out + tcp_offset(family));
}

}  // namespace

std::vector<Wagon> in_turn(std::uint32_t flows, std::uint32_t packets) {
  std::vector<Wagon> wagons;
  for (std::uint32_t i = 0; i < packets; ++i) wagons.push_back({.flow = i % flows, .nth = i / flows});
  return wagons;
}

Train::Train(pkt::Pool& pool, int family, const std::vector<Wagon>& wagons) : family_(family) {
  for (const Wagon& wagon : wagons) {
    pkt::Packet packet = pool.allocate();
    if (!packet) throw std::runtime_error("the benchmark's packet pool is too small");
    Fresh fresh;
    fresh.length = static_cast<std::uint16_t>(tcp_offset(family) + tcp_header_bytes + payload_bytes);
    std::uint8_t* const frame = packet.append(fresh.length);
    write_frame(family, wagon, frame);
    std::memcpy(fresh.headers.data(), frame, fresh.headers.size());
    fresh_.push_back(fresh);
    packets_.push_back(packet.release());
    bytes_[port_of(wagon)] += payload_bytes;
  }
  restore();
}

Train::~Train() {
  restore();
  for (pkt::Mbuf* m : packets_) pkt::consume(pkt::Packet::adopt(m));
}

void Train::restore(std::uint32_t first, std::uint32_t count) {
  pkt::Meta meta{};
  meta.gso_segs = 1;
  meta.ifindex = 1;
  meta.checksum = pkt::ChecksumVerdict::good;
  for (std::size_t i = first; i < first + std::size_t{count}; ++i) {
    pkt::Mbuf& m = *packets_[i];
    m.data_off = pkt::headroom;
    m.data_len = fresh_[i].length;
    m.pkt_len = fresh_[i].length;
    m.nb_segs = 1;
    m.next = nullptr;
    m.ol_flags = pkt::flag::rx_ip_good | pkt::flag::rx_l4_good;
    m.packet_type = 0;
    m.tx_offload = 0;
    m.meta = meta;
    std::memcpy(m.data(), fresh_[i].headers.data(), fresh_[i].headers.size());
  }
}

std::string Train::fault_of(std::span<pkt::Mbuf* const> out) const {
  std::map<std::uint16_t, std::map<std::uint32_t, std::uint32_t>> found;  // by port: sequence number, bytes
  for (pkt::Mbuf* head : out) {
    const std::uint8_t* const tcp = head->data() + tcp_offset(family_);
    const std::uint16_t port = load_be16(tcp);
    const std::uint32_t first = load_be32(tcp + 4);
    std::uint32_t seq = first;
    std::size_t skip = tcp_offset(family_) + tcp_header_bytes;
    for (pkt::Mbuf* m = head; m != nullptr; m = m->next) {
      for (std::size_t i = skip; i < m->data_len; ++i, ++seq)
        if (m->data()[i] != payload_byte(seq)) return "a payload byte of port " + std::to_string(port) + " is wrong";
      skip = 0;
    }
    if (head->pkt_len != seq - first + tcp_offset(family_) + tcp_header_bytes)
      return "pkt_len is not the length of the chain";
    if (!found[port].emplace(first, seq - first).second)
      return "the same bytes of port " + std::to_string(port) + " twice";
  }
  for (const auto& [port, expected] : bytes_) {
    std::uint64_t sum = 0;
    std::uint32_t end = 0;
    for (const auto& [seq, bytes] : found[port]) {
      if (sum != 0 && seq < end) return "bytes of port " + std::to_string(port) + " twice";
      sum += bytes;
      end = seq + bytes;
    }
    if (sum != expected)
      return "port " + std::to_string(port) + " has " + std::to_string(sum) + " bytes, not " + std::to_string(expected);
  }
  return found.size() == bytes_.size() ? "" : "packets of a flow that there is not";
}

}  // namespace millrace::bench
