// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

#include <millrace/port/port.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace millrace::ethdev {

class TxLook;

/// The queues' device, while there is none.
inline constexpr std::uint16_t no_device = UINT16_MAX;

/// A receive queue of a started ethdev.
class EthdevRx final : public port::RxQueue {
 public:
  /// `buffer_bytes`: the length of the buffers that its device fills; `event_fd`: the queue's interrupt, or -1.
  EthdevRx(std::uint16_t port_id, std::uint16_t queue, std::uint16_t ifindex, std::uint32_t buffer_bytes, const port::Offloads& offloads, const drivers::Profile& profile = {}, int event_fd = -1);
  ~EthdevRx() override { drop_kept(); }
  EthdevRx(const EthdevRx&) = delete;
  EthdevRx& operator=(const EthdevRx&) = delete;
  std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) override;
  int event_fd() const override { return event_fd_; }
  void arm() override;
  void disarm() override;
  int waiting() const override;
  /// Whether it is left to its interrupt. Any thread.
  [[nodiscard]] bool is_armed() const { return is_armed_.load(std::memory_order_relaxed); }
  /// Its device from now on, or no_device: then it gives nothing. Control thread, while no lcore uses the queue.
  void connect(std::uint16_t port_id, int event_fd);
  /// Whether the hash in what is received from now on is the device's and of use. Any thread.
  void pass_hash_on(bool on) { kept_flags_.store(~(foreign_flags_ | (on ? 0 : pkt::flag::rx_rss_hash)), std::memory_order_relaxed); }

 private:
  std::uint16_t take_few(pkt::Mbuf** mbufs, std::uint16_t most);
  std::uint16_t take_kept(pkt::Mbuf** mbufs, std::uint16_t most);
  std::uint16_t ask_device(pkt::Mbuf** mbufs, std::uint16_t most);
  std::uint16_t ask_for_good_of_bad(pkt::Mbuf** mbufs, std::uint16_t most);
  void drop_kept();
  void judge_few();
  std::uint16_t drop_impossible(Env& env, pkt::Mbuf** mbufs, std::uint16_t count);
  void note_verdicts(pkt::Mbuf** mbufs, std::uint16_t count, std::uint64_t any_flags, std::uint64_t shared_flags);

  std::uint16_t port_id_;
  const std::uint16_t queue_;
  const std::uint32_t buffer_bytes_;
  const bool has_verdicts_;
  const bool has_lro_;
  const bool keeps_good_of_bad_;
  const bool calls_unseen_good_;
  const std::uint16_t least_burst_;
  std::uint16_t few_;  // what is not to be asked of the device as it is: less than it wants, or anything while some is kept or there is none
  std::uint16_t kept_count_ = 0;
  std::array<pkt::Mbuf*, 8> kept_{};  // more than its caller wanted, for the next call
  int event_fd_;
  std::atomic<bool> is_armed_{false};
  const std::uint64_t foreign_flags_;  // what another port may have left in a buffer that comes in here
  std::atomic<std::uint64_t> kept_flags_;
  pkt::Meta fresh_{};  // of a packet that comes in; its verdict is that of the last burst that had one
};

/// A transmit queue of a started ethdev; `info` outlives it.
class EthdevTx final : public port::TxQueue {
 public:
  EthdevTx(std::uint16_t port_id, std::uint16_t queue, const port::Info& info, bool can_reclaim = false);
  std::uint16_t transmit(Env& env, pkt::Burst& burst) override;
  void reclaim() override;
  bool can_reclaim() const override { return can_reclaim_; }
  /// As EthdevRx::connect(); without a device it takes nothing.
  void connect(std::uint16_t port_id);
  /// Since when the device takes none of the frames that it is offered, and when it was offered some last; the clock's zero: it
  /// takes them. Any thread.
  [[nodiscard]] Instant blocked_since() const { return Instant{Duration(blocked_since_.load(std::memory_order_relaxed))}; }
  [[nodiscard]] Instant refused_at() const { return Instant{Duration(refused_at_.load(std::memory_order_relaxed))}; }

 private:
  [[nodiscard]] bool are_plain(const TxLook& look) const;
  [[nodiscard]] bool all_fit(const TxLook& look) const;
  [[nodiscard]] bool finishes_all(const pkt::Burst& burst) const;
  [[nodiscard]] bool takes_all(pkt::Burst& burst) const;
  std::uint64_t make_ready(Env& env, pkt::Burst& burst, const TxLook& look);
  bool drop_refused(Env& env, pkt::Burst& burst);
  void note_progress(Instant now, std::uint16_t sent);

  std::uint16_t port_id_;
  const std::uint16_t queue_;
  const port::Info& info_;
  const std::uint32_t most_;  ///< bytes behind the Ethernet header
  const bool can_reclaim_;
  const drivers::Profile::Prepares prepares_;
  const bool missums_odd_chains_;
  std::atomic<Duration::rep> blocked_since_{0};
  std::atomic<Duration::rep> refused_at_{0};
  std::uint32_t finished_;  ///< a bit for each pkt::ChecksumRequest that the device finishes
};

/// What a device says of a layer-4 checksum, in our terms.
[[nodiscard]] pkt::ChecksumVerdict verdict_of(std::uint64_t ol_flags);

/// Meta::{gso_size, gso_segs} of a packet that the device merged, from what it says of their size; leaves others alone.
void describe_merged(pkt::Mbuf& packet);

/// Tells the device what to finish: ol_flags, header lengths and the sum of the pseudo header; of what it cuts, the IPv4 checksum,
/// too, if it forms that.
void request_offloads(pkt::Mbuf& packet, bool ip_checksum = false);

}  // namespace millrace::ethdev
