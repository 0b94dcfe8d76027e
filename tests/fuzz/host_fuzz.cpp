// SPDX-License-Identifier: BSD-3-Clause
// Gives one lcore's receive path sequences of frames that the input chooses, from the burst that a port brings through GRO, steering,
// IP, ICMP, neighbours, groups, forwarding, hooks, TCP and UDP to sockets, whose users act in between. Called by libFuzzer, or by
// replay.cpp with the corpus. At the end every buffer is back in the pool, and none was lost without a reason.
#include <millrace/base/assert.hpp>
#include <millrace/gro/gro.hpp>
#include <millrace/runtime/hand_over.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/stack/ip/rule_table.hpp>
#include <millrace/stack/socket/stack.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/protocol.hpp>

#include "tests/fuzz/input.hpp"

#include <algorithm>
#include <array>

using namespace millrace;

namespace {

using fuzz::Input;
using fuzz::pool;
using Bytes = std::vector<std::uint8_t>;

constexpr MacAddress mac{{2, 0, 0, 0, 0, 2}}, mac1{{2, 0, 0, 0, 1, 2}};
constexpr std::uint16_t most_bytes = 2048;

IpAddress addr(const char* text) { return *IpAddress::parse(text); }

struct Sink final : neighbor::LinkOutput {
  explicit Sink(Env& stack_env) : env(stack_env) {}
  void transmit(pkt::Packet frame) override { recycle(env, std::move(frame)); }
  Env& env;
};

/// Makes an ICMP message's sum right, which a fuzzer would not find.
void mend_icmp(Bytes& frame) {
  const wire::Layers layers = wire::dissect(frame);
  const std::size_t at = layers.l4_offset;
  const bool v6 = layers.l4_proto == wire::ip_proto::icmp6;
  if (at == 0 || at + 4 > frame.size() || (!v6 && layers.l4_proto != wire::ip_proto::icmp)) return;
  const std::uint8_t* const ip = &frame[layers.l3_offset];
  const std::size_t end = std::min<std::size_t>(frame.size(), layers.l3_offset + (v6 ? 40u + load_be16(ip + 4) : load_be16(ip + 2)));
  if (end < at + 4) return;
  store_be16(&frame[at + 2], 0);
  wire::Sum sum;
  if (v6) sum = wire::pseudo_header(IpAddress::v6_from(ip + 8), IpAddress::v6_from(ip + 24), wire::ip_proto::icmp6, static_cast<std::uint32_t>(end - at));
  sum.add({&frame[at], end - at});
  store_be16(&frame[at + 2], sum.checksum());
}

class Session {
 public:
  Session(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    stacks_[1] = stacks_[2] = &stack_;
    MR_ASSERT(stack_.add_interface({.ifindex = 1, .name = "eth0", .mac = mac, .addresses = {{addr("10.77.0.2"), 24}, {addr("fd00:77::2"), 64}, {addr("fe80::2"), 64}}, .output = &sink_}));
    MR_ASSERT(stack_.add_interface({.ifindex = 2, .name = "eth1", .mac = mac1, .addresses = {{addr("10.78.0.1"), 24}, {addr("fd00:78::1"), 64}}, .output = &sink_}));
    for (const char* local : {"0.0.0.0:7", "[::]:7", "0.0.0.0:5353"}) open(local);
    static_cast<void>(udp_[0]->join_group(addr("239.1.2.3"), 1));
    connected_ = *stack_.sockets().bind_udp(*Endpoint::parse("10.77.0.2:9"));
    static_cast<void>(connected_->connect(*Endpoint::parse("10.77.0.1:40001")));
    listen();
  }

  void run() {
    while (!input_.empty()) step();
    end_burst();
    for (UdpSocket* socket : udp_) read(*socket);
    stack_.shut_down();
    advance(std::chrono::minutes(3));
    stack_.ip().forget_idle_hooks();
  }

 private:
  using UdpSocket = socket::UdpSocket;

  void open(const char* local) {
    udp_.push_back(*stack_.sockets().bind_udp(*Endpoint::parse(local)));
    udp_.back()->on_readable([this](UdpSocket& socket) {
      if ((reads_++ & 3) != 0) read(socket);
    });
  }
  // An echo server, which closes what has sent an end.
  void listen() {
    for (const char* local : {"10.77.0.2:80", "[fd00:77::2]:80"})
      MR_ASSERT(stack_.sockets().listen(*Endpoint::parse(local), 4, [](socket::Stream& stream) {
        stream.on_readable([](socket::Stream& s) {
          std::array<std::uint8_t, 512> bytes;
          for (;;) {
            const std::int64_t n = s.read(bytes);
            if (n > 0) {
              static_cast<void>(s.write({bytes.data(), static_cast<std::size_t>(n)}));
              continue;
            }
            if (n == 0) s.close();
            return;
          }
        });
      }));
  }
  void read(UdpSocket& socket) {
    std::array<std::uint8_t, 256> bytes;
    Endpoint from;
    while (socket.receive_from(bytes, from) >= 0) {
    }
  }

  void step() {
    const std::uint8_t what = input_.byte();
    if ((what & 3) == 3) return act(what >> 2);
    Bytes frame = input_.take(input_.choose(most_bytes));
    if ((what & 4) != 0) mend_icmp(frame);
    give(frame, (what & 8) != 0, (what & 16) != 0 ? 2 : 1);
    if ((what & 32) != 0) end_burst();
  }

