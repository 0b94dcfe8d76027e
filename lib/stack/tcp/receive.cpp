// SPDX-License-Identifier: BSD-3-Clause
// From a datagram to a Segment, and to whatever answers for its 4-tuple. Called by IP; calls segment_arrives and its
// siblings. RFC 9293 section 3.10.7, receive_path K1.
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/tcp.hpp>

#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {

bool checksum_holds(const pkt::Packet& datagram, const ip::Delivery& delivery) {
  switch (datagram.meta().checksum) {
    case pkt::ChecksumVerdict::good:
    case pkt::ChecksumVerdict::partial: return true;
    case pkt::ChecksumVerdict::bad: return false;
    case pkt::ChecksumVerdict::by_segment:  // none comes so far
    case pkt::ChecksumVerdict::unknown: break;
  }
  wire::Sum sum = wire::pseudo_header(delivery.source, delivery.destination, wire::ip_proto::tcp, datagram.length());
  datagram.for_each_segment([&](std::span<const std::uint8_t> bytes) { sum.add(bytes); });
  return sum.is_valid();
}

}  // namespace

void Tcp::receive(pkt::Packet datagram, const ip::Delivery& delivery) {
  if (datagram.meta().type != pkt::PacketType::host) return drop(env_, std::move(datagram), stats::DropReason::tcp_not_unicast);
  env_.stats->tcp.add(stats::Tcp::InSegs, std::max<std::uint64_t>(1, datagram.meta().gso_segs));
  Segment s;
  if (!parse(datagram, delivery, s)) return;
  dispatch(s, static_cast<Connection*>(delivery.socket));
  finish(s);
}

ip::Demuxed Tcp::early_demux(const ip::EarlyFlow& flow) {
  auto* const found = static_cast<Flow*>(owners_.find({flow.local, flow.remote, flow.local_port, flow.remote_port, stack_, wire::ip_proto::tcp, 0}));
  if (found == nullptr || found->kind != Flow::Kind::connection) return {};
  auto& connection = static_cast<Connection&>(static_cast<Tcb&>(*found));
  return {&connection, &connection.receive_route};
}

bool Tcp::parse(pkt::Packet& datagram, const ip::Delivery& delivery, Segment& s) {
  const auto header = wire::TcpView::parse(datagram.data());
  if (!header) {
    // tcp_v4_rcv(): what is cut short is no error of TCP's, a data offset inside the fixed header is.
    if (datagram.length() >= wire::tcp_header_bytes && datagram.data()[12] >> 4 < 5) count(stats::Tcp::InErrs);
    drop(env_, std::move(datagram), stats::DropReason::tcp_bad_header);
    return false;
  }
  if (!checksum_holds(datagram, delivery)) {
    count(stats::Tcp::InErrs);
    count(stats::Tcp::InCsumErrors);
    drop(env_, std::move(datagram), stats::DropReason::tcp_bad_checksum);
    return false;
  }
  // RFC 9293 section 3.9.2.3, MUST-57 and MUST-64: never to or from a broadcast or multicast address.
  if (delivery.destination.is_multicast() || delivery.source.is_multicast() || delivery.destination.is_unspecified() || ip_.is_broadcast(delivery.destination)) {
    drop(env_, std::move(datagram), stats::DropReason::tcp_not_unicast);
    return false;
  }
  s.traffic_class = delivery.traffic_class;
  s.flow = FlowKey{delivery.destination,      delivery.source, header->destination_port(), header->source_port(), stack_,
                   wire::ip_proto::tcp, 0};
  if (has_filters_ && !passes_filter(datagram, s.flow, static_cast<std::uint32_t>(header->header_length()))) return false;
  s.seq = Seq(header->seq());
  s.ack = Seq(header->ack());
  s.wnd = header->window();
  s.fin = header->has(wire::tcp_flag::fin);
  s.syn = header->has(wire::tcp_flag::syn);
  s.rst = header->has(wire::tcp_flag::rst);
  s.has_ack = header->has(wire::tcp_flag::ack);
  s.options = wire::TcpOptions::parse(header->options());
  datagram.trim_front(static_cast<std::uint32_t>(header->header_length()));
  s.mss_seen = datagram.meta().gso_size != 0
                   ? datagram.meta().gso_size
                   : static_cast<std::uint16_t>(std::min<std::uint32_t>(datagram.length(), 0xffff));
  s.packet = std::move(datagram);
  return true;
}

// Nobody has one that waits in TIME-WAIT.
const bpf::Filter* Tcp::filter_for(const FlowKey& flow) {
  if (auto* const found = static_cast<Flow*>(owners_.find(flow)); found != nullptr)
    return found->kind == Flow::Kind::connection ? static_cast<Connection&>(static_cast<Tcb&>(*found)).filter_.get() : nullptr;
  const Listener* const listener = find_listener(flow.local, flow.local_port);
  return listener != nullptr ? listener->filter_.get() : nullptr;
}

// tcp_filter(), sk_filter_trim_cap(): the program sees the segment from its TCP header on, which stays whatever it cuts; what it
// cuts off was not received, and comes again.
bool Tcp::passes_filter(pkt::Packet& datagram, const FlowKey& flow, std::uint32_t header_bytes) {
  const bpf::Filter* const filter = filter_for(flow);
  if (filter == nullptr) return true;
  const std::uint32_t wanted = filter->run(datagram);
  if (wanted == 0) {
    drop(env_, std::move(datagram), stats::DropReason::socket_filter);
    return false;
  }
  if (const std::uint32_t kept = std::max(wanted, header_bytes); kept < datagram.length()) datagram.truncate(kept);
  return true;
}

void Connection::set_filter(std::shared_ptr<const bpf::Filter> filter) {
  tcp_.has_filters_ |= filter != nullptr;
  filter_ = std::move(filter);
}

void Listener::set_filter(std::shared_ptr<const bpf::Filter> filter) {
  tcp_.has_filters_ |= filter != nullptr;
  filter_ = std::move(filter);
}

void Tcp::dispatch(Segment& s, Connection* known) {
  Flow* const flow = known != nullptr ? static_cast<Flow*>(known) : static_cast<Flow*>(owners_.find(s.flow));
  if (flow != nullptr) {
    tap(env_, s.packet, TapPoint::socket);
    if (flow->kind == Flow::Kind::connection) {
      auto& connection = static_cast<Connection&>(static_cast<Tcb&>(*flow));
      connection.napi_id = s.packet.meta().napi_id;
      segment_arrives(connection, s);
    } else {
      time_wait_arrives(static_cast<TimeWait&>(*flow), s);
    }
    return;
  }
  if (Listener* listener = find_listener(s.flow.local, s.flow.local_port)) {
    listen_arrives(*listener, s, initial_sequence(env_, s.flow));
    return;
  }
  closed_arrives(s);
}

void Tcp::finish(Segment& s) {
  if (!s.packet) return;
  if (s.refused) {
    drop(env_, std::move(s.packet), s.reason);
  } else {
    consume(env_, std::move(s.packet), stats::Ledger::used);
  }
}

Listener* Tcp::find_listener(const IpAddress& address, std::uint16_t port) {
  if (const auto exact = listeners_.find(Endpoint{address, port}); exact != listeners_.end()) return exact->second.get();
  const IpAddress any = address.is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
  const auto wildcard = listeners_.find(Endpoint{any, port});
  return wildcard != listeners_.end() ? wildcard->second.get() : nullptr;
}

}  // namespace millrace::tcp
