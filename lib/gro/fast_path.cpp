// SPDX-License-Identifier: BSD-3-Clause
// The short way of a burst through GRO. Called by Gro::receive(Burst&); calls the table, compare.hpp and, for what it
// leaves, Gro::receive(Packet). Clauses: receive_path E4-E9.
#include <millrace/gro/fast_path.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/gro/compare.hpp>
#include <millrace/gro/fast_family.hpp>
#include <millrace/gro/flow_hash.hpp>
#include <millrace/gro/rules.hpp>
#include <millrace/pkt/taking.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

#include <array>
#include <bit>

namespace millrace::gro {
namespace {

using namespace wire::tcp_flag;

constexpr std::uint32_t line_bytes = 64;

[[gnu::noinline]] std::uint32_t vlan_mark(const pkt::Mbuf& m) { return 0x1000u | (m.vlan_tci & wire::vlan_id_mask); }

// E10: the verdicts with which a segment may be merged unseen. Not from the device: it may be one that lies.
[[gnu::noinline]] bool meta_allows(const pkt::Mbuf& m) {
  const auto verdict = m.meta.checksum;
  return (m.ol_flags & pkt::flag::rx_lro) == 0 && m.meta.gso_segs <= 1 &&
         (verdict == pkt::ChecksumVerdict::good || verdict == pkt::ChecksumVerdict::partial);
}

}  // namespace

template <class Simd>
class FastPath::Pass {
 public:
  Pass(Gro& gro, Env& env, const Arrival& arrival, pkt::PacketList& up)
      : gro_(gro), table_(gro.table_), env_(env), arrival_(arrival), up_(up), hash_(env.secret), now_(env.now),
        // No verdict is ever equal to all ones: then Meta is asked.
        believed_(arrival.has_verdicts ? pkt::flag::rx_l4_good : ~std::uint64_t{0}),
        expected_{believed_ | V4::good, believed_ | V6::good},
        link_(std::uint32_t{arrival.ifindex} << 16), max_size_(gro.config_.max_size), tick_(gro.tick_at(env.now)) {}

  // Three times over the burst, so that what one packet waits for overlaps with what the others do: its lines, the
  // hash of its flow, and, in order, what becomes of it. Datagrams in front that nobody wants merged need one look.
  void run(pkt::Burst& burst) {
    pkt::Mbuf** const m = burst.slots();
    const std::uint16_t n = burst.size();
    for (std::uint16_t i = 0; i < n; ++i) prefetch(*m[i]);
    const std::uint16_t first = pass_datagrams(m, n);
    for (std::uint16_t i = first; i < n; ++i) look_at(*m[i], looks_[i]);
    for (std::uint16_t i = first; i < n;) {
      const std::uint16_t taken = take(m, i, n);
      if (taken == 0) leave(*m[i]);
      i = static_cast<std::uint16_t>(i + (taken == 0 ? 1 : taken));
    }
    pkt::taken(burst);
    gro_.tally(Counter::checksum_computed, computed_);
    gro_.tally(Counter::packets, n - left_);
    gro_.tally(Counter::merged, n - left_ - alone_ - begun_);
    gro_.tally(Counter::held, begun_);
    gro_.tally(Counter::normal, alone_);
  }

 private:
  using Counter = stats::Gro;
  static constexpr std::uint64_t l4_verdicts = pkt::flag::rx_l4_good | pkt::flag::rx_l4_bad | pkt::flag::rx_lro;

  static void prefetch(pkt::Mbuf& m) {
    const std::uint8_t* frame = m.data();
    __builtin_prefetch(frame);
    __builtin_prefetch(frame + line_bytes);
    __builtin_prefetch(&m.next, 1);
  }

  // How many they are. They wait for their batch as in Gro::pass_up() (E14).
  std::uint16_t pass_datagrams(pkt::Mbuf* const* m, std::uint16_t n) {
    if (gro_.udp_held_ != 0) return 0;
    pkt::PacketList passed;
    const UdpPorts* const ports = gro_.config_.udp_ports;
    std::uint32_t waiting = gro_.normal_segments_;
    std::uint16_t i = 0;
    for (; i < n; ++i) {
      if (m[i]->nb_segs != 1 || m[i]->data_len < tcp4_at + wire::udp_header_bytes) break;
      const std::uint8_t* const frame = frame_of(*m[i]);
      const std::uint16_t type = load16(frame + 12);
      if (!(type == type_word(V4::ethertype) ? describe_unwanted<V4>(*m[i], frame, ports) : type == type_word(V6::ethertype) && describe_unwanted<V6>(*m[i], frame, ports))) break;
      passed.push_back(pkt::own(*m[i]));
      if (++waiting < gro_.config_.normal_batch) continue;
      waiting = 0;
      gro_.normal_.splice_back(passed);
      up_.splice_back(gro_.normal_);
    }
    gro_.normal_.splice_back(passed);
    gro_.normal_segments_ = waiting;
    gro_.tally(Counter::packets_out, i);
    alone_ = i;
    return i;
  }

