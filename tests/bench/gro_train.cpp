// SPDX-License-Identifier: BSD-3-Clause
// Builds, restores and checks the packets of the GRO cases. Called by gro_burst.cpp and gro_flows.cpp.
#include "tests/bench/gro_train.hpp"

#include "tests/unit/gro/frame.hpp"

#include <cstring>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr std::size_t tcp_header_bytes = 32;  // with timestamps
constexpr std::uint16_t first_port = 1024;

std::size_t tcp_offset(int family) { return wire::ethernet_header_bytes + (family == 4 ? wire::ipv4_header_bytes : wire::ipv6_header_bytes); }

test::Frame frame_of(int family, const Wagon& wagon) {
  test::Frame f;
  f.family = family;
  f.source_port = static_cast<std::uint16_t>(first_port + wagon.flow);
  f.seq = wagon.flow * 1'000'003 + wagon.nth * Train::payload_bytes;
  f.id = static_cast<std::uint16_t>(wagon.nth);
  f.options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  f.payload = Train::payload_bytes;
  if (wagon.psh) f.flags |= wire::tcp_flag::psh;
  if (wagon.ce) f.tos = 3;
  return f;
}

std::uint8_t payload_byte(std::uint32_t seq) { return static_cast<std::uint8_t>(seq * 7 + (seq >> 8)); }

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
    const test::Frame frame = frame_of(family, wagon);
    const test::Bytes bytes = frame.bytes();
    std::memcpy(packet.append(static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
    Fresh fresh;
    fresh.length = static_cast<std::uint16_t>(bytes.size());
    std::memcpy(fresh.headers.data(), bytes.data(), fresh.headers.size());
    fresh_.push_back(fresh);
    packets_.push_back(packet.release());
    bytes_[frame.source_port] += payload_bytes;
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
    if (head->pkt_len != seq - first + tcp_offset(family_) + tcp_header_bytes) return "pkt_len is not the length of the chain";
    if (!found[port].emplace(first, seq - first).second) return "the same bytes of port " + std::to_string(port) + " twice";
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
