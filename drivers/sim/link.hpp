// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/sim/channel.hpp"

#include <millrace/port/port.hpp>

#include <atomic>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::sim {

enum class End : std::uint8_t { a, b };

/// The port at one end.
struct EndOptions {
  std::string name{};
  MacAddress mac{};
  std::uint16_t ifindex = 0;  ///< put into Meta::ifindex of what is received here
  std::uint16_t queues = 1;   ///< rx queues, 1..16; RSS spreads received flows over them
  std::uint16_t tx_queues = 0;  ///< 0: as many as rx queues
  std::uint16_t mtu = 0;      ///< 0: the link's
  bool rx_timestamp = false;  ///< it stamps what it receives with the moment of arrival: nanoseconds of env.now's clock
  bool tso = false;           ///< it cuts TCP packets of many segments itself, as the link's offloads may say too
  bool lro = false;           ///< it merges segments of a TCP flow that wait in its queue
  std::uint16_t flow_rules = 128;  ///< flow rules that it has room for; 0: it takes none
};

struct LinkOptions {
  std::uint64_t seed = 1;
  std::uint16_t mtu = 1500;
  /// 0: a received frame fills its buffers one after the other. Otherwise each buffer gets so many bytes, and the
  /// first one at least 256, so that the headers lie in it.
  std::uint16_t segment_bytes = 0;
  /// What the ports at both ends claim. rx_l4_checksum: frames that no impairment touched come with the verdict
  /// `good`, unverified. tx_tcp_checksum, tx_udp_checksum: the sender leaves the checksum unfinished, and the
  /// receiver gets the verdict `partial`. rx_hash: frames come with the hash that chose their queue, unless ports of
  /// theirs are left out of it.
  port::Offloads offloads{.tx_multi_segment = true, .rx_hash = true};
  EndOptions a{.name = "sim0a", .mac = {{2, 0, 0, 0, 0, 0xa}}};
  EndOptions b{.name = "sim0b", .mac = {{2, 0, 0, 0, 0, 0xb}}};
  Impairments a_to_b;
  Impairments b_to_a;
};

/// An in-memory cable between two ends. Each end is either a Port or driven by hand: bytes injected as if it had sent
/// them, bytes taken that were meant for it. Frames are copied, out of the sender's pool and into the receiver's
/// (env.pool), so each pool can be checked by itself.
///
/// Clock: a frame's arrival is computed from env.now of its sender and compared with env.now of its receiver; so both
/// ends go by one clock. Threads: see Channel; all member functions may be called from any thread.
class Link {
 public:
  explicit Link(const LinkOptions& options);

  /// The port at `end`; it must not outlive the link.
  [[nodiscard]] std::unique_ptr<port::Port> open(End end);
  /// The same with options that were not known when the link was made; before the first frame.
  [[nodiscard]] std::unique_ptr<port::Port> open(End end, const EndOptions& options);

  /// Puts a frame, without frame check sequence, on the cable as if `from` had sent it at `now`.
  void inject(End from, Instant now, std::span<const std::uint8_t> frame);
  /// The next frame that has arrived at `at` by `now`, its checksum finished; null when there is none.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> take(End at, Instant now);
  /// When the next frame arrives at `at`; `never` when none is on the way.
  [[nodiscard]] Instant next_arrival(End at) const;

  /// For frames sent from now on.
  void set_impairments(End from, const Impairments& impairments);
  /// Has `watch` see the frames that `from` sends: see Channel::watch.
  void watch(End from, Channel::Watch watch) { out_of(from).watch(std::move(watch)); }
  /// A pulled cable: what is sent is dropped with link_down; what is on the way arrives.
  void set_up(bool up) { up_.store(up, std::memory_order_relaxed); }
  [[nodiscard]] bool is_up() const { return up_.load(std::memory_order_relaxed); }
  /// Of the frames that `from` sent.
  [[nodiscard]] ChannelStats stats(End from) const;

 private:
  friend class SimPort;
  Channel& out_of(End end) { return channels_[static_cast<std::size_t>(end)]; }
  const Channel& out_of(End end) const { return channels_[static_cast<std::size_t>(end)]; }
  Channel& into(End end) { return channels_[1 - static_cast<std::size_t>(end)]; }
  const Channel& into(End end) const { return channels_[1 - static_cast<std::size_t>(end)]; }

  LinkOptions options_;
  std::array<Channel, 2> channels_;
  std::atomic<bool> up_{true};
};

}  // namespace millrace::sim
