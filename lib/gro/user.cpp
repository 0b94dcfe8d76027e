// SPDX-License-Identifier: BSD-3-Clause
// GRO of applications' protocols: what Ethernet and IP ask for, around the callbacks of a wire::PacketOffload. Called by
// gro.cpp for what is neither TCP nor UDP. Clauses: receive_path E15, E3 (CONSUMED), E4-E7, X18.
#include <millrace/gro/gro.hpp>

#include <millrace/base/words.hpp>
#include <millrace/gro/rules.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::gro {

using Counter = stats::Gro;

/// A received packet of such a protocol.
struct Gro::UserPacket {
  const wire::PacketOffload* offload = nullptr;  ///< null: of none that is registered
  const std::uint8_t* frame = nullptr;
  std::uint16_t l3_offset = 0;
  std::uint16_t start = 0;  ///< of the protocol's header
  std::uint16_t id = 0;
  std::uint8_t family = 0;
  bool is_plain = true;     ///< nothing of IP stands in the way of merging (E5, E7)

  [[nodiscard]] const std::uint8_t* ip() const { return frame + l3_offset; }
};

namespace {

constexpr std::uint16_t dont_fragment = 0x4000;
constexpr std::size_t most_pieces = 16;
using Piece = std::span<const std::uint8_t>;

// The packet from `start` on; 0 pieces when there are too many.
std::size_t pieces_of(const pkt::Packet& packet, std::uint16_t start, std::array<Piece, most_pieces>& pieces) {
  if (packet.segments() > most_pieces) return 0;
  std::size_t n = 0;
  packet.for_each_segment([&](Piece bytes) { pieces[n++] = bytes; });
  pieces[0] = pieces[0].subspan(start);
  return n;
}

bool same_addresses(std::uint8_t family, const std::uint8_t* a, const std::uint8_t* b) {
  if (family == 4) return load64(a + 12) == load64(b + 12);
  return family == 0 || std::memcmp(a + 8, b + 8, 32) == 0;
}

// E6: version and TOS, then DF, TTL and protocol. E7: traffic class and flow label, then next header and hop limit.
bool same_ip(std::uint8_t family, const std::uint8_t* a, const std::uint8_t* b) {
  if (family == 4) return load16(a) == load16(b) && load32(a + 6) == load32(b + 6);
  return family == 0 || (load32(a) == load32(b) && load16(a + 6) == load16(b + 6));
}

bool repeats(const UserTrain& t, std::uint16_t id) { return t.count == 1 && static_cast<std::uint16_t>(id + 1) == t.next_id; }

// E13.
void finish(UserTrain& t) {
  if (t.count == 1) return;
  pkt::Mbuf& m = t.packet.mbuf();
  const std::uint32_t end_of_header = std::uint32_t{t.start} + t.header;
  m.nb_segs = t.buffers;
  m.pkt_len = end_of_header + t.payload;
  std::uint8_t* const ip = m.data() + m.meta.l3_offset;
  const std::uint32_t length = m.pkt_len - m.meta.l3_offset;
  if (t.family == 4) wire::set_ipv4_total_length(ip, static_cast<std::uint16_t>(length));
  if (t.family == 6) wire::set_ipv6_payload_length(ip, static_cast<std::uint16_t>(length - wire::ipv6_header_bytes));
  if (t.offload->gro_complete) t.offload->gro_complete(t.seen());
  m.meta.payload_offset = static_cast<std::uint16_t>(end_of_header);
  m.meta.gso_size = t.size;
  m.meta.gso_segs = t.count;
  m.meta.gso_fixed_id = t.id_step == 0;
}

}  // namespace

