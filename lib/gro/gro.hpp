// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rcu_pointer.hpp>
#include <millrace/env/env.hpp>
#include <millrace/gro/arrival.hpp>
#include <millrace/gro/destination.hpp>
#include <millrace/gro/held.hpp>
#include <millrace/gro/simd.hpp>
#include <millrace/gro/udp_ports.hpp>
#include <millrace/gro/user_train.hpp>
#include <millrace/pkt/burst.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace millrace::gro {

inline constexpr std::uint32_t largest_size = 65536;  ///< what a 16-bit length cannot reach

/// How held packets are kept: 64 sets of 4, or Linux's 8 buckets of 8 (receive_path E11).
enum class Table : std::uint8_t { sets64x4, linux8x8 };

struct Config {
  bool enabled = true;               ///< ethtool -K gro
  std::uint32_t normal_batch = 8;    ///< net.core.gro_normal_batch: segments collected before they go up, at least 1
  std::uint32_t max_size = 65536;    ///< a merged packet stays below it, IP header included; at most 65536
  Duration tick = 1ms;               ///< by which held packets age; Linux's 1/HZ
  Duration poll_hold = 10us;         ///< how long complete() keeps an active flow's packet; 0: not at all, as Linux
  Table table = Table::sets64x4;
  const UdpPorts* udp_ports = nullptr;  ///< for which local ports datagrams are merged (E16); null: none; outlives Gro
  const RcuPointer<const wire::PacketOffloads>* offloads = nullptr;  ///< of applications' protocols (E15); null: none; outlives Gro
  const Destination* destination = nullptr;  ///< whom to ask before a payload is summed (X21); null: sum; outlives Gro
  Variant variant = best_variant();  ///< of the burst path; must be supported here
  bool operator==(const Config&) const = default;
};

/// What became of a packet given to GRO (receive_path E3). Consumed are those that a protocol of the application's wanted
/// no further (E15).
enum class Verdict : std::uint8_t { normal, held, merged, merged_free, consumed };

/// Generic receive offload: joins TCP segments of one flow, in order, into packets of up to 64 KiB, so that the stack
/// handles one header instead of many; UDP datagrams of equal size too, up to 64, where a socket asked for it (E16);
/// packets of applications' protocols as these say (E15). One per NAPI; used by the lcore that polls it.
///
/// Order (receive_path X18): packets of one flow, which is what the socket lookup sees of them, come out as they
/// came in, whatever GRO does with each. A packet of which no flow can be read is ordered among all flows between
/// its addresses.
///
/// A merged packet carries Meta::{gso_size, gso_segs, gso_fixed_id}. Its lengths and IPv4 header checksum are right;
/// its layer-4 checksum field holds the sum of the pseudo-header only, which is what a port that is asked for
/// ChecksumRequest::tcp or udp expects to find. Its verdict is `good`, for every segment's was; or `by_segment`, and its
/// headers still those of its first segment, when it was merged unseen and goes to another lcore (X21): verify()
/// finishes it there. Segments are chained, never copied; up to the limits of size and time named in Config they keep
/// their buffers out of the pool.
class Gro {
 public:
  explicit Gro(const Config& config = {});
  Gro(const Gro&) = delete;
  Gro& operator=(const Gro&) = delete;

  /// Takes a burst as the port brought it, and leaves it empty: dissects every packet (arrive()) and does with it what
  /// the function below does, several times as fast. A frame too short for Ethernet is dropped (bad_frame).
  void receive(Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up);

  /// Takes a dissected packet (Meta::{l3_offset, l4_offset, payload_offset, ethertype, l4_proto, checksum, gso_segs,
  /// ifindex}). Appends to `up`, in order, what is to go up now: nothing, or a batch (E14).
  Verdict receive(Env& env, pkt::Packet packet, pkt::PacketList& up);

  // Each of these ends a poll: what waits for its batch goes up too, and the counters are brought up to date.

  /// A poll that found less than its weight: everything goes up but, with poll_hold set, the packets of flows that
  /// were active within poll_hold and began in this tick (receive_path D12, X19).
  void complete(Env& env, pkt::PacketList& up);
  /// A poll that used its weight, so that another follows at once: packets begun in an earlier tick go up, or all
  /// when the tick is longer than 1 ms (receive_path D10, E12).
  void flush_old(Env& env, pkt::PacketList& up);
  void flush_all(Env& env, pkt::PacketList& up);

  /// Changes the configuration under traffic; everything held goes up first.
  void configure(Env& env, const Config& config, pkt::PacketList& up);

