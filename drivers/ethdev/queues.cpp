// SPDX-License-Identifier: BSD-3-Clause
// The data path of an ethdev: bursts in, with a fresh Meta, and bursts out, with offloads requested. Called by the
// poll loop through port::RxQueue and TxQueue; calls rte_eth_rx_burst, port::prepare and rte_eth_tx_burst.
#include "drivers/ethdev/queues.hpp"

#include "drivers/ethdev/burst_look.hpp"
#include "drivers/ethdev/profile.hpp"

#include <millrace/base/assert.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace millrace::ethdev {
namespace {

rte_mbuf** rte(pkt::Mbuf** mbufs) { return reinterpret_cast<rte_mbuf**>(mbufs); }
rte_mbuf* rte(pkt::Mbuf* m) { return reinterpret_cast<rte_mbuf*>(m); }

// Whether its buffers are as long as the device says: drivers pass on whatever it said. net_ena counts empty ones that it took out.
bool is_honest(pkt::Mbuf& frame) {
  std::uint32_t bytes = 0;
  std::uint16_t buffers = 0;
  for (const pkt::Mbuf* m = &frame; m != nullptr; m = m->next) {
    if (std::uint32_t{m->data_off} + m->data_len > m->buf_len) return false;
    bytes += m->data_len;
    ++buffers;
  }
  frame.nb_segs = buffers;
  return bytes == frame.pkt_len;
}

std::uint64_t bytes_of(pkt::Mbuf* const* mbufs, std::uint16_t count) {
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < count; ++i) bytes += mbufs[i]->pkt_len;
  return bytes;
}

/// A device that has not found TCP or UDP in a frame has not verified their sum, whatever its driver says.
void take_back_unseen(pkt::Mbuf** mbufs, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::uint32_t transport = rte(mbufs[i])->packet_type & RTE_PTYPE_L4_MASK;
    if (transport == RTE_PTYPE_L4_TCP || transport == RTE_PTYPE_L4_UDP || mbufs[i]->meta.checksum != pkt::ChecksumVerdict::good) continue;
    mbufs[i]->meta.checksum = pkt::ChecksumVerdict::unknown;
    mbufs[i]->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;  // which GRO reads
  }
}

bool has_odd_buffer(const pkt::Mbuf& chain) {
  for (const pkt::Mbuf* m = &chain; m->next != nullptr; m = m->next)
    if (m->data_len % 2 != 0) return true;
  return false;
}

/// In software, what the driver would get wrong.
void finish_odd_chains(Env& env, pkt::Burst& burst) {
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    pkt::Mbuf& m = burst[i];
    if (m.meta.tx_checksum == pkt::ChecksumRequest::none || m.meta.gso_size != 0 || !has_odd_buffer(m)) continue;
    port::finish_checksum(m);
    env.stats->port.add(stats::Port::tx_csum_software);
  }
}

constexpr std::uint32_t bit_of(pkt::ChecksumRequest request) { return 1u << static_cast<unsigned>(request); }

}  // namespace

pkt::ChecksumVerdict verdict_of(std::uint64_t ol_flags) {
  switch (ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_GOOD: return pkt::ChecksumVerdict::good;
    case RTE_MBUF_F_RX_L4_CKSUM_BAD: return pkt::ChecksumVerdict::bad;
    case RTE_MBUF_F_RX_L4_CKSUM_NONE: return pkt::ChecksumVerdict::partial;  // both bits: receive_path E10
    default: return pkt::ChecksumVerdict::unknown;
  }
}

EthdevRx::EthdevRx(std::uint16_t port_id, std::uint16_t queue, std::uint16_t ifindex, std::uint32_t buffer_bytes, const port::Offloads& offloads, const drivers::Profile& profile, int event_fd)
    : port_id_(port_id), queue_(queue), buffer_bytes_(buffer_bytes), has_verdicts_(offloads.rx_l4_checksum), has_lro_(offloads.rx_lro), keeps_good_of_bad_(profile.keeps_good_of_bad),
      calls_unseen_good_(profile.calls_unseen_good),
      least_burst_(profile.least_burst), few_(least_burst_),
      event_fd_(event_fd),
      foreign_flags_(offloads.rx_timestamp ? 0 : pkt::rx_stamp_flag()) {
  MR_ASSERT(least_burst_ <= kept_.size());
  fresh_.gso_segs = 1;
  fresh_.ifindex = ifindex;
  fresh_.rx_queue = queue;
  pass_hash_on(false);
}

