// SPDX-License-Identifier: BSD-3-Clause
// The two ends of an in-memory cable as Ports: packets become frames on transmit and packets of the receiver's pool
// on receive. Called by the poll loop through port::RxQueue and TxQueue; calls Channel and port::prepare.
#include "drivers/sim/link.hpp"

#include "drivers/sim/lro.hpp"
#include "drivers/sim/tso.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/port/tx_offload.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace millrace::sim {
namespace {

constexpr std::uint16_t first_segment_bytes = 256;
constexpr std::uint16_t most_queues = 16;

Channel make_channel(std::uint64_t seed, const Impairments& impairments, const EndOptions& receiver) {
  MR_ASSERT(receiver.queues >= 1 && receiver.queues <= most_queues);
  return Channel(seed, impairments, receiver.queues);
}

class SimRx final : public port::RxQueue {
 public:
  SimRx(Channel& channel, const LinkOptions& link, const EndOptions& end, std::uint16_t queue)
      : channel_(channel), link_(link), ifindex_(end.ifindex), queue_(queue), lro_(end.lro), stamps_(end.rx_timestamp) {}

  std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) override;
  [[nodiscard]] int waiting() const override { return channel_.waiting(queue_) + (has_next_ ? 1 : 0); }
  /// Whether it holds a frame that it took off the cable, and could not merge with the one before.
  [[nodiscard]] bool has_next() const { return has_next_; }

 private:
  bool take(Instant now);
  pkt::Packet packet_of(Env& env) const;

  Channel& channel_;
  const LinkOptions& link_;
  const std::uint16_t ifindex_;
  const std::uint16_t queue_;
  const bool lro_;
  const bool stamps_;
  Frame frame_;
  std::uint16_t segments_ = 1;  // of frame_, each of
  std::uint16_t size_ = 0;      // so many bytes of payload
  Frame next_;
  bool has_next_ = false;
};

class SimTx final : public port::TxQueue {
 public:
  SimTx(Link& link, Channel& channel, const port::Info& info) : link_(link), channel_(channel), info_(info) {}

  std::uint16_t transmit(Env& env, pkt::Burst& burst) override;
  [[nodiscard]] bool tells_in_flight() const override { return channel_.has_rate(); }
  [[nodiscard]] std::uint64_t in_flight(Instant now) const override { return channel_.in_flight(now); }
  [[nodiscard]] Instant drained_to(std::uint64_t left, Instant now) const override { return channel_.drained_to(left, now); }

 private:
  void send(Instant now, pkt::Mbuf& m);
  void send_segments(Instant now, pkt::Mbuf& m);

  Link& link_;
  Channel& channel_;
  const port::Info& info_;
  Frame frame_;
  std::vector<std::uint8_t> whole_;
};

// Brings the next frame into frame_, merged with those behind it if the device does that.
bool SimRx::take(Instant now) {
  if (!lro_) return channel_.take(now, queue_, frame_);
  if (has_next_) {
    std::swap(frame_, next_);
    has_next_ = false;
  } else if (!channel_.take(now, queue_, frame_)) {
    return false;
  }
  LroMerge merge(frame_);
  while (!has_next_ && channel_.take(now, queue_, next_)) has_next_ = !merge.append(next_);
  merge.finish();
  segments_ = merge.segments();
  size_ = merge.size();
  return true;
}

std::uint16_t SimRx::receive(Env& env, pkt::Burst& burst, std::uint16_t budget) {
  const std::uint16_t most = std::min(budget, burst.room());
  std::uint16_t received = 0;
  std::uint64_t bytes = 0;
  for (std::uint16_t tries = 0; tries < most && take(env.now); ++tries) {
    pkt::Packet packet = packet_of(env);
    if (!packet) {
      counted.drops.add(1);
      env.stats->port.add(stats::Port::rx_no_buffer);
      env.stats->drop.add(stats::DropReason::no_buffer);
      continue;
    }
    pkt::Meta& meta = packet.meta();
    meta.rx_time = env.now;
    meta.ifindex = ifindex_;
    meta.rx_queue = queue_;
    if (segments_ > 1) {
      packet.mbuf().ol_flags |= pkt::flag::rx_lro;
      meta.gso_segs = segments_;
      meta.gso_size = size_;
      meta.checksum = pkt::ChecksumVerdict::good;
    } else if (frame_.sum_offset != 0) {
      meta.checksum = pkt::ChecksumVerdict::partial;
    } else if (link_.offloads.rx_l4_checksum && !frame_.corrupted) {
      meta.checksum = pkt::ChecksumVerdict::good;
    }
    if (stamps_) pkt::set_rx_stamp(packet.mbuf(), static_cast<std::uint64_t>(frame_.arrival.time_since_epoch().count()));
    if (link_.offloads.rx_hash && frame_.has_hash) {
      packet.mbuf().rss_hash = frame_.rss_hash;
      packet.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
    }
    bytes += packet.length();
    burst.push(std::move(packet));
    ++received;
  }
  if (received > 0) {
    env.stats->port.add(stats::Port::rx_packets, received);
    env.stats->port.add(stats::Port::rx_bytes, bytes);
    counted.packets.add(received);
    counted.bytes.add(bytes);
  }
  return received;
}