  /// Whether packets are held; those must not wait for the next arrival.
  [[nodiscard]] bool holds() const { return !table_.empty() || !users_.empty(); }
  [[nodiscard]] std::uint32_t held() const { return static_cast<std::uint32_t>(table_.size() + users_.size()); }
  /// No held packet need go up before this moment, unless its flow brings something: when complete() is worth calling
  /// again. `never` when nothing is held. It may be earlier than the first deadline, and moves on when called for.
  [[nodiscard]] Instant next_flush() const {
    const Instant first = table_.empty() ? never : idle_check_;
    return users_.empty() ? first : std::min(first, next_user_flush());
  }

  /// This queue's counters, as of the end of its last poll; the lcore's are in Env::stats.
  [[nodiscard]] const stats::CounterBlock<stats::Gro>& counters() const { return counters_; }

 private:
  friend struct FastPath;

  void count(stats::Gro which) { tally(which, 1); }
  void tally(stats::Gro which, std::uint32_t n) { tally_[static_cast<std::size_t>(which)] += n; }
  void receive_slowly(Env& env, pkt::Packet packet, const Arrival& arrival, pkt::PacketList& up);
  void pass_up(pkt::Packet packet, std::uint32_t segments, pkt::PacketList& up) {
    count(stats::Gro::packets_out);
    normal_.push_back(std::move(packet));
    normal_segments_ += segments;
    if (normal_segments_ < config_.normal_batch) return;
    up.splice_back(normal_);
    normal_segments_ = 0;
  }
  [[nodiscard]] bool is_unwanted_datagram(const pkt::Packet& packet) const;
  [[nodiscard]] bool wants(const Segment& segment) const;
  /// Whether a socket of that local port wants datagrams merged.
  [[nodiscard]] bool wants(std::uint16_t port) const { return config_.udp_ports != nullptr && config_.udp_ports->wants(port); }
  void close_unread(Segment segment, pkt::PacketList& up);
  Verdict pass_alone(pkt::Packet packet, pkt::PacketList& up);
  bool checksum_allows(pkt::Packet& packet, const Segment& segment, const Held* held);
  [[nodiscard]] bool may_stay_unseen(const pkt::Packet& packet, const Segment& segment, const Held* held) const;
  Verdict begin(Env& env, pkt::Packet packet, const Segment& segment, std::uint64_t hash, pkt::PacketList& up);
  Verdict join(Env& env, Held& held, pkt::Packet packet, const Segment& segment, pkt::PacketList& up);
  void close(Held& held, stats::Gro why, pkt::PacketList& up);
  void close_addresses(const Segment& segment, pkt::PacketList& up);
  void close_old(std::uint16_t tick, pkt::PacketList& up);
  void close_idle(Instant now, pkt::PacketList& up);
  void close_all(pkt::PacketList& up);
  void end_poll(Env& env, pkt::PacketList& up);
  std::uint16_t tick_at(Instant now);

  // user.cpp: what is neither TCP nor UDP.
  struct UserPacket;
  static UserPacket read_user(const wire::PacketOffloads& offloads, const pkt::Packet& packet);
  Verdict receive_user(Env& env, pkt::Packet packet, pkt::PacketList& up);
  UserTrain* find_user(const UserPacket& user, const pkt::Packet& packet, std::uint64_t flow);
  [[nodiscard]] bool may_join_user(UserTrain& train, const UserPacket& user, const pkt::Packet& packet, std::uint16_t header) const;
  Verdict begin_user(Env& env, const UserPacket& user, pkt::Packet packet, const wire::GroReceived& seen, pkt::PacketList& up);
  Verdict join_user(Env& env, UserTrain& train, const UserPacket& user, pkt::Packet packet, const wire::GroReceived& seen, pkt::PacketList& up);
  void close_user(UserTrain& train, stats::Gro why, pkt::PacketList& up);
  template <class Which>
  void close_users(pkt::PacketList& up, stats::Gro why, Which which);
  void close_users_between(const Segment& segment, pkt::PacketList& up);
  void close_old_users(std::uint16_t tick, pkt::PacketList& up);
  void close_idle_users(Instant now, pkt::PacketList& up);
  void close_all_users(pkt::PacketList& up);
  [[nodiscard]] Instant next_user_flush() const;

  Config config_;
  HeldTable table_;
  pkt::PacketList normal_;             ///< what waits for its batch (E14)
  std::uint32_t normal_segments_ = 0;
  std::uint32_t udp_held_ = 0;
  std::vector<UserTrain> users_;       ///< in the order of beginning
  Instant idle_check_{};               ///< no flow is idle for poll_hold before this
  Instant tick_end_ = Instant::min();
  std::uint16_t tick_ = 0;
  std::array<std::uint32_t, stats::CounterBlock<stats::Gro>::size> tally_{};
  stats::CounterBlock<stats::Gro> counters_;
};

}  // namespace millrace::gro