inline std::uint16_t EthdevRx::ask_device(pkt::Mbuf** mbufs, std::uint16_t most) {
  return keeps_good_of_bad_ ? ask_for_good_of_bad(mbufs, most) : rte_eth_rx_burst(port_id_, queue_, rte(mbufs), most);
}

std::uint16_t EthdevRx::ask_for_good_of_bad(pkt::Mbuf** mbufs, std::uint16_t most) {
  std::fill_n(mbufs, most, nullptr);
  const std::uint16_t count = rte_eth_rx_burst(port_id_, queue_, rte(mbufs), most);
  if (count != 0) return count;
  const auto good = static_cast<std::uint16_t>(std::find(mbufs, mbufs + most, nullptr) - mbufs);
  // They are not in the driver's books: it would put other buffers into their places in the ring, over and over. Until a reset.
  if (good != 0) port_id_ = no_device;
  judge_few();
  return good;
}

std::uint16_t EthdevRx::take_kept(pkt::Mbuf** mbufs, std::uint16_t most) {
  const std::uint16_t count = std::min(most, kept_count_);
  std::copy_n(kept_.begin(), count, mbufs);
  std::copy(kept_.begin() + count, kept_.begin() + kept_count_, kept_.begin());
  kept_count_ = static_cast<std::uint16_t>(kept_count_ - count);
  judge_few();
  return count;
}

// A budget that is nearly used up must not look like a queue that is empty.
std::uint16_t EthdevRx::take_few(pkt::Mbuf** mbufs, std::uint16_t most) {
  if (port_id_ == no_device) return 0;
  const std::uint16_t count = take_kept(mbufs, most);
  const auto left = static_cast<std::uint16_t>(most - count);
  if (left == 0) return count;
  if (left >= least_burst_) return static_cast<std::uint16_t>(count + ask_device(mbufs + count, left));
  kept_count_ = ask_device(kept_.data(), least_burst_);
  return static_cast<std::uint16_t>(count + take_kept(mbufs + count, left));
}

// With the device, as if they were in its ring.
void EthdevRx::drop_kept() {
  rte_pktmbuf_free_bulk(rte(kept_.data()), kept_count_);
  kept_count_ = 0;
}

void EthdevRx::connect(std::uint16_t port_id, int event_fd) {
  drop_kept();
  port_id_ = port_id;
  event_fd_ = event_fd;
  judge_few();
}

void EthdevRx::judge_few() { few_ = kept_count_ != 0 || port_id_ == no_device ? UINT16_MAX : least_burst_; }

std::uint16_t EthdevRx::receive(Env& env, pkt::Burst& burst, std::uint16_t budget) {
  pkt::Mbuf** const mbufs = burst.spare();
  const std::uint16_t most = std::min(budget, burst.room());
  fresh_.rx_time = env.now;
  std::uint16_t count = most < few_ ? take_few(mbufs, most) : ask_device(mbufs, most);
  if (count == 0) return 0;
  // The whole Meta is written, which costs no more than its parts, so nothing of an earlier packet survives.
  const RxLook look(mbufs, count, fresh_);
  // A port without the offload may leave flags there that mean nothing: net_ring passes on those of the sender.
  const std::uint64_t kept_flags = kept_flags_.load(std::memory_order_relaxed);
  if ((look.any_flags() & ~kept_flags) != 0)
    for (std::uint16_t i = 0; i < count; ++i) mbufs[i]->ol_flags &= kept_flags;
  std::uint64_t bytes = look.bytes();
  if (!look.are_plain(buffer_bytes_)) {
    count = drop_impossible(env, mbufs, count);
    bytes = bytes_of(mbufs, count);
  }
  if (has_verdicts_) note_verdicts(mbufs, count, look.any_flags() & kept_flags, look.shared_flags() & kept_flags);
  if (has_lro_)
    for (std::uint16_t i = 0; i < count; ++i) describe_merged(*mbufs[i]);
  burst.commit(count);
  auto& port = env.stats->port;
  port.add(stats::Port::rx_packets, count);
  port.add(stats::Port::rx_bytes, bytes);
  counted.packets.add(count);
  counted.bytes.add(bytes);
  return count;
}