/// A packet, of several buffers if need be, with the bytes of frame_; null when the pool has not enough.
pkt::Packet SimRx::packet_of(Env& env) const {
  pkt::Packet whole;
  std::size_t done = 0;
  do {
    pkt::Packet part = env.pool->allocate();
    if (!part) {
      if (whole) recycle(env, std::move(whole));
      return {};
    }
    std::size_t n = std::min<std::size_t>(part.tailroom(), frame_.bytes.size() - done);
    if (link_.segment_bytes != 0)
      n = std::min<std::size_t>(n, whole ? link_.segment_bytes : std::max(link_.segment_bytes, first_segment_bytes));
    if (n > 0) std::memcpy(part.append(static_cast<std::uint16_t>(n)), frame_.bytes.data() + done, n);
    done += n;
    if (whole) {
      whole.chain(std::move(part));
    } else {
      whole = std::move(part);
    }
  } while (done < frame_.bytes.size());
  return whole;
}

std::uint16_t SimTx::transmit(Env& env, pkt::Burst& burst) {
  if (!link_.is_up()) {
    counted.drops.add(burst.size());
    burst.take_all([&](pkt::Packet packet) { drop(env, std::move(packet), stats::DropReason::link_down); });
    return 0;
  }
  port::prepare(env, burst, info_);
  const std::uint16_t count = burst.size();
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  burst.take_all([&](pkt::Packet packet) {
    bytes += packet.length();
    frames += packet.meta().gso_size != 0 ? packet.meta().gso_segs : 1u;
    if (packet.meta().gso_size != 0) {
      send_segments(env.now, packet.mbuf());
    } else {
      send(env.now, packet.mbuf());
    }
    recycle(env, std::move(packet));
  });
  if (count > 0) {
    env.stats->port.add(stats::Port::tx_packets, frames);
    env.stats->port.add(stats::Port::tx_bytes, bytes);
    env.stats->ledger.add(stats::Ledger::made, frames - count);  // cut from others
    counted.packets.add(frames);
    counted.bytes.add(bytes);
  }
  return count;
}

void SimTx::send(Instant now, pkt::Mbuf& m) {
  std::uint16_t sum_offset = 0;
  std::uint16_t pseudo_sum = 0;
  if (m.meta.tx_checksum != pkt::ChecksumRequest::none) {
    sum_offset = port::checksum_offset(m);
    port::write_pseudo_sum(m);
    pseudo_sum = load_be16(m.data() + sum_offset);
    port::finish_checksum(m);
    frame_.final_sum = load_be16(m.data() + sum_offset);
  }
  frame_.sum_offset = sum_offset;
  frame_.corrupted = false;
  frame_.bytes.clear();
  for (pkt::Mbuf* s = &m; s != nullptr; s = s->next)
    frame_.bytes.insert(frame_.bytes.end(), s->data(), s->data() + s->data_len);
  if (sum_offset != 0) store_be16(&frame_.bytes[sum_offset], pseudo_sum);
  channel_.send(now, frame_);
}

/// As a device with TSO: what the cable carries are finished segments.
void SimTx::send_segments(Instant now, pkt::Mbuf& m) {
  whole_.clear();
  for (pkt::Mbuf* s = &m; s != nullptr; s = s->next) whole_.insert(whole_.end(), s->data(), s->data() + s->data_len);
  frame_.sum_offset = 0;
  frame_.corrupted = false;
  for (std::uint32_t i = 0; i < m.meta.gso_segs; ++i) {
    write_tso_segment(whole_, m.meta, i, frame_.bytes);
    channel_.send(now, frame_);
  }
}

}  // namespace

class SimPort final : public port::Port {
 public:
  SimPort(Link& link, End end) : link_(link), end_(end) {
    const EndOptions& own = end == End::a ? link.options_.a : link.options_.b;
    info_ = {.name = own.name,
             .driver = "sim",
             .mac = own.mac,
             .mtu = own.mtu != 0 ? own.mtu : link.options_.mtu,
             .rx_queues = own.queues,
             .tx_queues = own.tx_queues != 0 ? own.tx_queues : own.queues,
             .numa_node = -1,
             .offloads = link.options_.offloads};
    rules_.resize(own.flow_rules);
    info_.offloads.tx_segmentation.tcp |= own.tso;
    info_.offloads.rx_lro = own.lro;
    info_.offloads.rx_timestamp = own.rx_timestamp;
    for (std::uint16_t q = 0; q < own.queues; ++q) {
      rx_.push_back(std::make_unique<SimRx>(link.into(end), link.options_, own, q));
    }
    for (std::uint16_t q = 0; q < info_.tx_queues; ++q) tx_.push_back(std::make_unique<SimTx>(link, link.out_of(end), info_));
  }

