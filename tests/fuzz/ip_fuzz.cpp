// SPDX-License-Identifier: BSD-3-Clause
// Gives a stack sequences of IPv4 and IPv6 fragments that the input chooses, and raw bytes. Called by libFuzzer, or by replay.cpp with
// the corpus. Each byte of a fragment says its place in the datagram, so that what is delivered proves to be put together
// rightly; memory stays under the cap; after the time-out nothing is held and the pool is full.
#include <millrace/base/assert.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include "tests/fuzz/input.hpp"

#include <algorithm>
#include <array>

using namespace millrace;

namespace {

constexpr std::uint8_t proto = 253;
constexpr std::uint64_t cap = 60'000;

using fuzz::Input;
using fuzz::pool;

std::uint8_t byte_at(std::size_t place) { return static_cast<std::uint8_t>(place * 7 + place / 256); }

/// Takes what is delivered and looks whether each byte is at its place.
struct Judge final : ip::Transport {
  explicit Judge(Env& stack_env) : env(stack_env) {}
  void receive(pkt::Packet datagram, const ip::Delivery&) override {
    std::size_t place = 0;
    datagram.for_each_segment([&](std::span<const std::uint8_t> part) {
      for (const std::uint8_t byte : part) MR_ASSERT(is_raw || byte == byte_at(place++));
    });
    consume(env, std::move(datagram), stats::Ledger::delivered);
  }
  void error(const ip::ErrorReport&) override {}
  Env& env;
  bool is_raw = false;  ///< raw bytes were given, which may have become part of a datagram
};

struct Sink final : neighbor::LinkOutput {
  void transmit(pkt::Packet frame) override { pkt::consume(std::move(frame)); }
};

class Session {
 public:
  Session(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    MR_ASSERT(stack_.add_interface(interface_));
    stack_.add_protocol(proto, judge_);
    stack_.configure_reassembly({.high_thresh = cap, .low_thresh = cap / 2}, {.high_thresh = cap, .low_thresh = cap / 2});
  }
  void run() {
    while (!input_.empty()) {
      step();
      for (const bool v4 : {true, false}) MR_ASSERT(stack_.fragments(v4).memory() <= cap);
    }
    advance(std::chrono::seconds(61));
    for (const bool v4 : {true, false}) MR_ASSERT(stack_.fragments(v4).memory() == 0 && stack_.fragments(v4).size() == 0);
    MR_ASSERT(pool().in_use() == 0 && pkt::freed_without_reason() == 0);
  }

 private:
  void step() {
    const std::uint8_t what = input_.byte();
    if (what < 8) return advance(std::chrono::seconds(what));
    if (what < 16) return give_raw();
    give_fragment((what & 1) != 0, (what & 2) != 0);
  }
  void advance(Duration by) {
    env_.now += by;
    wheel_.advance(env_.now);
  }

  // 3 bytes say which, where and how much.
  void give_fragment(bool v4, bool more) {
    const std::uint8_t which = input_.byte();
    const std::size_t begin = std::size_t{input_.byte()} * 8;
    const std::size_t length = input_.byte();
    std::array<std::uint8_t, 320> frame{};
    const std::size_t header = v4 ? wire::ipv4_header_bytes : wire::ipv6_header_bytes + wire::ipv6_fragment_header_bytes;
    std::uint8_t* const ip = frame.data() + wire::ethernet_header_bytes;
    const auto tos = static_cast<std::uint8_t>(which >> 6);
    const std::uint16_t id = which & 7;
    if (v4) {
      wire::emit(wire::Ipv4Header{.source = IpAddress::v4(10, 77, 0, 1), .destination = IpAddress::v4(10, 77, 0, 2),
                                  .total_length = static_cast<std::uint16_t>(header + length), .id = id,
                                  .fragment_offset = static_cast<std::uint16_t>(begin), .tos = tos, .proto = proto, .more_fragments = more}, ip);
    } else {
      wire::emit(wire::Ipv6Header{.source = *IpAddress::parse("fd00:77::1"), .destination = *IpAddress::parse("fd00:77::2"),
                                  .payload_length = static_cast<std::uint16_t>(wire::ipv6_fragment_header_bytes + length),
                                  .traffic_class = tos, .next_header = wire::ip_proto::fragment}, ip);
      wire::emit(wire::Ipv6FragmentHeader{.id = id, .offset = static_cast<std::uint16_t>(begin), .next_header = proto, .more = more},
                 ip + wire::ipv6_header_bytes);
    }
    for (std::size_t i = 0; i < length; ++i) ip[header + i] = byte_at(begin + i);
    give({frame.data(), wire::ethernet_header_bytes + header + length}, v4);
  }

  void give_raw() {
    std::array<std::uint8_t, 128> frame{};
    const std::size_t length = wire::ethernet_header_bytes + 1 + input_.byte() % 100;
    for (std::size_t i = wire::ethernet_header_bytes; i < length; ++i) frame[i] = input_.byte();
    judge_.is_raw = true;
    give({frame.data(), length}, (frame[wire::ethernet_header_bytes] >> 4) == 4);
  }

  void give(std::span<const std::uint8_t> bytes, bool v4) {
    pkt::Packet packet = make_packet(env_);
    MR_ASSERT(packet);
    std::copy(bytes.begin(), bytes.end(), packet.append(static_cast<std::uint16_t>(bytes.size())));
    packet.meta().ifindex = 1;
    packet.meta().l3_offset = wire::ethernet_header_bytes;
    packet.meta().ethertype = v4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6;
    stack_.input(std::move(packet));
  }

  Input input_;
  stats::LcoreStats stats_;
  timer::Wheel wheel_{Instant{} + std::chrono::hours(1)};
  Env env_{.now = Instant{} + std::chrono::hours(1), .rng = Rng(7), .pool = &pool(), .wheel = &wheel_, .stats = &stats_, .secret = {1, 2}};
  Sink sink_;
  neighbor::Interface interface_{.ifindex = 1, .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}, {*IpAddress::parse("fd00:77::2"), 64}}, .output = &sink_};
  ip::Stack stack_{env_};
  Judge judge_{env_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Session(data, size).run();
  return 0;
}
