// SPDX-License-Identifier: BSD-3-Clause
// How a connection begins: the application's OPEN calls and the end of the handshake. Called from above, and by listen,
// syn_sent and process_ack. RFC 9293 section 3.10.1, RFC 6056 for the choice of port.
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace millrace::tcp {
namespace {

const char* want_of_way(ip::SendVerdict verdict) {
  switch (verdict) {
    case ip::SendVerdict::blackhole: return ": its route is of type blackhole";
    case ip::SendVerdict::host_unreachable: return ": its route is of type unreachable";
    case ip::SendVerdict::prohibited: return ": its route is of type prohibit";
    default: return ": no route; add one to the stack";
  }
}

}  // namespace

Result<Listener*> Tcp::listen(const Endpoint& local, int backlog, AcceptEvents& events) {
  if (!local.address.is_unspecified() && !ip_.is_local(local.address))
    return failure(EADDRNOTAVAIL, "tcp listen on " + local.to_string() + ": the address is not one of this stack's");
  Endpoint at = local;
  if (at.port == 0) {
    const auto free = free_listening_port(at.address);
    if (!free) return failure(EADDRINUSE, "tcp listen on " + local.to_string() + ": no port of ip_local_port_range is free");
    at.port = *free;
  }
  if (listeners_.count(at) != 0)
    return failure(EADDRINUSE, "tcp listen on " + at.to_string() + ": another listener has it");
  const auto bounded = std::min(static_cast<std::uint32_t>(std::max(backlog, 0)), config_.somaxconn);
  auto listener = std::make_unique<Listener>(*this, at, bounded, events);
  Listener* raw = listener.get();
  listeners_.emplace(at, std::move(listener));
  return raw;
}

std::optional<std::uint16_t> Tcp::free_listening_port(const IpAddress& address) {
  const std::uint32_t ports = config_.port_high - config_.port_low + 1u;
  const std::uint32_t start = env_.rng.below(ports);
  for (std::uint32_t i = 0; i < ports; ++i) {
    const auto port = static_cast<std::uint16_t>(config_.port_low + (start + i) % ports);
    if (listeners_.count(Endpoint{address, port}) == 0) return port;
  }
  return std::nullopt;
}

Result<Connection*> Tcp::connect(const Endpoint& remote, Events& events, const Endpoint& local) {
  if (remote.address.is_unspecified() || remote.address.is_multicast() || remote.port == 0)
    return failure(EADDRNOTAVAIL, "tcp connect to " + remote.to_string() + ": not an address and port of one host");
  if (const ip::SendVerdict way = ip_.way_to(remote.address); way != ip::SendVerdict::sent)
    return failure(ip::errno_of(way), "tcp connect to " + remote.to_string() + want_of_way(way));
  FlowKey flow{local.address, remote.address, local.port, remote.port, stack_, wire::ip_proto::tcp, 0};
  if (flow.local.is_unspecified()) flow.local = ip_.source_for(remote.address).value_or(IpAddress{});
  if (flow.local_port == 0) {
    const auto port = choose_port(flow);
    if (!port)
      return failure(EADDRNOTAVAIL, "tcp connect to " + remote.to_string() + ": every port of ip_local_port_range is in use");
    flow.local_port = *port;
  } else if (owners_.find(flow) != nullptr) {
    return failure(EADDRINUSE, "tcp connect to " + remote.to_string() + ": the same connection from port " +
                                   std::to_string(flow.local_port) + " exists");
  }
  Connection* c = create(flow);
  if (c == nullptr)
    return failure(ENOBUFS, "tcp connect to " + remote.to_string() + ": max_connections (" +
                                std::to_string(config_.max_connections) + ") or the flow table is full");
  c->held = true;
  c->events_ = &events;
  start_sequence(*c, initial_sequence(env_, flow));
  c->state = State::syn_sent;
  c->syn_due = true;
  count(stats::Tcp::ActiveOpens);
  need_output(*c);
  return c;
}

std::optional<std::uint16_t> Tcp::choose_port(FlowKey flow) {
  // RFC 6056 algorithm 4: a secret offset for the destination, and a counter that destinations share in groups.
  const std::uint32_t stride = config_.port_stride;
  const std::uint32_t first = config_.port_low + (config_.port_phase + stride - config_.port_low % stride) % stride;
  if (first > config_.port_high) return std::nullopt;
  const std::uint32_t ports = (config_.port_high - first) / stride + 1;
  const std::uint32_t offset = port_offset(env_, flow);
  std::uint32_t& counter = port_counters_[offset >> 24];
  // A port whose answers RSS brings to this lcore, so that nobody has to hand them over (receive_path F22). Of the free
  // ones about one in `stride` is such; where 8 times as many are not, none may be.
  std::optional<std::uint16_t> free;
  std::uint32_t patience = 8 * stride;
  for (std::uint32_t i = 0; i < ports && patience > 0; ++i) {
    flow.local_port = static_cast<std::uint16_t>(first + (offset + counter++) % ports * stride);
    if (owners_.find(flow) != nullptr) continue;
    if (ip_.leads(flow) != ip::Output::Leads::elsewhere) return flow.local_port;
    if (!free) free = flow.local_port;
    --patience;
  }
  return free;
}

Connection* Tcp::create(const FlowKey& flow) {
  Connection* c = slab_.create(*this, flow);
  if (c == nullptr || !owners_.insert(flow, static_cast<Flow*>(c))) {
    count(stats::TcpExt::TCPNoConnection);
    if (c != nullptr) slab_.destroy(c);
    return nullptr;
  }
  all_.push_back(*c);
  c->ts.offset = timestamp_offset(env_, flow);
  open_receive_space(*c);
  return c;
}

void Tcp::start_sequence(Connection& c, Seq iss) {
  c.snd.iss = c.snd.una = c.snd.small = c.recovery.point = iss;
  c.snd.nxt = c.snd.rtx = iss + 1;
  c.sending.start_at(iss + 1);
}

void Tcp::syn_acked(Connection& c, const Segment& s) {
  c.snd.una = s.ack;
  const bool was_lost = c.syn_transmits > 1;
  measure_round_trip(c, s);
  if (was_lost) c.rtt.syn_was_lost();
  c.recovery.retries = 0;
  c.deadlines[Deadline::retransmit] = never;
  // RFC 6928 section 2; one segment if the SYN or SYN-ACK was lost (RFC 5681 section 3.1).
  const std::uint32_t window = std::min(config_.initial_window * c.mss, std::max(2 * c.mss, config_.initial_window * 1460u));
  c.congestion = NewReno(c.mss, was_lost ? c.mss : window);
}

void Tcp::enter_established(Connection& c, const Segment& s) {
  // A FIN that the application asked for already goes out with what it wrote.
  c.state = c.fin_queued ? State::fin_wait_1 : State::established;
  update_recent_timestamp(c, s);
  c.ack.timeout = config_.delack_min;
  if (!c.passive) {
    c.pending.connected = true;
  } else {
    Listener& l = *c.listener_;
    c.queue_hook.unlink();
    --l.syn_length_;
    l.accept_queue_.push_back(c);
    ++l.accept_length_;
    if (!l.ready_hook_.is_linked()) ready_listeners_.push_back(l);
    count(stats::Tcp::PassiveOpens);
  }
  c.pending.writable = std::exchange(c.want_write, false);
  need_output(c);
}

}  // namespace millrace::tcp
