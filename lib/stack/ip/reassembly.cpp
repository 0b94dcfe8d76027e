// SPDX-License-Identifier: BSD-3-Clause
// Puts fragments together again. Called by Stack::input_v4 and input_v6, and by the wheel; calls Reassembly::Timeouts.
// RFC 791 section 3.2, RFC 815, RFC 5722, RFC 8200 section 4.5; ip_frag_queue, ip6_frag_queue, inet_fragment.c
// (receive_path H7).
#include <millrace/stack/ip/reassembly.hpp>

#include <millrace/base/siphash.hpp>
#include <millrace/pkt/truesize.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <optional>

namespace millrace::ip {

using stats::DropReason;

namespace {

// RFC 3168 section 5.3, ip_frag_ecn_table[]: what the whole datagram bears, given which of the four values its
// fragments had. Null: fragments of a transport that knows ECN and of one that does not cannot be of one datagram.
std::optional<std::uint8_t> combine_ecn(std::uint8_t seen) {
  constexpr std::uint8_t not_ect = 1u << 0, ce = 1u << 3;
  if ((seen & not_ect) != 0 && seen != not_ect) return std::nullopt;
  return (seen & ce) != 0 ? std::uint8_t{3} : std::uint8_t{0};
}

// The first piece that begins behind `at`.
template <class Pieces>
auto after(Pieces& pieces, std::uint32_t at) {
  return std::upper_bound(pieces.begin(), pieces.end(), at,
                          [](std::uint32_t begin, const auto& piece) { return begin < piece.begin; });
}

}  // namespace

Reassembly::~Reassembly() {
  while (Datagram* datagram = by_age_.front()) discard(*datagram, DropReason::shutdown);
}

void Reassembly::count(stats::Ip v4, stats::Ip6 v6) {
  if (v4_) return env_.stats->ip.add(v4);
  env_.stats->ip6.add(v6);
}

Reassembly::Chain& Reassembly::chain(const Fragment::Key& key) {
  std::array<std::uint8_t, 37> bytes;
  std::copy_n(key.source.bytes.begin(), 16, bytes.begin());
  std::copy_n(key.destination.bytes.begin(), 16, bytes.begin() + 16);
  store_be32(&bytes[32], key.id);
  bytes[36] = key.proto;
  return by_key_[siphash(env_.secret, bytes) % buckets];
}

// Most fragments follow one of the same datagram.
Reassembly::Datagram& Reassembly::find_or_create(const Fragment::Key& key) {
  if (last_ != nullptr && last_->key == key) return *last_;
  Chain& candidates = chain(key);
  for (Datagram* d = candidates.front(); d != nullptr; d = candidates.next(*d))
    if (d->key == key) return *(last_ = d);
  return *(last_ = &create(key, candidates));
}

Reassembly::Datagram& Reassembly::create(const Fragment::Key& key, Chain& chain) {
  Datagram* datagram = free_.pop_front();
  if (datagram == nullptr) datagram = &datagrams_.emplace_back(*this);
  datagram->key = key;
  datagram->cost = sizeof(Datagram);
  datagram->received = datagram->end = 0;
  datagram->has_end = false;
  datagram->ecn_seen = 0;
  memory_ += datagram->cost;
  ++size_;
  chain.push_back(*datagram);
  by_age_.push_back(*datagram);
  env_.wheel->arm(datagram->timer, env_.now + options_.timeout);
  return *datagram;
}

// Makes the oldest go. False: there is still no room.
bool Reassembly::make_room(const pkt::Packet& packet, std::uint64_t cost) {
  if (memory_ + cost > options_.high_thresh)
    while (memory_ > options_.low_thresh && !by_age_.empty()) fail(*by_age_.front(), DropReason::frag_evicted);
  // Buffers that wait here are missing where packets are received.
  if (pkt::is_pool_short(packet)) {
    if (by_age_.empty()) return false;
    fail(*by_age_.front(), DropReason::frag_evicted);
  }
  return memory_ + cost <= options_.high_thresh;
}

// Whether a datagram of `end` bytes behind such headers cannot be: its length field has 16 bits, and counts IPv4's
// header, but neither IPv6's nor the Fragment header.
bool Reassembly::is_too_long(std::uint32_t end, std::uint32_t header_bytes) const {
  const std::uint32_t not_counted = v4_ ? 0 : wire::ipv6_header_bytes + wire::ipv6_fragment_header_bytes;
  return end + header_bytes - not_counted > 65535;
}

// Whether the pieces from `next` on go on without a gap from `from` to `end`.
bool Reassembly::reaches(const std::vector<Piece>& pieces, std::uint32_t from, std::vector<Piece>::const_iterator next, std::uint32_t end) {
  for (; from < end && next != pieces.end() && next->begin == from; ++next) from = next->end;
  return from >= end;
}

// Why a fragment cannot be part of the datagram, if so.
std::optional<DropReason> Reassembly::objection(const Datagram& d, const Fragment& f) const {
  // The end of the datagram stands fast once it is known, and nothing lies behind it.
  const bool contradicts = f.more ? d.has_end && f.end > d.end : f.end < d.end || (d.has_end && f.end != d.end);
  if (contradicts || f.begin >= f.end || is_too_long(f.end, f.header_bytes)) return DropReason::frag_malformed;
  const auto next = after(d.pieces, f.begin);
  if (next != d.pieces.begin()) {
    const auto& before = *std::prev(next);
    // inet_frag_queue_insert(): bytes that are all here have come twice, bytes that are here in part overlap.
    if (before.end > f.begin) return reaches(d.pieces, before.end, next, f.end) ? DropReason::frag_duplicate : DropReason::frag_overlap;
  }
  if (next != d.pieces.end() && next->begin < f.end) return DropReason::frag_overlap;
  if (d.pieces.size() == most_fragments) return DropReason::frag_too_many;
  return std::nullopt;
}

Reassembly::Whole Reassembly::add(pkt::Packet packet, const Fragment& f) {
  count(stats::Ip::ReasmReqds, stats::Ip6::ReasmReqds);
  const std::uint64_t cost = pkt::truesize(packet) + sizeof(Piece);
  if (!make_room(packet, cost + sizeof(Datagram))) {
    count(stats::Ip::ReasmFails, stats::Ip6::ReasmFails);
    drop(env_, std::move(packet), DropReason::frag_no_memory);
    return {};
  }
  Datagram& datagram = find_or_create(f.key);
  if (const auto reason = objection(datagram, f)) {
    drop(env_, std::move(packet), *reason);
    if (*reason == DropReason::frag_overlap) count(stats::Ip::ReasmOverlaps, stats::Ip6::ReasmOverlaps);
    // RFC 8200 section 4.5: what came twice is passed over, all else ends the datagram.
    if (*reason != DropReason::frag_duplicate) fail(datagram, *reason);
    return {};
  }
  insert(datagram, std::move(packet), f, cost);
  return datagram.has_end && datagram.received == datagram.end ? finish(datagram) : Whole{};
}

void Reassembly::insert(Datagram& d, pkt::Packet packet, const Fragment& f, std::uint64_t cost) {
  d.end = std::max(d.end, f.end);
  d.has_end |= !f.more;
  d.received += f.end - f.begin;
  d.ecn_seen |= static_cast<std::uint8_t>(1u << f.ecn);
  d.cost += cost;
  memory_ += cost;
  packet.truncate(f.header_bytes + f.end - f.begin);
  if (f.begin == 0) {
    d.header_bytes = f.header_bytes;
  } else {
    packet.trim_front(f.header_bytes, env_.home);
  }
  d.pieces.insert(after(d.pieces, f.begin), Piece{f.begin, f.end, std::move(packet)});
}

// All bytes are there.
Reassembly::Whole Reassembly::finish(Datagram& d) {
  const auto ecn = combine_ecn(d.ecn_seen);
  if (!ecn || is_too_long(d.end, d.header_bytes)) {
    fail(d, ecn ? DropReason::frag_malformed : DropReason::frag_ecn);
    return {};
  }
  pull_headers(d);
  // From the back, so that each is chained to one that is short.
  for (std::size_t i = d.pieces.size() - 1; i > 0; --i)
    join(env_, d.pieces[i - 1].packet, std::move(d.pieces[i].packet));
  Whole whole{std::move(d.pieces.front().packet), *ecn};
  release(d);
  count(stats::Ip::ReasmOKs, stats::Ip6::ReasmOKs);
  return whole;
}

// pskb_may_pull(): transports find their header in the first buffer, however short the first fragments are.
void Reassembly::pull_headers(Datagram& d) {
  constexpr std::size_t longest_header = 60;  // TCP with options
  pkt::Packet& first = d.pieces.front().packet;
  const std::size_t wanted = std::min<std::size_t>(d.end, longest_header) + d.header_bytes;
  if (first.segments() != 1 || first.length() >= wanted || first.tailroom() < wanted - first.length()) return;
  while (first.length() < wanted) {
    pkt::Packet& next = d.pieces[1].packet;
    const auto n = static_cast<std::uint16_t>(std::min<std::size_t>(wanted - first.length(), next.length()));
    next.copy_out(0, {first.append(n), n});
    if (n < next.length()) {
      next.trim_front(n, env_.home);
      continue;
    }
    consume(env_, std::move(next), stats::Ledger::joined);
    d.pieces.erase(d.pieces.begin() + 1);
  }
}

void Reassembly::fail(Datagram& datagram, DropReason reason) {
  count(stats::Ip::ReasmFails, stats::Ip6::ReasmFails);
  discard(datagram, reason);
}

void Reassembly::discard(Datagram& datagram, DropReason reason) {
  for (Piece& piece : datagram.pieces) drop(env_, std::move(piece.packet), reason);
  release(datagram);
}

void Reassembly::release(Datagram& datagram) {
  constexpr std::size_t worth_keeping = 64;
  datagram.pieces.clear();
  if (datagram.pieces.capacity() > worth_keeping) datagram.pieces.shrink_to_fit();
  memory_ -= datagram.cost;
  --size_;
  if (last_ == &datagram) last_ = nullptr;
  env_.wheel->cancel(datagram.timer);
  datagram.by_key.unlink();
  datagram.by_age.unlink();
  free_.push_back(datagram);
}

// ip_expire(), ip6frag_expire_frag_queue().
void Reassembly::time_out(void* object, Instant) {
  auto& datagram = *static_cast<Datagram*>(object);
  Reassembly& all = *datagram.owner;
  all.count(stats::Ip::ReasmTimeout, stats::Ip6::ReasmTimeout);
  if (!datagram.pieces.empty() && datagram.pieces.front().begin == 0)
    all.timeouts_.on_reassembly_timeout(datagram.pieces.front().packet);
  all.fail(datagram, DropReason::frag_timeout);
}

}  // namespace millrace::ip