Gro::UserPacket Gro::read_user(const wire::PacketOffloads& offloads, const pkt::Packet& packet) {
  const pkt::Mbuf& m = packet.mbuf();
  UserPacket user{.frame = packet.data().data(), .l3_offset = m.meta.l3_offset, .start = m.meta.l3_offset};
  const std::uint32_t length = m.pkt_len - m.meta.l3_offset;
  const std::uint8_t* const ip = user.ip();
  std::uint16_t ip_header = 0;
  if (m.meta.ethertype == wire::ethertype::ipv4) {
    user.family = 4;
    ip_header = wire::ipv4_header_bytes;
  } else if (m.meta.ethertype == wire::ethertype::ipv6) {
    user.family = 6;
    ip_header = wire::ipv6_header_bytes;
  }
  user.start = static_cast<std::uint16_t>(user.start + ip_header);
  if (m.data_len <= user.start) return user;
  if (user.family == 0) {
    user.offload = offloads.receiving(wire::PacketOffload::Key::ethertype, m.meta.ethertype);
  } else if (user.family == 4) {
    user.offload = offloads.receiving(wire::PacketOffload::Key::ip_proto, ip[9]);
    user.id = load_be16(ip + 4);
    wire::Sum sum;
    sum.add_words(ip, ip_header);
    user.is_plain = ip[0] == 0x45 && load_be16(ip + 2) == length && (load_be16(ip + 6) & ~dont_fragment) == 0 && sum.is_valid();
  } else {
    user.offload = offloads.receiving(wire::PacketOffload::Key::ip_proto, m.meta.l4_proto);
    user.is_plain = ip[6] == m.meta.l4_proto && load_be16(ip + 4) + std::uint32_t{ip_header} == length;
  }
  return user;
}

Verdict Gro::receive_user(Env& env, pkt::Packet packet, pkt::PacketList& up) {
  const wire::PacketOffloads* const offloads = config_.offloads->read();
  const UserPacket user = offloads != nullptr ? read_user(*offloads, packet) : UserPacket{};
  if (user.offload == nullptr) return pass_alone(std::move(packet), up);
  std::array<Piece, most_pieces> pieces;
  const std::size_t count_of_pieces = user.is_plain ? pieces_of(packet, user.start, pieces) : 0;
  if (count_of_pieces == 0) {  // of any flow between its addresses (X18)
    close_users(up, Counter::closed_flow, [&](const UserTrain& t) {
      return t.offload == user.offload && t.family == user.family && same_addresses(t.family, t.ip(), user.ip());
    });
    return pass_alone(std::move(packet), up);
  }
  const wire::GroReceived seen = user.offload->gro_receive({pieces.data(), count_of_pieces});
  const bool merges = seen.action == wire::GroReceived::Action::merge && seen.header != 0 && seen.header < pieces[0].size() &&
                      packet.meta().gso_segs <= 1;
  if (UserTrain* train = find_user(user, packet, seen.flow)) {
    if (merges && may_join_user(*train, user, packet, seen.header)) return join_user(env, *train, user, std::move(packet), seen, up);
    close_user(*train, Counter::closed_flow, up);
  }
  if (seen.action == wire::GroReceived::Action::consume) {
    count(Counter::consumed);
    consume(env, std::move(packet), stats::Ledger::used);
    return Verdict::consumed;
  }
  if (!merges || seen.is_last) return pass_alone(std::move(packet), up);
  return begin_user(env, user, std::move(packet), seen, up);
}

UserTrain* Gro::find_user(const UserPacket& user, const pkt::Packet& packet, std::uint64_t flow) {
  const auto found = std::find_if(users_.begin(), users_.end(), [&](const UserTrain& t) {
    return t.offload == user.offload && t.flow == flow && t.family == user.family && t.packet.meta().ifindex == packet.meta().ifindex &&
           same_addresses(t.family, t.ip(), user.ip());
  });
  return found != users_.end() ? &*found : nullptr;
}

bool Gro::may_join_user(UserTrain& t, const UserPacket& user, const pkt::Packet& packet, std::uint16_t header) const {
  if (t.start != user.start || t.header != header || t.packet.meta().l3_offset != user.l3_offset) return false;
  if (std::memcmp(t.frame(), user.frame, user.l3_offset) != 0 || device_differs(t.packet.mbuf(), packet.mbuf()) != 0) return false;
  if (!same_ip(user.family, t.ip(), user.ip())) return false;
  if (user.family == 4 && user.id != t.next_id && !repeats(t, user.id)) return false;
  const std::uint32_t payload = packet.length() - user.start - header;
  if (payload > t.size || t.start - user.l3_offset + t.header + t.payload + payload >= config_.max_size) return false;
  return t.offload->gro_follows && t.offload->gro_follows(t.seen(), {user.frame + user.start, header});
}