/// Most bursts are of one opinion, and that the one of the burst before, which is in each Meta already.
void EthdevRx::note_verdicts(pkt::Mbuf** mbufs, std::uint16_t count, std::uint64_t any_flags, std::uint64_t shared_flags) {
  const bool is_one = ((any_flags ^ shared_flags) & RTE_MBUF_F_RX_L4_CKSUM_MASK) == 0;
  if (!is_one || verdict_of(any_flags) != fresh_.checksum)
    for (std::uint16_t i = 0; i < count; ++i) mbufs[i]->meta.checksum = verdict_of(mbufs[i]->ol_flags);
  if (is_one) fresh_.checksum = verdict_of(any_flags);
  if (calls_unseen_good_) take_back_unseen(mbufs, count);
}

std::uint16_t EthdevRx::drop_impossible(Env& env, pkt::Mbuf** mbufs, std::uint16_t count) {
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    if (is_honest(*mbufs[i])) {
      mbufs[kept++] = mbufs[i];
      continue;
    }
    drop(env, pkt::Packet::adopt(mbufs[i]), stats::DropReason::bad_frame);
    counted.drops.add(1);
  }
  return kept;
}

void describe_merged(pkt::Mbuf& packet) {
  const std::uint16_t size = rte(&packet)->tso_segsz;
  if ((packet.ol_flags & RTE_MBUF_F_RX_LRO) == 0 || size == 0) return;
  const wire::Layers layers = wire::dissect({packet.data(), packet.data_len});
  if (layers.payload_offset == 0 || packet.pkt_len <= layers.payload_offset) return;
  const std::uint32_t segments = (packet.pkt_len - layers.payload_offset + size - 1) / size;
  if (segments == 1) return;
  packet.meta.gso_size = size;
  packet.meta.gso_segs = static_cast<std::uint16_t>(segments);
}

// A TAP cannot be masked: its descriptor has an event for each frame, and both calls return ENOTSUP.
void EthdevRx::arm() {
  is_armed_.store(true, std::memory_order_relaxed);
  if (port_id_ != no_device) rte_eth_dev_rx_intr_enable(port_id_, queue_);
}

void EthdevRx::disarm() {
  is_armed_.store(false, std::memory_order_relaxed);
  if (port_id_ != no_device) rte_eth_dev_rx_intr_disable(port_id_, queue_);
}

int EthdevRx::waiting() const {
  if (port_id_ == no_device) return 0;
  const int count = rte_eth_rx_queue_count(port_id_, queue_);
  return count < 0 ? -1 : count + kept_count_;
}

void request_offloads(pkt::Mbuf& packet, bool ip_checksum) {
  packet.ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
  const pkt::ChecksumRequest request = packet.meta.tx_checksum;
  if (request == pkt::ChecksumRequest::none) return;
  const bool is_v4 = (packet.data()[packet.meta.l3_offset] >> 4) == 4;
  packet.ol_flags |= is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  packet.ol_flags |= request == pkt::ChecksumRequest::tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  packet.tx_offload = 0;
  rte(&packet)->l2_len = packet.meta.l3_offset;
  rte(&packet)->l3_len = static_cast<std::uint16_t>(packet.meta.l4_offset - packet.meta.l3_offset) & 0x1ff;
  if (packet.meta.gso_size == 0) return port::write_pseudo_sum(packet);
  // net_e1000_igb takes a packet without it for IPv6 (22.11).
  packet.ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (is_v4 && ip_checksum ? RTE_MBUF_F_TX_IP_CKSUM : 0);
  rte(&packet)->l4_len = static_cast<std::uint8_t>(port::header_bytes(packet) - packet.meta.l4_offset);
  rte(&packet)->tso_segsz = packet.meta.gso_size;
  // DPDK wants the sum without the length, which differs between segments.
  port::write_pseudo_sum(packet, 0);
}

EthdevTx::EthdevTx(std::uint16_t port_id, std::uint16_t queue, const port::Info& info, bool can_reclaim)
    : port_id_(port_id), queue_(queue), info_(info), most_(info.mtu + wire::vlan_tag_bytes), can_reclaim_(can_reclaim), prepares_(profile_of(info.driver).prepares),
      missums_odd_chains_(profile_of(info.driver).missums_odd_chains), finished_(bit_of(pkt::ChecksumRequest::none)) {
  for (const auto request : {pkt::ChecksumRequest::tcp, pkt::ChecksumRequest::udp, pkt::ChecksumRequest::icmp6})
    if (port::device_finishes(request, info.offloads)) finished_ |= bit_of(request);
}

