// SPDX-License-Identifier: BSD-3-Clause
// Generic receive offload: which packets are held, joined, passed up, and when. Called by the rx poller for every
// packet and at the end of every poll; calls segment.cpp, rules.cpp and the table of held packets.
// Clauses: receive_path E2-E14, X18, X19; where they are silent, Linux 6.18's net/core/gro.c.
#include <millrace/gro/gro.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/gro/header_mask.hpp>
#include <millrace/gro/rules.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/tcp.hpp>

#include <algorithm>

namespace millrace::gro {

using Counter = stats::Gro;

namespace {

Config bounded(Config config) {
  config.normal_batch = std::max<std::uint32_t>(config.normal_batch, 1);
  config.max_size = std::min(config.max_size, largest_size);
  config.tick = std::max<Duration>(config.tick, 1us);
  config.poll_hold = std::max<Duration>(config.poll_hold, Duration::zero());
  return config;
}

std::uint16_t sets(Table table) { return table == Table::linux8x8 ? 8 : 64; }
std::uint16_t ways(Table table) { return table == Table::linux8x8 ? 8 : 4; }

bool has_extensions(const Segment& segment) {
  return segment.family == 6 && segment.layout.l4_offset > segment.layout.l3_offset + wire::ipv6_header_bytes;
}

// What FastPath takes for granted of a held packet.
bool takes_burst_path(const pkt::Packet& packet, const Segment& segment) {
  const pkt::Mbuf& m = packet.mbuf();
  return segment.layout.l3_offset == wire::ethernet_header_bytes && m.data_off + HeaderMask::bytes <= m.buf_len &&
         segment.count == 1 && (segment.flags & wire::tcp_flag::cwr) == 0 && !is_unseen(m);
}

}  // namespace

Gro::Gro(const Config& config) : config_(bounded(config)), table_(sets(config.table), ways(config.table)) {}

Verdict Gro::receive(Env& env, pkt::Packet packet, pkt::PacketList& up) {
  count(Counter::packets);
  if (packet.meta().gso_segs <= 1) clear_merge_marks(packet.meta());
  if (!config_.enabled) return pass_alone(std::move(packet), up);
  if (is_unwanted_datagram(packet)) return pass_alone(std::move(packet), up);

  Segment segment;
  const Kind kind = read(packet, segment);
  if (kind == Kind::other) return config_.offloads == nullptr ? pass_alone(std::move(packet), up) : receive_user(env, std::move(packet), up);
  if (kind == Kind::unreadable) {
    close_unread(segment, up);
    return pass_alone(std::move(packet), up);
  }

  const bool wanted = wants(segment);
  // A socket that no longer wants them may have left some here.
  if (!wanted && udp_held_ == 0) return pass_alone(std::move(packet), up);
  const std::uint64_t hash = flow_hash(segment, env.secret);
  Held* const held = table_.find(hash, segment);
  const bool is_candidate = kind == Kind::candidate && wanted && checksum_allows(packet, segment, held);
  if (held != nullptr) {
    if (is_candidate && may_join(*held, segment, packet.mbuf(), config_.max_size)) {
      return join(env, *held, std::move(packet), segment, up);
    }
    close(*held, Counter::closed_flow, up);
  }
  if (!is_candidate || !may_begin(segment)) return pass_alone(std::move(packet), up);
  return begin(env, std::move(packet), segment, hash, up);
}

// Most datagrams: their port's sockets want none merged, and none is held that they could overtake.
bool Gro::is_unwanted_datagram(const pkt::Packet& packet) const {
  const pkt::Meta& meta = packet.meta();
  return meta.l4_proto == wire::ip_proto::udp && meta.l4_offset != 0 && udp_held_ == 0 && !wants(load_be16(&packet.data()[meta.l4_offset + 2u]));
}

// E16: UDP is merged only for those who asked.
bool Gro::wants(const Segment& segment) const {
  return !segment.is_udp() || wants(segment.destination_port());
}

// E10. Behind extension headers a wrong sum may be ours: a routing header names another final destination than the
// one we summed (RFC 8200 section 8.1). Then TCP judges.
bool Gro::checksum_allows(pkt::Packet& packet, const Segment& segment, const Held* held) {
  pkt::ChecksumVerdict& verdict = packet.meta().checksum;
  if (verdict == pkt::ChecksumVerdict::unknown) {
    if (may_stay_unseen(packet, segment, held)) {
      count(Counter::checksum_deferred);
      return true;
    }
    count(Counter::checksum_computed);
    if (checksum_is_right(packet, segment)) {
      verdict = pkt::ChecksumVerdict::good;
    } else if (has_extensions(segment)) {
      return false;
    } else {
      verdict = pkt::ChecksumVerdict::bad;
    }
  }
  if (verdict != pkt::ChecksumVerdict::bad) return true;
  count(Counter::checksum_bad);
  return false;
}

// X21: of a payload that another lcore reads every line would move twice if it were summed here. What is held of the flow
// decided; verify() wants each header in front of its payload, and sums as we do.
bool Gro::may_stay_unseen(const pkt::Packet& packet, const Segment& segment, const Held* held) const {
  if (config_.destination == nullptr || segment.count != 1 || has_extensions(segment)) return false;
  if (packet.data().size() <= segment.layout.payload_offset()) return false;
  return held != nullptr ? is_unseen(held->packet.mbuf()) : config_.destination->is_elsewhere(packet);
}

Verdict Gro::begin(Env& env, pkt::Packet packet, const Segment& segment, std::uint64_t hash, pkt::PacketList& up) {
  if (table_.empty()) idle_check_ = env.now + config_.poll_hold;
  Held* held = table_.insert(hash);
  if (held == nullptr) {
    close(table_.entry(table_.oldest_way(table_.first_way(hash))), Counter::closed_evicted, up);
    held = table_.insert(hash);
  }
  held->last = &packet.mbuf();
  while (held->last->next != nullptr) held->last = held->last->next;
  held->frame = segment.frame;
  held->active = env.now;
  held->next_seq = segment.seq + segment.payload;
  held->length = segment.length;
  held->tick = tick_at(env.now);
  held->link = segment.link | (takes_burst_path(packet, segment) ? 0 : narrow);
  held->layout = segment.layout;
  held->buffers = packet.segments();
  held->count = segment.count;
  held->mss = segment.mss;
  held->next_id = static_cast<std::uint16_t>(segment.id + segment.count);
  held->family = segment.family;
  held->id_step = 1;
  held->packet = std::move(packet);
  udp_held_ += segment.is_udp() ? 1 : 0;
  count(Counter::held);
  return Verdict::held;
}

Verdict Gro::join(Env& env, Held& held, pkt::Packet packet, const Segment& segment, pkt::PacketList& up) {
  held.active = env.now;
  held.next_seq += segment.payload;
  held.length += segment.payload;
  if (held.family == 4 && held.count == 1 && repeats_id(held, segment.id)) held.id_step = 0;
  held.next_id = static_cast<std::uint16_t>(segment.id + held.id_step * segment.count);
  held.count = static_cast<std::uint16_t>(held.count + segment.count);
  const bool last = is_last(segment, held.mss) || is_full(held);
  const bool unseen = is_unseen(packet.mbuf());
  if (unseen) held.packet.meta().checksum = pkt::ChecksumVerdict::by_segment;
  // FIN and PSH of the last segment are the whole packet's (E9). Only then: a byte stored here stalls the comparison
  // of the next segment, which loads it as part of a word.
  if (last && !segment.is_udp() && !unseen) held.packet.data()[held.layout.l4_offset + 13u] |= segment.flags & (wire::tcp_flag::fin | wire::tcp_flag::psh);
  const std::uint16_t buffers = packet.segments();
  packet.trim_front(segment.layout.payload_offset());
  const bool freed = packet.segments() != buffers;
  held.buffers = static_cast<std::uint16_t>(held.buffers + packet.segments());
  pkt::Mbuf* tail = packet.release();
  held.last->next = tail;
  while (tail->next != nullptr) tail = tail->next;
  held.last = tail;
  if (last) close(held, Counter::closed_full, up);
  count(freed ? Counter::merged_free : Counter::merged);
  return freed ? Verdict::merged_free : Verdict::merged;
}

void Gro::close(Held& held, Counter why, pkt::PacketList& up) {
  count(why);
  udp_held_ -= (held.link & udp_link) != 0 ? 1 : 0;
  finish(held);
  table_.erase(held);
  pass_up(std::move(held.packet), held.count, up);
}

void Gro::close_unread(Segment segment, pkt::PacketList& up) {
  if (!segment.is_udp() || udp_held_ > 0) close_addresses(segment, up);
  if (!segment.hides_protocol) return;
  if (!users_.empty()) close_users_between(segment, up);
  segment.link |= udp_link;
  close_addresses(segment, up);
}

void Gro::close_addresses(const Segment& segment, pkt::PacketList& up) {
  for (Held* held = table_.oldest(); held != nullptr;) {
    Held* next = table_.next(*held);
    if (same_addresses(*held, segment)) close(*held, Counter::closed_flow, up);
    held = next;
  }
}

void Gro::close_old(std::uint16_t tick, pkt::PacketList& up) {
  if (!users_.empty()) close_old_users(tick, up);
  while (Held* held = table_.oldest()) {
    if (held->tick == tick) break;
    close(*held, Counter::closed_old, up);
  }
}

void Gro::close_idle(Instant now, pkt::PacketList& up) {
  if (table_.empty() || now < idle_check_) return;
  Instant earliest = never;
  for (Held* held = table_.oldest(); held != nullptr;) {
    Held* next = table_.next(*held);
    const Instant deadline = held->active + config_.poll_hold;
    if (deadline <= now) {
      close(*held, Counter::closed_idle, up);
    } else {
      earliest = std::min(earliest, deadline);
    }
    held = next;
  }
  idle_check_ = earliest;
}

// All go up now, so none needs to wait for its batch.
void Gro::close_all(pkt::PacketList& up) {
  if (!users_.empty()) close_all_users(up);
  if (table_.empty()) return;
  tally(Counter::closed_poll, table_.size());
  tally(Counter::packets_out, table_.size());
  up.splice_back(normal_);
  normal_segments_ = 0;
  udp_held_ = 0;
  table_.take_all([&up](Held& held) {
    finish(held);
    up.push_back(std::move(held.packet));
  });
}

void Gro::complete(Env& env, pkt::PacketList& up) {
  if (config_.poll_hold == Duration::zero()) {
    close_all(up);
  } else if (holds()) {
    close_old(tick_at(env.now), up);
    close_idle(env.now, up);
    if (!users_.empty()) close_idle_users(env.now, up);
  }
  end_poll(env, up);
}

void Gro::flush_old(Env& env, pkt::PacketList& up) {
  if (config_.tick > 1ms) {
    close_all(up);
  } else if (holds()) {
    close_old(tick_at(env.now), up);
  }
  end_poll(env, up);
}

void Gro::flush_all(Env& env, pkt::PacketList& up) {
  close_all(up);
  end_poll(env, up);
}

void Gro::configure(Env& env, const Config& config, pkt::PacketList& up) {
  flush_all(env, up);
  config_ = bounded(config);
  table_.reshape(sets(config.table), ways(config.table));
  tick_end_ = Instant::min();
}

Verdict Gro::pass_alone(pkt::Packet packet, pkt::PacketList& up) {
  count(Counter::normal);
  pass_up(std::move(packet), 1, up);
  return Verdict::normal;
}

void Gro::end_poll(Env& env, pkt::PacketList& up) {
  up.splice_back(normal_);
  normal_segments_ = 0;
  for (std::size_t i = 0; i < tally_.size(); ++i) {
    if (tally_[i] == 0) continue;
    counters_.add(static_cast<Counter>(i), tally_[i]);
    env.stats->gro.add(static_cast<Counter>(i), tally_[i]);
    tally_[i] = 0;
  }
}

// The tick's number, divided out anew only when the clock has left the last one.
std::uint16_t Gro::tick_at(Instant now) {
  if (now >= tick_end_ || now < tick_end_ - config_.tick) {
    const auto number = now.time_since_epoch() / config_.tick;
    tick_ = static_cast<std::uint16_t>(number);
    tick_end_ = Instant{} + (number + 1) * config_.tick;
  }
  return tick_;
}

}  // namespace millrace::gro
