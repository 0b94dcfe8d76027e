// SPDX-License-Identifier: BSD-3-Clause
// The frames of UDP's benchmarks, and what may come of them. Called by udp.cpp and both sides.
#include "tests/bench/udp_load.hpp"

#include "tests/support/raw_frame.hpp"

#include <millrace/base/byte_order.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace millrace::bench {

UdpLoad::UdpLoad(std::vector<FrameBytes> frames) : frames_(std::move(frames)) {
  static unsigned number = 0;
  auto pool = pkt::Pool::create({.name = "bench_udp" + std::to_string(number++), .packets = 2047});
  if (!pool) throw std::runtime_error(pool.error().message);
  pool_ = std::move(*pool);
  packets_.resize(frames_.size());
}

UdpLoad::~UdpLoad() = default;

void UdpLoad::prepare() {
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    pkt::Packet packet = pool_->allocate();
    if (!packet) throw std::runtime_error("the pool of UDP's benchmark is empty: a side keeps packets");
    std::memcpy(packet.append(static_cast<std::uint16_t>(frames_[i].size())), frames_[i].data(), frames_[i].size());
    packet.meta().ifindex = 1;
    packets_[i] = packet.release();
  }
}

std::vector<FrameBytes> datagrams(std::size_t count, std::size_t payload) {
  std::vector<FrameBytes> frames;
  for (std::size_t i = 0; i < count; ++i)
    frames.push_back(test::RawFrame{.payload = payload, .first_byte = static_cast<std::uint8_t>(i), .source_port = UdpLoad::remote_port, .destination_port = UdpLoad::local_port}.bytes());
  return frames;
}

std::vector<FrameBytes> fragments_of(std::size_t payload, std::uint16_t id) {
  constexpr std::size_t headers = 34;  // Ethernet, IPv4
  constexpr std::size_t mtu = 1500;
  FrameBytes whole = test::RawFrame{.payload = payload, .source_port = UdpLoad::remote_port, .destination_port = UdpLoad::local_port}.bytes();
  const std::size_t most = (mtu - 20) / 8 * 8, all = whole.size() - headers;
  std::vector<FrameBytes> frames;
  for (std::size_t at = 0; at < all; at += most) {
    const std::size_t n = std::min(most, all - at);
    FrameBytes frame(whole.begin(), whole.begin() + headers);
    frame.insert(frame.end(), whole.begin() + static_cast<std::ptrdiff_t>(headers + at), whole.begin() + static_cast<std::ptrdiff_t>(headers + at + n));
    store_be16(&frame[16], static_cast<std::uint16_t>(20 + n));
    store_be16(&frame[18], id);
    store_be16(&frame[20], static_cast<std::uint16_t>(at / 8 | (at + n < all ? 0x2000u : 0u)));
    store_be16(&frame[24], 0);
    store_be16(&frame[24], static_cast<std::uint16_t>(~test::naive_sum(std::span(frame).subspan(14, 20))));
    frames.push_back(std::move(frame));
  }
  return frames;
}

FrameBytes arp_request() {
  constexpr std::array<std::uint8_t, 42> bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,  // to all, ARP
                                               0,    1,    8,    0,    6,    4,    0, 1,                    // Ethernet, IPv4, request
                                               2,    0,    0,    0,    0,    1,    10, 77, 0, 1,            // from
                                               0,    0,    0,    0,    0,    0,    10, 77, 0, 2};           // who has
  return {bytes.begin(), bytes.end()};
}

std::uint64_t digest_of_sent(std::span<const std::uint8_t> frame, bool& is_right) {
  constexpr std::size_t ip = 14, udp = 34, payload = 42;
  constexpr std::uint16_t all_ones = 0xffff;
  is_right = frame.size() >= payload && test::naive_sum(frame.subspan(ip, udp - ip)) == all_ones;
  if (!is_right) return 0;
  const std::size_t length = load_be16(&frame[udp + 4]);
  is_right = length >= payload - udp && udp + length <= frame.size();
  if (!is_right) return 0;
  // Addresses, protocol and length: the pseudo header.
  const std::uint16_t pseudo = test::naive_sum(frame.subspan(ip + 12, 8), 17 + static_cast<std::uint32_t>(length));
  is_right = test::naive_sum(frame.subspan(udp, length), pseudo) == all_ones;
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : frame.subspan(payload, length - (payload - udp))) sum += byte;
  return sum;
}

std::string UdpTotals::text() const {
  return std::to_string(datagrams) + " datagrams of " + std::to_string(bytes) + " bytes (sum " + std::to_string(digest) + "), " + std::to_string(sent) + " frames of " +
         std::to_string(sent_bytes) + " bytes sent";
}

}  // namespace millrace::bench