Verdict Gro::begin_user(Env& env, const UserPacket& user, pkt::Packet packet, const wire::GroReceived& seen, pkt::PacketList& up) {
  const std::uint32_t payload = packet.length() - user.start - seen.header;
  if (payload >= largest_size) return pass_alone(std::move(packet), up);
  users_.reserve(most_user_trains);
  if (users_.size() == most_user_trains) close_user(users_.front(), Counter::closed_evicted, up);
  UserTrain& t = users_.emplace_back();
  t.last = &packet.mbuf();
  while (t.last->next != nullptr) t.last = t.last->next;
  t.offload = user.offload;
  t.flow = seen.flow;
  t.active = env.now;
  t.payload = payload;
  t.start = user.start;
  t.header = seen.header;
  t.size = static_cast<std::uint16_t>(payload);
  t.count = 1;
  t.buffers = packet.segments();
  t.tick = tick_at(env.now);
  t.next_id = static_cast<std::uint16_t>(user.id + 1);
  t.family = user.family;
  t.packet = std::move(packet);
  count(Counter::held);
  return Verdict::held;
}

Verdict Gro::join_user(Env& env, UserTrain& t, const UserPacket& user, pkt::Packet packet, const wire::GroReceived& seen, pkt::PacketList& up) {
  const std::uint32_t payload = packet.length() - user.start - seen.header;
  if (user.family == 4 && repeats(t, user.id)) t.id_step = 0;
  t.next_id = static_cast<std::uint16_t>(user.id + t.id_step);
  t.active = env.now;
  t.payload += payload;
  ++t.count;
  packet.trim_front(std::uint32_t{user.start} + seen.header);
  t.buffers = static_cast<std::uint16_t>(t.buffers + packet.segments());
  t.last->next = packet.release();
  while (t.last->next != nullptr) t.last = t.last->next;
  if (payload < t.size || seen.is_last) close_user(t, Counter::closed_full, up);
  count(Counter::merged);
  return Verdict::merged;
}

void Gro::close_user(UserTrain& train, Counter why, pkt::PacketList& up) {
  count(why);
  finish(train);
  pkt::Packet packet = std::move(train.packet);
  const std::uint32_t segments = train.count;
  users_.erase(users_.begin() + (&train - users_.data()));
  pass_up(std::move(packet), segments, up);
}

template <class Which>
void Gro::close_users(pkt::PacketList& up, Counter why, Which which) {
  for (std::size_t i = 0; i < users_.size();) {
    if (which(users_[i])) {
      close_user(users_[i], why, up);
    } else {
      ++i;
    }
  }
}

void Gro::close_users_between(const Segment& segment, pkt::PacketList& up) {
  close_users(up, Counter::closed_flow, [&](const UserTrain& t) {
    return t.family == segment.family && same_addresses(t.family, t.ip(), segment.ip());
  });
}

void Gro::close_old_users(std::uint16_t tick, pkt::PacketList& up) {
  close_users(up, Counter::closed_old, [tick](const UserTrain& t) { return t.tick != tick; });
}

void Gro::close_idle_users(Instant now, pkt::PacketList& up) {
  close_users(up, Counter::closed_idle, [&](const UserTrain& t) { return t.active + config_.poll_hold <= now; });
}

void Gro::close_all_users(pkt::PacketList& up) {
  close_users(up, Counter::closed_poll, [](const UserTrain&) { return true; });
}

Instant Gro::next_user_flush() const {
  Instant first = never;
  for (const UserTrain& t : users_) first = std::min(first, t.active + config_.poll_hold);
  return first;
}

}  // namespace millrace::gro