  [[gnu::noinline]] void leave(pkt::Mbuf& m) {
    ++left_;
    gro_.receive_slowly(env_, pkt::own(m), arrival_, up_);
  }

  /// A frame at first sight.
  struct Look {
    const std::uint8_t* frame;
    std::uint64_t hash;
    std::uint32_t link;
    std::uint8_t family;  ///< 4 or 6, or V::datagram; 0: not of the common shape
  };

  // Field by field where it stays: a Look that is put together on the stack and copied waits for each of its stores.
  void look_at(const pkt::Mbuf& m, Look& look) const {
    look.family = 0;
    if (m.nb_segs != 1 || m.data_off + HeaderMask::bytes > m.buf_len) return;
    const std::uint16_t type = load16(frame_of(m) + 12);
    if (type == type_word(V4::ethertype)) return look_at_of<V4>(m, look);
    if (type == type_word(V6::ethertype)) look_at_of<V6>(m, look);
  }
  static const std::uint8_t* frame_of(const pkt::Mbuf& m) { return static_cast<const std::uint8_t*>(m.buf_addr) + m.data_off; }
  static constexpr std::uint16_t type_word(std::uint16_t type) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(type << 8 | type >> 8) : type;
  }

  template <class V>
  void look_at_of(const pkt::Mbuf& m, Look& look) const {
    const std::uint8_t* const frame = frame_of(m);
    look.frame = frame;
    if (m.data_len < V::tcp_at + wire::udp_header_bytes) return;
    if (frame[V::proto_at] == wire::ip_proto::udp) {
      look.family = V::datagram;
      return;
    }
    if (m.data_len < V::tcp_at + wire::tcp_header_bytes) return;
    constexpr std::uint64_t seen = l4_verdicts | V::verdicts | pkt::flag::rx_vlan;
    std::uint32_t link = link_;
    if ((m.ol_flags & seen) != expected_[V::family == 6]) {
      if (!is_sound<V>(m)) return;
      if ((m.ol_flags & pkt::flag::rx_vlan) != 0) link |= vlan_mark(m);
    }
    look.hash = V::hash(hash_, frame, link);
    look.link = link;
    look.family = V::family;
  }

  // How many from `at` on. None: not of the common shape, or one of the cases that receive() judges.
  std::uint16_t take(pkt::Mbuf* const* m, std::uint16_t at, std::uint16_t n) {
    const Look& look = looks_[at];
    if (look.family == V4::family) return take_of<V4>(*m[at], look) ? 1 : 0;
    if (look.family == V6::family) return take_of<V6>(*m[at], look) ? 1 : 0;
    if (look.family == V4::datagram) return take_datagrams<V4>(m, at, n);
    return look.family == V6::datagram ? take_datagrams<V6>(m, at, n) : std::uint16_t{0};
  }

  static bool is_single(const pkt::Mbuf& m) { return m.meta.gso_segs <= 1 && (m.ol_flags & (pkt::flag::rx_lro | pkt::flag::rx_vlan)) == 0; }

  // Most datagrams: no socket wants those of their port merged. And fragments, which none may follow, for no datagram is held.
  // False: one that needs a closer look.
  template <class V>
  bool describe_unwanted(pkt::Mbuf& m, const std::uint8_t* frame, const UdpPorts* ports) {
    if (m.data_len < V::tcp_at + wire::udp_header_bytes || !is_single(m)) return false;
    if (!V::is_datagram(frame + ip_at)) return describe_fragment<V>(m, frame);
    if (ports != nullptr && ports->wants(load_be16(frame + V::tcp_at + 2))) return false;
    describe_datagram<V>(m, frame);
    return true;
  }

  // Of its transport nothing is read, as in wire::dissect().
  template <class V>
  [[gnu::noinline]] bool describe_fragment(pkt::Mbuf& m, const std::uint8_t* frame) {
    if (!V::is_fragment_of_datagram(frame + ip_at)) return false;
    describe_datagram<V>(m, frame);
    m.meta.l4_offset = m.meta.payload_offset = 0;
    return true;
  }