  void give(const Bytes& bytes, bool is_verified, std::uint16_t ifindex) {
    pkt::Packet packet = make_packet(env_);
    if (!packet) return;
    const auto size = static_cast<std::uint16_t>(std::min<std::size_t>(bytes.size(), packet.tailroom()));
    std::copy_n(bytes.begin(), size, packet.append(size));
    packet.meta().ifindex = ifindex;
    packet.meta().rx_time = env_.now;
    if (is_verified) {
      packet.mbuf().ol_flags |= pkt::flag::rx_ip_good | pkt::flag::rx_l4_good;
      packet.meta().checksum = pkt::ChecksumVerdict::good;
    }
    if (ifindex != burst_ifindex_ || is_verified != burst_is_verified_ || burst_.size() == pkt::Burst::capacity) end_burst();
    burst_ifindex_ = ifindex;
    burst_is_verified_ = is_verified;
    burst_.push(std::move(packet));
  }
  void end_burst() {
    gro_.receive(env_, burst_, {.mac = burst_ifindex_ == 1 ? mac : mac1, .ifindex = burst_ifindex_, .napi_id = 1, .has_verdicts = burst_is_verified_}, up_);
    gro_.flush_all(env_, up_);
    receive_.steer(up_);
    stack_.flush();
  }

  void act(std::uint8_t what) {
    end_burst();
    UdpSocket& socket = *udp_[(what >> 3) % udp_.size()];
    constexpr std::array<std::uint8_t, 4> text{'t', 'e', 'x', 't'};
    switch (what & 7) {
      case 0: advance(std::chrono::milliseconds(input_.byte())); break;
      case 1: advance(std::chrono::seconds(input_.byte())); break;
      case 2: read(socket); break;
      case 3: static_cast<void>(socket.send_to(text, {addr((what & 8) != 0 ? "10.77.0.1" : "fd00:78::9"), 9})); break;
      case 4: static_cast<void>(socket.set_option(socket::Option::udp_gro, (what & 32) != 0)); break;
      case 5: reopen(); break;
      case 6: static_cast<void>(stack_.sockets().connect(*Endpoint::parse("10.77.0.1:80"))); break;
      case 7: toggle_rules(); break;
    }
    stack_.flush();
  }
  void reopen() {
    udp_.back()->close();
    udp_.pop_back();
    open("0.0.0.0:5353");
  }
  // A table of rules in front of everything, which the input has chosen.
  void toggle_rules() {
    ip::Hooks& hooks = stack_.ip().hooks();
    if (hooks.remove(1)) return stack_.ip().forget_idle_hooks();
    ip::Rule rule{.proto = input_.byte(), .verdict = ip::HookVerdict::drop};
    rule.source = IpPrefix{addr("10.77.0.0"), static_cast<std::uint8_t>(input_.choose(33))};
    const std::uint16_t first = input_.byte();
    rule.destination_ports = ip::Rule::Ports{first, static_cast<std::uint16_t>(first + input_.byte())};
    rules_ = std::make_unique<ip::RuleTable>(std::span(&rule, 1));
    hooks.add(1, input_.byte() % 2 == 0 ? ip::Hook::pre_routing : ip::Hook::local_in, 0,
              [this](const ip::HookState& state, pkt::Packet& packet) { return rules_->judge(state, packet); });
  }
  void advance(Duration by) {
    fuzz::advance(env_, wheel_, by);
    stack_.flush();
  }

  static socket::Stack::Options options(gro::UdpPorts& ports) {
    socket::Stack::Options wanted;
    wanted.forwarding = {.v4 = true, .v6 = true};
    wanted.udp.gro_ports = &ports;
    wanted.udp.sockets = 8;
    return wanted;
  }

  Input input_;
  stats::LcoreStats stats_;
  timer::Wheel wheel_{Instant{} + std::chrono::hours(1)};
  Env env_{.now = Instant{} + std::chrono::hours(1), .rng = Rng(7), .pool = &pool(), .wheel = &wheel_, .stats = &stats_, .secret = {1, 2}};
  Sink sink_{env_};
  runtime::WorkerRings rings_{1, 64};
  runtime::Waker waker_;
  std::array<runtime::Waker*, 1> wakers_{&waker_};
  runtime::SoftnetLimits limits_;
  runtime::HandOver hand_over_{rings_, 0};
  steer::FlowTable flows_{64, 1};
  steer::Directory directory_{{&flows_}};
  steer::Toeplitz toeplitz_;
  steer::Steer steer_{directory_, toeplitz_, &hand_over_};
  std::unique_ptr<gro::UdpPorts> ports_ = std::make_unique<gro::UdpPorts>();
  gro::Gro gro_{{.udp_ports = ports_.get()}};
  std::unique_ptr<ip::RuleTable> rules_;
  std::array<socket::Stack*, 3> stacks_{};
  socket::Stack stack_{env_, flows_, options(*ports_)};
  runtime::Receive receive_{env_, limits_, steer_, {.rings = rings_, .wakers = wakers_, .by_ifindex = stacks_, .hand_over = hand_over_}};
  std::vector<UdpSocket*> udp_;
  UdpSocket* connected_ = nullptr;
  unsigned reads_ = 0;
  pkt::Burst burst_;
  std::uint16_t burst_ifindex_ = 1;
  bool burst_is_verified_ = false;
  pkt::PacketList up_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::make_unique<Session>(data, size)->run();
  MR_ASSERT(pool().in_use() == 0 && pkt::freed_without_reason() == 0);
  return 0;
}
