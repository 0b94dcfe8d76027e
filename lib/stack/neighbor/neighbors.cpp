// SPDX-License-Identifier: BSD-3-Clause
// The states of a neighbour and the last step of the output path. Called by ip::Stack (send) and the timing wheel;
// calls arp.cpp and nd.cpp to probe, LinkOutput to send. net/core/neighbour.c; RFC 4861 section 7.3.
#include <millrace/stack/neighbor/neighbors.hpp>

#include <millrace/pkt/truesize.hpp>
#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/stack/neighbor/news.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>

namespace millrace::neighbor {

using Event = stats::Neighbor;
using stats::DropReason;

namespace {

void put_header(const Interface& interface, const std::array<std::uint8_t, 14>& header, pkt::Packet& packet) {
  std::copy(header.begin(), header.end(), packet.prepend(header.size()));
  packet.meta().ethertype = load_be16(&header[12]);
  packet.meta().ifindex = interface.ifindex;
}

void transmit(Interface& interface, const std::array<std::uint8_t, 14>& header, pkt::Packet packet) {
  put_header(interface, header, packet);
  interface.output->transmit(std::move(packet));
}

std::array<std::uint8_t, 14> make_header(const Interface& interface, const MacAddress& to, const IpAddress& next_hop) {
  std::array<std::uint8_t, wire::ethernet_header_bytes> header;
  const std::uint16_t ethertype = next_hop.is_v4() ? wire::ethertype::ipv4 : wire::ethertype::ipv6;
  wire::emit(wire::EthernetHeader{to, interface.mac, ethertype}, header.data());
  return header;
}

}  // namespace

void Entry::fire(void* object, Instant now) {
  Entry& e = *static_cast<Entry*>(object);
  e.table->on_timer(e);
}

void Neighbors::send(Interface& interface, const IpAddress& next_hop, pkt::Packet ip_packet) {
  if (interface.is_loopback)
    return transmit(interface, make_header(interface, interface.mac, next_hop), std::move(ip_packet));
  if (const auto mapped = group_mac(interface, next_hop))
    return transmit(interface, make_header(interface, *mapped, next_hop), std::move(ip_packet));
  env_.stats->neighbor.add(Event::lookups);
  Entry* e = last_sent_to(interface, next_hop);
  if (e == nullptr) e = lookup(interface, next_hop);
  if (e == nullptr) e = create(interface, next_hop);
  if (e == nullptr) return drop(env_, std::move(ip_packet), DropReason::neighbor_table_full);
  last_ = e;
  touch(*e);
  output(*e, std::move(ip_packet));
}

void Neighbors::send_at_hand(Entry& e, pkt::PacketList& ip_packets) {
  env_.stats->neighbor.add(Event::lookups, ip_packets.size());
  env_.stats->neighbor.add(Event::hits, ip_packets.size());
  touch(e);
  ip_packets.for_each([&](pkt::Packet& packet) { put_header(*e.interface, e.header, packet); });
  e.interface->output->transmit_list(ip_packets);
}

// neigh_event_send(): may it go now, and does using the entry move its state?
void Neighbors::output(Entry& e, pkt::Packet ip_packet) {
  switch (e.state) {
    case State::none:
    case State::failed: enqueue(e, std::move(ip_packet)); return start_resolution(e);
    case State::incomplete: return enqueue(e, std::move(ip_packet));
    case State::stale:  // RFC 4861 section 7.3.3: used for the first time since it became stale
      e.state = State::delay;
      env_.wheel->arm(e.timer, env_.now + options_.delay_first_probe);
      break;
    case State::reachable:
    case State::delay:
    case State::probe:
    case State::permanent: break;
  }
  env_.stats->neighbor.add(Event::hits);
  transmit(*e.interface, e.header, std::move(ip_packet));
}

void Neighbors::start_resolution(Entry& e) {
  e.state = State::incomplete;
  e.probes = 1;
  env_.wheel->arm(e.timer, env_.now + retrans_of(e));
  probe(e, false);
}

// RFC 1122 section 2.3.2.2: keep the latest packets; the oldest make room.
void Neighbors::enqueue(Entry& e, pkt::Packet ip_packet) {
  const std::uint32_t size = pkt::truesize_among_references(ip_packet);
  while (!e.waiting.empty() &&
         (e.waiting_bytes + size > options_.queue_bytes || e.waiting.size() >= options_.queue_packets)) {
    pkt::Packet oldest = e.waiting.pop_front();
    e.waiting_bytes -= pkt::truesize_among_references(oldest);
    env_.stats->neighbor.add(Event::unresolved_discards);
    drop(env_, std::move(oldest), DropReason::neighbor_queue_full);
  }
  e.waiting_bytes += size;
  e.waiting.push_back(std::move(ip_packet));
}

void Neighbors::on_timer(Entry& e) {
  switch (e.state) {
    case State::reachable:
      if (env_.now < e.confirmed + e.reachable_time) {
        env_.wheel->arm(e.timer, e.confirmed + e.reachable_time);
      } else if (env_.now <= e.used + options_.delay_first_probe) {
        e.state = State::delay;
        env_.wheel->arm(e.timer, env_.now + options_.delay_first_probe);
      } else {
        e.state = State::stale;
      }
      return;
    case State::delay:
      e.state = State::probe;
      e.probes = 0;
      return probe_again(e);
    case State::probe:
    case State::incomplete: return probe_again(e);
    case State::none:
    case State::stale:
    case State::failed:
    case State::permanent: return;  // no timer runs in these
  }
}

// RFC 4861 sections 7.2.2 and 7.3.3: a second apart, three times, then the neighbour is taken as gone.
void Neighbors::probe_again(Entry& e) {
  const bool unicast = e.state == State::probe;
  if (e.probes >= (unicast ? options_.ucast_solicit : options_.mcast_solicit)) return fail(e);
  ++e.probes;
  env_.wheel->arm(e.timer, env_.now + retrans_of(e));
  probe(e, unicast);
}

void Neighbors::probe(Entry& e, bool unicast) {
  env_.stats->neighbor.add(Event::probes_sent);
  if (e.address.is_v4()) {
    send_arp_request(e, unicast);
  } else {
    send_solicitation(e, unicast);
  }
}

// What waited goes back up. The receiver may send at once, even to this entry, so the entry is done with first.
void Neighbors::fail(Entry& e) {
  e.state = State::failed;
  env_.stats->neighbor.add(Event::res_failed);
  Interface& interface = *e.interface;
  pkt::PacketList lost(std::move(e.waiting));
  e.waiting_bytes = 0;
  const IpAddress address = e.address;
  while (pkt::Packet packet = lost.pop_front()) upward_.unreachable(interface, std::move(packet));
  if (host_config_ != nullptr) host_config_->neighbor_failed(interface, address);
}

void Neighbors::flush(Entry& e) {
  e.waiting_bytes = 0;
  while (pkt::Packet packet = e.waiting.pop_front()) transmit(*e.interface, e.header, std::move(packet));
}

void Neighbors::drop_waiting(Entry& e, DropReason reason) {
  e.waiting_bytes = 0;
  while (pkt::Packet packet = e.waiting.pop_front()) drop(env_, std::move(packet), reason);
}

// neigh_update(): the rules of RFC 4861 section 7.2.5 and Linux's ARP, on one place.
void Neighbors::update(Entry& e, const News& news) {
  if (e.state == State::permanent) return;
  const bool was_valid = is_valid(e.state);
  if (!news.mac && !was_valid) return;  // section 7.2.5: an advertisement without an address resolves nothing
  MacAddress mac = news.mac.value_or(e.mac());
  State next = news.state;
  const bool differs = !was_valid || mac != e.mac();
  if (was_valid && differs && !news.override) {
    // Doubt without proof: what was thought reachable is asked about again, anything else stays as it is.
    if (!news.weak_override || !is_connected(e.state)) return;
    mac = e.mac();
    next = State::stale;
  } else if (!differs && next == State::stale) {
    next = e.state;  // says nothing new
  }
  if (next != e.state || mac != e.mac()) e.updated = env_.now;
  if (mac != e.mac() || !was_valid) set_mac(e, mac);
  if (next == State::reachable) e.confirmed = env_.now;
  if (next != e.state) {
    e.state = next;
    env_.wheel->cancel(e.timer);
    if (next == State::reachable) {
      e.reachable_time = draw_reachable_time(e);
      env_.wheel->arm(e.timer, env_.now + e.reachable_time);
    }
  }
  if (!was_valid) flush(e);
}

void Neighbors::set_mac(Entry& e, const MacAddress& mac) { e.header = make_header(*e.interface, mac, e.address); }

Duration Neighbors::draw_reachable_time(const Entry& e) {
  const bool is_told = !e.address.is_v4() && e.interface->base_reachable != Duration{0};
  const Duration base = is_told ? e.interface->base_reachable : options_.base_reachable;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(base).count();
  return base / 2 + std::chrono::milliseconds(env_.rng.below(static_cast<std::uint32_t>(milliseconds + 1)));
}

void Neighbors::heard(Interface& interface, const IpAddress& address, const MacAddress& mac) {
  if (mac.is_multicast()) return;
  Entry* e = lookup(interface, address);
  if (e == nullptr) e = create(interface, address);
  if (e != nullptr) update(*e, {.mac = mac, .state = State::stale, .override = true});
}

void Neighbors::confirm_reachable(Interface& interface, const IpAddress& address) {
  const bool again = last_ != nullptr && last_->address == address && last_->interface == &interface;
  Entry* e = again ? last_ : lookup(interface, address);
  if (e == nullptr || !is_valid(e->state)) return;
  update(*e, News{.mac = std::nullopt, .state = State::reachable});
}

}  // namespace millrace::neighbor