  const port::Info& info() const override { return info_; }
  port::RxQueue& rx_queue(std::uint16_t index) override { return *rx_.at(index); }
  port::TxQueue& tx_queue(std::uint16_t index) override { return *tx_.at(index); }
  port::LinkState link() const override { return {.up = link_.is_up(), .speed_mbps = 0}; }
  Instant next_arrival() const override {
    const bool is_there = std::any_of(rx_.begin(), rx_.end(), [](const auto& queue) { return queue->has_next(); });
    return is_there ? Instant::min() : link_.next_arrival(end_);
  }
  std::optional<wire::Rss> rss() const override { return link_.into(end_).rss(); }
  Result<void> set_rss(const wire::Rss& rss) override;
  Result<void> can_steer_flows() const override { return rules_.empty() ? Port::can_steer_flows() : Result<void>(); }
  Result<std::uint16_t> add_flow_rule(const wire::FlowRule& rule) override;
  Result<void> remove_flow_rule(std::uint16_t id) override;

 private:
  Link& link_;
  const End end_;
  port::Info info_;
  std::vector<std::unique_ptr<SimRx>> rx_;
  std::vector<std::unique_ptr<SimTx>> tx_;
  std::vector<std::optional<FlowKey>> rules_;  // by id
};

Result<std::uint16_t> SimPort::add_flow_rule(const wire::FlowRule& rule) {
  if (Result<void> can = can_steer_flows(); !can) return tl::unexpected(can.error());
  if (rule.queue >= info_.rx_queues)
    return failure(EINVAL, "a flow rule for rx queue " + std::to_string(rule.queue) + "; the device has " + std::to_string(info_.rx_queues));
  const auto free = std::find(rules_.begin(), rules_.end(), std::nullopt);
  if (free == rules_.end()) return failure(ENOSPC, "the device's " + std::to_string(rules_.size()) + " flow rules are all in use");
  if (!link_.into(end_).add_rule(rule)) return failure(EEXIST, "the flow has a rule already");
  *free = rule.flow;
  return static_cast<std::uint16_t>(free - rules_.begin());
}

Result<void> SimPort::remove_flow_rule(std::uint16_t id) {
  if (id >= rules_.size() || !rules_[id]) return Port::remove_flow_rule(id);
  link_.into(end_).remove_rule(*rules_[id]);
  rules_[id].reset();
  return {};
}

Result<void> SimPort::set_rss(const wire::Rss& rss) {
  if (rss.key.size() != 40 && rss.key.size() != 52)
    return failure(EINVAL, "a key of " + std::to_string(rss.key.size()) + " bytes; it has 40 or 52");
  if (rss.reta.size() != wire::reta_entries)
    return failure(EINVAL, "a RETA of " + std::to_string(rss.reta.size()) + " entries; the device has " + std::to_string(wire::reta_entries));
  const std::uint16_t last = *std::max_element(rss.reta.begin(), rss.reta.end());
  if (last >= info_.rx_queues)
    return failure(EINVAL, "a RETA that names rx queue " + std::to_string(last) + "; the device has " + std::to_string(info_.rx_queues));
  link_.into(end_).set_rss(rss);
  return {};
}

Link::Link(const LinkOptions& options)
    : options_(options),
      // Neighbouring seeds must not give related directions.
      channels_{make_channel(Rng(options.seed).next(), options.a_to_b, options.b),
                make_channel(Rng(~options.seed).next(), options.b_to_a, options.a)} {}

std::unique_ptr<port::Port> Link::open(End end) { return std::make_unique<SimPort>(*this, end); }

std::unique_ptr<port::Port> Link::open(End end, const EndOptions& options) {
  MR_ASSERT(options.queues >= 1 && options.queues <= most_queues);
  (end == End::a ? options_.a : options_.b) = options;
  into(end).set_queues(options.queues);
  return open(end);
}

void Link::inject(End from, Instant now, std::span<const std::uint8_t> frame) {
  out_of(from).send(now, Frame{.bytes = {frame.begin(), frame.end()}});
}

std::optional<std::vector<std::uint8_t>> Link::take(End at, Instant now) {
  Frame frame;
  if (!into(at).take_any(now, frame)) return std::nullopt;
  frame.finish_checksum();
  return std::move(frame.bytes);
}

Instant Link::next_arrival(End at) const { return into(at).next_arrival(); }

void Link::set_impairments(End from, const Impairments& impairments) { out_of(from).set_impairments(impairments); }

ChannelStats Link::stats(End from) const { return out_of(from).stats(); }

}  // namespace millrace::sim