// Nothing is asked for, and no flag of another port's is left.
inline bool EthdevTx::are_plain(const TxLook& look) const {
  return !look.wants_checksum() && (look.any_flags() & RTE_MBUF_F_TX_OFFLOAD_MASK) == 0 && all_fit(look);
}

// Each is one buffer, not to be cut, and not too long or too short.
inline bool EthdevTx::all_fit(const TxLook& look) const {
  return look.are_single() && !look.wants_cutting() && look.most() <= most_;
}

bool EthdevTx::finishes_all(const pkt::Burst& burst) const {
  std::uint32_t requests = 0;
  for (std::uint16_t i = 0; i < burst.size(); ++i) requests |= bit_of(burst[i].meta.tx_checksum);
  return (requests & ~finished_) == 0;
}

// Returns the bytes that can go.
std::uint64_t EthdevTx::make_ready(Env& env, pkt::Burst& burst, const TxLook& look) {
  const bool can_go = all_fit(look) && finishes_all(burst);
  if (!can_go && missums_odd_chains_) finish_odd_chains(env, burst);
  if (!can_go) port::prepare(env, burst, info_);
  for (std::uint16_t i = 0; i < burst.size(); ++i) request_offloads(burst[i], info_.offloads.tx_segmentation.ip_checksum);
  const bool is_whole = (can_go && prepares_ == drivers::Profile::Prepares::sums) || drop_refused(env, burst);
  return can_go && is_whole ? look.bytes() : bytes_of(burst.slots(), burst.size());
}

inline bool EthdevTx::takes_all(pkt::Burst& burst) const {
  return prepares_ != drivers::Profile::Prepares::all || rte_eth_tx_prepare(port_id_, queue_, rte(burst.slots()), burst.size()) == burst.size();
}

std::uint16_t EthdevTx::transmit(Env& env, pkt::Burst& burst) {
  if (port_id_ == no_device) return 0;
  const TxLook look(burst.slots(), burst.size());
  std::uint64_t bytes = look.bytes();
  if (!are_plain(look) || !takes_all(burst)) bytes = make_ready(env, burst, look);
  if (burst.empty()) return 0;
  const std::uint16_t sent = rte_eth_tx_burst(port_id_, queue_, rte(burst.slots()), burst.size());
  if (sent == 0 || blocked_since_.load(std::memory_order_relaxed) != 0) note_progress(env.now, sent);
  burst.drop_front(sent);
  bytes -= bytes_of(burst.slots(), burst.size());
  auto& port = env.stats->port;
  port.add(stats::Port::tx_packets, sent);
  port.add(stats::Port::tx_bytes, bytes);
  counted.packets.add(sent);
  counted.bytes.add(bytes);
  return sent;
}

void EthdevTx::reclaim() {
  if (can_reclaim_ && port_id_ != no_device) static_cast<void>(rte_eth_tx_done_cleanup(port_id_, queue_, 0));
}

void EthdevTx::connect(std::uint16_t port_id) {
  port_id_ = port_id;
  blocked_since_.store(0, std::memory_order_relaxed);
}

// trans_start and netif_xmit_stopped() of a queue, in one.
void EthdevTx::note_progress(Instant now, std::uint16_t sent) {
  if (sent != 0) return blocked_since_.store(0, std::memory_order_relaxed);
  const Duration::rep before = blocked_since_.load(std::memory_order_relaxed);
  refused_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (before == 0) blocked_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

/// Lets the driver look at what it is about to get; what it cannot send would block the queue for ever. Returns whether
/// the burst is still whole.
bool EthdevTx::drop_refused(Env& env, pkt::Burst& burst) {
  for (bool whole = true;; whole = false) {
    const std::uint16_t count = burst.size();
    pkt::Mbuf** const mbufs = burst.slots();
    const std::uint16_t accepted = rte_eth_tx_prepare(port_id_, queue_, rte(mbufs), count);
    if (accepted >= count) return whole;
    drop(env, pkt::Packet::adopt(mbufs[accepted]), stats::DropReason::tx_refused);
    counted.drops.add(1);
    std::copy(mbufs + accepted + 1, mbufs + count, mbufs + accepted);
    burst.drop_front(count);
    burst.commit(static_cast<std::uint16_t>(count - 1));
  }
}

}  // namespace millrace::ethdev