  template <class V>
  std::uint16_t take_datagrams(pkt::Mbuf* const* m, std::uint16_t at, std::uint16_t n) {
    const std::uint8_t* const frame = looks_[at].frame;
    if (!is_single(*m[at])) return 0;
    if (!gro_.wants(load_be16(frame + V::tcp_at + 2))) {
      if (gro_.udp_held_ != 0 || !V::is_datagram(frame + ip_at)) return 0;
      describe_datagram<V>(*m[at], frame);
      gro_.pass_up(pkt::own(*m[at]), 1, up_);
      ++alone_;
      return 1;
    }
    if (last_ != nullptr && last_->packet)
      if (const std::uint16_t joined = join_datagrams<V>(m, at, n, *last_)) return joined;
    const std::uint64_t hash = V::hash(hash_, frame, link_ | udp_link);
    const std::size_t first = table_.first_way(hash);
    const std::uint32_t found = matches(table_.tags(first), table_.tag_of(hash));
    if (found == 0) return 0;
    last_ = &table_.entry(first + static_cast<std::size_t>(std::countr_zero(found)));
    is_train_ = false;
    return join_datagrams<V>(m, at, n, *last_);
  }

  // E16: more of equal length, but for the last that a packet holds. Their sums are found here (E10). What they all have to share
  // with what is held is looked at once, and what they change in it stays in registers until the last has joined.
  template <class V>
  std::uint16_t join_datagrams(pkt::Mbuf* const* m, std::uint16_t at, std::uint16_t n, Held& held) {
    constexpr std::uint32_t header = V::tcp_at + wire::udp_header_bytes;
    const pkt::Mbuf& head = held.packet.mbuf();
    if (held.link != (link_ | udp_link) || held.family != V::family || held.layout.l4_offset != V::tcp_at || is_unseen(head)) return 0;
    const std::uint16_t mss = held.mss;
    std::uint32_t length = held.length;
    std::uint16_t count = held.count, id = held.next_id;
    pkt::Mbuf* last = held.last;
    std::uint16_t i = at;
    for (; i < n && looks_[i].family == V::datagram; ++i) {
      pkt::Mbuf& next = *m[i];
      const std::uint8_t* const frame = looks_[i].frame;
      if (next.data_len != header + mss || !is_single(next) || Simd::template differs<V::compared>(frame, held.frame, V::datagrams)) break;
      if (device_differs(head, next) != 0 || (V::family == 4 && V::id(frame + ip_at) != id)) break;
      if (load16(frame + V::tcp_at + 6) == 0 || count + 1 >= udp_most_segments || length + mss >= max_size_) break;
      if (!V::is_intact(frame + ip_at, next.ol_flags) || !is_datagram_right<V>(next, frame)) break;
      id = static_cast<std::uint16_t>(id + held.id_step);
      length += mss;
      ++count;
      next.data_off = static_cast<std::uint16_t>(next.data_off + header);
      next.data_len = mss;
      last->next = &next;
      last = &next;
    }
    const auto joined = static_cast<std::uint16_t>(i - at);
    held.active = now_;
    held.next_id = id;
    held.length = length;
    held.count = count;
    held.buffers = static_cast<decltype(held.buffers)>(held.buffers + joined);
    held.last = last;
    return joined;
  }

  template <class V>
  bool is_datagram_right(const pkt::Mbuf& m, const std::uint8_t* frame) {
    if (m.meta.checksum != pkt::ChecksumVerdict::unknown) return m.meta.checksum != pkt::ChecksumVerdict::bad;
    if (!wire::sum_behind_plain_ip(frame + ip_at, V::family == 4, wire::ip_proto::udp, m.data_len - std::uint32_t{V::tcp_at}).is_valid()) return false;
    ++computed_;
    return true;
  }

  template <class V>
  void describe_datagram(pkt::Mbuf& m, const std::uint8_t* frame) {
    describe<V>(m, frame, wire::ip_proto::udp, V::tcp_at + wire::udp_header_bytes);
    m.meta.gso_accecn = false;
    m.meta.frame_offset = m.data_off;
  }

  // In a train the flow of the last packet is that of the next: all of the header is compared anyway, addresses and
  // ports included, so that it need not be looked up.
  template <class V>
  bool take_of(pkt::Mbuf& m, const Look& look) {
    if (is_train_ && last_->family == V::family && last_->packet && follows<V>(m, look, *last_)) return true;
    const std::size_t first = table_.first_way(look.hash);
    const std::uint32_t found = matches(table_.tags(first), table_.tag_of(look.hash));
    if (found == 0) return begin<V>(m, look.frame, look.link, look.hash);
    Held& held = table_.entry(first + static_cast<std::size_t>(std::countr_zero(found)));
    is_train_ = &held == last_;
    last_ = &held;
    return follows<V>(m, look, held) || join<V>(m, look.frame, look.link, held);
  }

