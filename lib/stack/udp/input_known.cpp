// SPDX-License-Identifier: BSD-3-Clause
// The short way of datagrams that follow one another for one socket: one pass over each, its headers read where they lie.
// Called by ip::Stack (known_flows.cpp); what is not plain goes the way of input.cpp, which it differs from in
// nothing but its cost (receive_path H3, J1-J5).
#include <millrace/stack/udp/sender.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/udp.hpp>

namespace millrace::udp {
namespace {

/// A family's header, which is plain.
struct V4 {
  static constexpr std::uint16_t header_bytes = wire::ipv4_header_bytes;
  static constexpr std::uint16_t address_bytes = 4;
  static constexpr bool is_v4 = true;
  static std::uint32_t payload(const std::uint8_t* ip) { return load_be16(ip + 2) - std::uint32_t{header_bytes}; }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return ip[1]; }
  static std::uint8_t hop_limit(const std::uint8_t* ip) { return ip[8]; }
  static IpAddress address(const std::uint8_t* at) { return IpAddress::v4_from(at); }
};

struct V6 {
  static constexpr std::uint16_t header_bytes = wire::ipv6_header_bytes;
  static constexpr std::uint16_t address_bytes = 16;
  static constexpr bool is_v4 = false;
  static std::uint32_t payload(const std::uint8_t* ip) { return load_be16(ip + 4); }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return static_cast<std::uint8_t>(load_be16(ip) >> 4); }
  static std::uint8_t hop_limit(const std::uint8_t* ip) { return ip[7]; }
  static IpAddress address(const std::uint8_t* at) { return IpAddress::v6_from(at); }
};

constexpr std::uint16_t ip_at = wire::ethernet_header_bytes;
template <class V>
constexpr std::uint16_t udp_at = ip_at + V::header_bytes;
template <class V>
constexpr std::uint16_t source_at = udp_at<V> - 2 * V::address_bytes;
template <class V>
constexpr std::uint16_t destination_at = udp_at<V> - V::address_bytes;

template <class V>
bool is_checksum_right(const pkt::Mbuf& m, const std::uint8_t* frame, std::uint32_t length) {
  if (load16(frame + udp_at<V> + 6) == 0) return V::is_v4;  // RFC 768: none was made, which RFC 8200 section 8.1 forbids
  if (m.meta.checksum != pkt::ChecksumVerdict::unknown) return m.meta.checksum != pkt::ChecksumVerdict::bad;
  return wire::sum_behind_plain_ip(frame + ip_at, V::is_v4, wire::ip_proto::udp, length).is_valid();
}

// One buffer, not merged, that holds what it says, and is intact.
template <class V>
bool is_plain(const pkt::Mbuf& m, const std::uint8_t* frame, std::uint32_t length) {
  return m.nb_segs == 1 && m.meta.gso_size == 0 && length >= wire::udp_header_bytes && length <= V::payload(frame + ip_at) && is_checksum_right<V>(m, frame, length);
}

}  // namespace

void Udp::receive_known(void* known, pkt::PacketList& frames) {
  Socket& socket = *static_cast<Socket*>(known);
  const bool is_v4 = frames.front()->meta.ethertype == wire::ethertype::ipv4;
  if (is_v4 ? queue_known<V4>(socket, frames) : queue_known<V6>(socket, frames)) tell(socket);
}

// Whether the socket has something more to be read.
template <class V>
bool Udp::queue_known(Socket& socket, pkt::PacketList& frames) {
  bool is_queued = false;
  while (!frames.empty()) {
    is_queued |= queue_plain<V>(socket, frames);
    if (pkt::Packet frame = frames.pop_front()) is_queued |= queue_slowly<V>(socket, std::move(frame));
  }
  return is_queued;
}

// Those in front that are plain, for a socket that wants no more than its queue.
template <class V>
bool Udp::queue_plain(Socket& socket, pkt::PacketList& frames) {
  if (socket.encap || socket.filter != nullptr || socket.wants_info || env_.tap != nullptr) return false;
  const std::uint64_t room = room_of(socket);
  std::uint64_t charge = 0;
  std::uint32_t n = 0;
  pkt::Mbuf* last = nullptr;
  for (pkt::Mbuf* m = frames.front(); m != nullptr; m = m->meta.list_next) {
    const std::uint8_t* const frame = m->data();
    const std::uint32_t length = load_be16(frame + udp_at<V> + 4);
    const std::uint32_t size = sizeof(pkt::Mbuf) + m->buf_len;
    if (charge + size > room || !is_plain<V>(*m, frame, length)) break;
    m->data_off = static_cast<std::uint16_t>(m->data_off + udp_at<V> + wire::udp_header_bytes);
    m->pkt_len = length - wire::udp_header_bytes;
    m->data_len = static_cast<std::uint16_t>(m->pkt_len);
    store_sender(m->meta, V::address(frame + source_at<V>), load_be16(frame + udp_at<V>));
    charge += size;
    last = m;
    ++n;
  }
  if (last == nullptr) return false;
  note_arrival(socket, *last);
  socket.rmem_ += static_cast<std::uint32_t>(charge);
  held_ += charge;
  pkt::PacketList plain = frames.split_behind(*last, n);
  socket.queue_.splice_back(plain);
  return true;
}

template <class V>
bool Udp::queue_slowly(Socket& socket, pkt::Packet frame) {
  const std::uint8_t* const bytes = frame.data().data();
  const ip::Delivery delivery{.source = V::address(bytes + source_at<V>),
                              .destination = V::address(bytes + destination_at<V>),
                              .hop_limit = V::hop_limit(bytes + ip_at),
                              .traffic_class = V::traffic_class(bytes + ip_at),
                              .header_bytes = V::header_bytes};
  frame.truncate(udp_at<V> + V::payload(bytes + ip_at));
  frame.trim_front(udp_at<V>);
  return receive_for(socket, std::move(frame), delivery);
}

}  // namespace millrace::udp
