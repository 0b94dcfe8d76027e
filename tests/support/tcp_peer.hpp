// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/timer/wheel.hpp>

#include "tests/support/balance.hpp"

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace millrace::test {

/// A segment as a script writes it. Sequence numbers count from each side's SYN, which is 0, so that the first byte of
/// data is 1. What is left out is filled in by the peer when sent, and not looked at when expected.
struct Seg {
  std::optional<std::uint32_t> seq_, ack_;
  std::optional<std::string> flags_;  ///< of "FSRPAU"
  std::optional<std::uint32_t> window_;
  std::optional<std::uint32_t> length_;
  std::optional<std::uint32_t> ts_value_, ts_echo_;
  std::optional<std::uint16_t> mss_;
  std::optional<std::uint8_t> scale_;
  bool bare_ = false;                 ///< without the timestamps that the peer would add
  std::uint16_t merged_ = 1;          ///< segments that GRO made one of

  Seg& seq(std::uint32_t n) { return seq_ = n, *this; }
  Seg& ack(std::uint32_t n) { return ack_ = n, *this; }
  Seg& flags(const char* f) { return flags_ = f, *this; }
  Seg& window(std::uint32_t field) { return window_ = field, *this; }
  Seg& data(std::uint32_t bytes) { return length_ = bytes, *this; }
  Seg& ts(std::uint32_t value, std::uint32_t echo) { return ts_value_ = value, ts_echo_ = echo, *this; }
  Seg& mss(std::uint16_t m) { return mss_ = m, *this; }
  Seg& scale(std::uint8_t s) { return scale_ = s, *this; }
  Seg& bare() { return bare_ = true, *this; }
  Seg& merged(std::uint16_t segments) { return merged_ = segments, *this; }
};
[[nodiscard]] inline Seg seq(std::uint32_t n) { return Seg{}.seq(n); }
[[nodiscard]] inline Seg ack(std::uint32_t n) { return Seg{}.ack(n); }
[[nodiscard]] inline Seg flags(const char* f) { return Seg{}.flags(f); }
[[nodiscard]] inline Seg data(std::uint32_t bytes) { return Seg{}.data(bytes); }

/// A segment that the stack sent.
struct Captured {
  ip::SendHeader ip;
  wire::TcpHeader header;
  wire::TcpOptions options;
  std::vector<std::uint8_t> payload;
  Instant at;
};

/// The byte that both applications put at a place of their stream; the first byte of data has place 1.
[[nodiscard]] inline std::uint8_t pattern(std::uint32_t place) {
  return static_cast<std::uint8_t>(place * 31 + (place >> 8) * 7);
}

/// One lcore's Tcp under a virtual clock, over a wire that a script reads and writes.
class TcpWorld : public ip::Output {
 public:
  explicit TcpWorld(const tcp::Config& config = {}, std::uint32_t packets = 8191);
  ~TcpWorld() override;

  /// Time passes: timers fire at their deadlines, each followed by flush().
  void advance(Duration time);
  /// What the runtime does after a burst or a call: flush, and timers that are due.
  void run();
  void deliver(pkt::Packet datagram, const ip::Delivery& delivery) { tcp.receive(std::move(datagram), delivery); }

  [[nodiscard]] std::uint64_t counter(stats::Tcp which) const { return stats.tcp[which]; }
  [[nodiscard]] std::uint64_t counter(stats::TcpExt which) const { return stats.tcp_ext[which]; }
  [[nodiscard]] std::uint64_t dropped(stats::DropReason why) const { return stats.drop[why]; }

  ip::SendVerdict send(pkt::Packet datagram, const ip::SendHeader& header) override;
  ip::SendVerdict send_whole(pkt::Packet packet, const IpAddress&) override {  // TCP never does
    pkt::consume(std::move(packet));
    return ip::SendVerdict::no_route;
  }
  [[nodiscard]] std::optional<IpAddress> source_for(const IpAddress& destination) const override;
  [[nodiscard]] std::uint32_t mtu_for(const IpAddress&) const override { return mtu; }
  [[nodiscard]] std::uint32_t link_mtu_for(const IpAddress&) const override { return link_mtu.value_or(mtu); }
  void learn_path_mtu(const IpAddress&, std::uint32_t learnt) override {
    if (learnt != 0) mtu = learnt;
  }
  [[nodiscard]] bool is_local(const IpAddress& address) const override { return address == v4 || address == v6; }
  void send_port_unreachable(const pkt::Packet&, const ip::Delivery&) override {}
  void confirm_reachable(const IpAddress&) override { ++confirmed; }

  static constexpr IpAddress v4 = IpAddress::v4(10, 77, 0, 1);
  static constexpr IpAddress v6{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

  void cut(Captured c, std::uint16_t gso_size);
  [[nodiscard]] ip::GsoLimits gso_limits_for(const IpAddress&) const override { return gso; }

  TestPool pool;
  stats::LcoreStats stats;
  BalanceCheck balance{stats, pool};
  timer::Wheel wheel;
  Env env;
  steer::FlowTable owners;
  ip::GsoLimits gso{};
  std::uint32_t mtu = 1500;
  std::optional<std::uint32_t> link_mtu{};  ///< null: as the path's
  std::uint32_t confirmed = 0;
  bool routed = true;
  ip::SendVerdict verdict = ip::SendVerdict::sent;
  std::deque<Captured> sent;  ///< what the wire has not looked at yet, cut into segments
  std::uint32_t packets_given = 0;  ///< given to IP, whatever they hold
  tcp::Tcp tcp;
};

/// An application that notes what it is told, in order: "connected", "readable", "writable", "closed 104", "accept".
class App : public tcp::Events, public tcp::AcceptEvents {
 public:
  void on_connected(tcp::Connection&) override { heard.push_back("connected"); }
  void on_readable(tcp::Connection&) override { heard.push_back("readable"); }
  void on_writable(tcp::Connection&) override { heard.push_back("writable"); }
  void on_closed(tcp::Connection&, int error) override { heard.push_back("closed " + std::to_string(error)); }
  void on_accept(tcp::Listener&) override { heard.push_back("accept"); }
  /// What was heard since the last call.
  std::vector<std::string> take() { return std::exchange(heard, {}); }
  std::vector<std::string> heard;
};

/// The other end of one connection, played by the test on the wire.
class TcpPeer {
 public:
  explicit TcpPeer(TcpWorld& world, Endpoint local = {IpAddress::v4(10, 77, 0, 2), 5000},
                   Endpoint stack = {TcpWorld::v4, 80})
      : world_(world), local_(local), stack_(stack) {}

  /// Delivers a segment and lets the stack do what follows. Filled in when left out: the next sequence number, the
  /// acknowledgment of everything seen, flag A (and P with data), window 65535, timestamps if agreed on.
  void sends(const Seg& segment);
  /// The same for several that arrive in one burst.
  void sends(std::initializer_list<Seg> burst);
  /// Takes the oldest segment that the stack sent and compares.
  Captured expects(const Seg& segment);
  void expects_nothing();
  /// Forgets what the stack sent, as if it had been looked at; returns how many segments that were.
  std::size_t skips_all();

  /// Adds what the segment's options say: MSS 1460, and scale and timestamps when these are set.
  std::optional<std::uint8_t> offers_scale;
  bool offers_timestamps = false;
  std::uint16_t offers_mss = 1460;
  std::uint32_t window = 65535;   ///< field of segments that name none
  std::uint32_t iss = 1000;       ///< absolute
  std::uint32_t clock = 70000;    ///< TSval; the script moves it
  std::uint32_t nxt = 0;          ///< next to send, counted from the SYN
  std::uint32_t seen = 0;         ///< what the stack sent and is acknowledged, counted from its SYN
  std::uint32_t stack_iss = 0;    ///< absolute; learned from its SYN
  std::uint32_t last_stamp = 0;   ///< the stack's last TSval

  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] const Endpoint& stack() const { return stack_; }
  void set_stack(const Endpoint& e) { stack_ = e; }
  /// The datagram that sends() would deliver.
  [[nodiscard]] pkt::Packet datagram(const Seg& segment);
  [[nodiscard]] ip::Delivery delivery() const;

 private:
  void observe(const Captured& c);
  TcpWorld& world_;
  Endpoint local_;
  Endpoint stack_;
};

/// How the connection that a script begins with was opened.
struct Opening {
  bool passive = true;                    ///< the peer opened it
  bool ipv6 = false;
  bool timestamps = false;
  std::optional<std::uint8_t> scale{};    ///< the peer's
  std::uint16_t mss = 1460;
  std::uint32_t window = 65535;           ///< the peer's, field
  tcp::Config config{};
};

/// A world with one established connection, opened over the wire, and nothing left unread on it.
struct Established {
  explicit Established(const Opening& opening = {});
  ~Established();
  /// The application writes n bytes of its pattern; the result of write().
  std::int64_t writes(std::uint32_t n);
  /// The application reads all there is, which must be the peer's pattern; the number of bytes, or the errno.
  std::int64_t reads();
  void closes() { std::exchange(connection, nullptr)->close(), world.run(); }
  void shuts_down() { connection->shutdown_write(), world.run(); }

  TcpWorld world;
  App app;
  TcpPeer peer;
  tcp::Listener* listener = nullptr;
  tcp::Connection* connection = nullptr;
  std::uint32_t written = 0;
  std::uint32_t read = 0;
};

}  // namespace millrace::test