  // What the device's flags did not say at one look.
  template <class V>
  [[gnu::noinline]] bool is_sound(const pkt::Mbuf& m) const {
    return ((m.ol_flags & l4_verdicts) == believed_ || meta_allows(m)) && V::is_intact(frame_of(m) + ip_at, m.ol_flags);
  }

  std::uint32_t matches(const std::uint32_t* tags, std::uint32_t tag) const {
    std::uint32_t found = Simd::matches(tags, tag);
    if (table_.ways() > 4) found |= Simd::matches(tags + 4, tag) << 4;
    return found;
  }

  template <class V>
  bool begin(pkt::Mbuf& m, const std::uint8_t* frame, std::uint32_t link, std::uint64_t hash) {
    const std::size_t first = table_.first_way(hash);
    std::uint32_t free = matches(table_.tags(first), 0);
    const std::uint32_t length = m.data_len - std::uint32_t{ip_at};
    const auto tcp_header = static_cast<std::uint32_t>(frame[V::tcp_at + 12] >> 4) * 4;
    const std::uint32_t header = V::tcp_at + tcp_header;
    const std::uint8_t flags = frame[V::tcp_at + 13];
    if (tcp_header < wire::tcp_header_bytes || header >= m.data_len) return false;
    if ((flags & (cwr | urg | rst | syn | psh | fin)) != 0) return false;
    if (!V::is_plain(frame + ip_at) || !V::is_whole(frame + ip_at, length)) return false;
    if (table_.empty()) gro_.idle_check_ = now_ + gro_.config_.poll_hold;
    if (free == 0) free = make_room(first);
    const std::uint32_t payload = m.data_len - header;
    Held& held = table_.insert_at(first + static_cast<std::size_t>(std::countr_zero(free)), hash);
    held.packet = pkt::own(m);
    held.last = &m;
    held.frame = frame;
    held.active = now_;
    held.next_seq = load_be32(frame + V::tcp_at + 4) + payload;
    held.length = length;
    held.link = link;
    held.layout = {V::tcp_at, ip_at, static_cast<std::uint8_t>(tcp_header)};
    held.tick = tick_;
    held.buffers = 1;
    held.count = 1;
    held.mss = static_cast<std::uint16_t>(payload);
    held.next_id = static_cast<std::uint16_t>(V::id(frame + ip_at) + 1);
    held.family = V::family;
    held.id_step = 1;
    describe<V>(m, frame, wire::ip_proto::tcp, static_cast<std::uint16_t>(header));
    ++begun_;
    return true;
  }

  // E11: a full set gives its oldest up. The bit of its way, free now.
  [[gnu::noinline]] std::uint32_t make_room(std::size_t first) {
    const std::size_t oldest = table_.oldest_way(first);
    gro_.close(table_.entry(oldest), Counter::closed_evicted, up_);
    return 1u << (oldest - first);
  }

  // What arrive() says of such a frame, and that it is not merged.
  template <class V>
  void describe(pkt::Mbuf& m, const std::uint8_t* frame, std::uint8_t proto, std::uint16_t header) {
    pkt::Meta& meta = m.meta;
    meta.l3_offset = ip_at;
    meta.l4_offset = V::tcp_at;
    meta.payload_offset = header;
    meta.ethertype = V::ethertype;
    meta.l4_proto = proto;
    meta.type = packet_type(frame, arrival_);
    meta.napi_id = arrival_.napi_id;
    meta.gso_size = 0;
    meta.gso_segs = 1;
    meta.gso_fixed_id = false;
  }

  // Most of what joins, by fewer looks than join(): one more segment of a train, as long as the first and not the last.
  template <class V>
  bool follows(pkt::Mbuf& m, const Look& look, Held& held) {
    const std::uint32_t header = V::tcp_at + std::uint32_t{held.layout.l4_header};
    if (held.link != look.link || m.data_len != header + held.mss) return false;
    if (Simd::template differs<V::compared>(look.frame, held.frame, V::trains[held.layout.l4_header / 4u])) return false;
    if (load_be32(look.frame + V::tcp_at + 4) != held.next_seq || device_differs(held.packet.mbuf(), m) != 0) return false;
    if (V::family == 4 && V::id(look.frame + ip_at) != held.next_id) return false;
    if (held.length + held.mss >= max_size_) return false;
    held.next_id = static_cast<std::uint16_t>(held.next_id + held.id_step);
    append(m, held, header, held.mss);
    return true;
  }

  // Where the frame is equal to the held one's under the mask, it has its shape too: version, protocol, header lengths
  // and flags need no look of their own.
  template <class V>
  bool join(pkt::Mbuf& m, const std::uint8_t* frame, std::uint32_t link, Held& held) {
    if (held.link != link) return false;
    const std::uint32_t header = V::tcp_at + std::uint32_t{held.layout.l4_header};
    const std::uint32_t payload = m.data_len - header;  // huge when there is none
    if (Simd::template differs<V::compared>(frame, held.frame, V::joins[held.layout.l4_header / 4u])) return false;
    if (payload - 1 >= held.mss || load_be32(frame + V::tcp_at + 4) != held.next_seq) return false;
    if (device_differs(held.packet.mbuf(), m) != 0 || !V::is_whole(frame + ip_at, m.data_len - std::uint32_t{ip_at})) return false;
    if (V::family == 4 && V::id(frame + ip_at) != held.next_id && !repeats(held, V::id(frame + ip_at))) return false;
    held.next_id = static_cast<std::uint16_t>(held.next_id + held.id_step);
    if (held.length + payload >= max_size_) return restart<V>(m, frame, link, held);
    const std::uint8_t flags = frame[V::tcp_at + 13];
    append(m, held, header, payload);
    if (payload < held.mss || (flags & (psh | fin)) != 0) end(held, flags);
    return true;
  }

  void append(pkt::Mbuf& m, Held& held, std::uint32_t header, std::uint32_t payload) const {
    held.active = now_;
    held.next_seq += payload;
    held.length += payload;
    ++held.count;
    ++held.buffers;
    m.data_off = static_cast<std::uint16_t>(m.data_off + header);
    m.data_len = static_cast<std::uint16_t>(payload);
    held.last->next = &m;
    held.last = &m;
  }

  // E8: the segment would fit, but for the size of the whole.
  template <class V>
  [[gnu::noinline]] bool restart(pkt::Mbuf& m, const std::uint8_t* frame, std::uint32_t link, Held& held) {
    gro_.close(held, Counter::closed_flow, up_);
    return begin<V>(m, frame, link, V::hash(hash_, frame, link));
  }

  // E6: the second segment stands still.
  [[gnu::noinline]] static bool repeats(Held& held, std::uint16_t id) {
    if (held.count != 1 || !repeats_id(held, id)) return false;
    held.next_id = id;
    held.id_step = 0;
    return true;
  }

  [[gnu::noinline]] void end(Held& held, std::uint8_t flags) {
    held.packet.data()[held.layout.l4_offset + 13u] |= flags & (fin | psh);
    gro_.close(held, Counter::closed_full, up_);
  }

  Gro& gro_;
  HeldTable& table_;
  Env& env_;
  const Arrival& arrival_;
  pkt::PacketList& up_;
  FlowHash hash_;
  Instant now_;
  std::uint64_t believed_;
  std::uint64_t expected_[2];  ///< of IPv4, of IPv6
  std::uint32_t link_;
  std::uint32_t max_size_;
  std::uint16_t tick_;
  Held* last_ = nullptr;   ///< to which the last packet belonged that was looked up
  bool is_train_ = false;  ///< so did the one before it
  std::uint32_t left_ = 0;
  std::uint32_t begun_ = 0;
  std::uint32_t alone_ = 0;  ///< datagrams
  std::uint32_t computed_ = 0;  ///< checksums
  std::array<Look, pkt::Burst::capacity> looks_;
};

void FastPath::scalar(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) {
  Pass<CompareScalar>(gro, env, arrival, up).run(burst);
}

#if defined(__x86_64__)
// flatten: the variant's instructions may be inlined only into a function that has them, and Pass has not.
[[gnu::flatten]] MR_TARGET_SSE void FastPath::sse(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) {
  Pass<CompareSse>(gro, env, arrival, up).run(burst);
}
[[gnu::flatten]] MR_TARGET_AVX2 void FastPath::avx2(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) {
  Pass<CompareAvx2>(gro, env, arrival, up).run(burst);
}
[[gnu::flatten]] MR_TARGET_AVX512 void FastPath::avx512(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) {
  Pass<CompareAvx512>(gro, env, arrival, up).run(burst);
}
#else
void FastPath::sse(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) { scalar(gro, env, burst, arrival, up); }
void FastPath::avx2(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) { scalar(gro, env, burst, arrival, up); }
void FastPath::avx512(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up) { scalar(gro, env, burst, arrival, up); }
#endif

}  // namespace millrace::gro
