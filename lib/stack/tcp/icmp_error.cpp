// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about segments of ours. Called by icmp::Icmp; tells IP of path MTUs. RFC 9293 section 3.9.2.2,
// RFC 5927 (believe only what quotes a sequence number in flight), receive_path K6.
#include <millrace/stack/tcp/tcp.hpp>

#include <millrace/base/byte_order.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>

namespace millrace::tcp {
namespace {

int errno_of(ip::ErrorKind kind) {
  switch (kind) {
    case ip::ErrorKind::net_unreachable: return ENETUNREACH;
    case ip::ErrorKind::protocol_unreachable:
    case ip::ErrorKind::port_unreachable: return ECONNREFUSED;
    case ip::ErrorKind::prohibited: return EACCES;
    case ip::ErrorKind::parameter_problem: return EPROTO;
    case ip::ErrorKind::host_unreachable:
    case ip::ErrorKind::time_exceeded:
    case ip::ErrorKind::packet_too_big: return EHOSTUNREACH;
  }
  return EHOSTUNREACH;
}

}  // namespace

void Tcp::error(const ip::ErrorReport& report) {
  if (report.transport_header.size() < 8) return;
  const std::uint8_t* quoted = report.transport_header.data();
  const FlowKey key{report.local, report.remote, load_be16(quoted), load_be16(quoted + 2), stack_, wire::ip_proto::tcp, 0};
  auto* flow = static_cast<Flow*>(owners_.find(key));
  if (flow == nullptr) return ip_.count_unclaimed_error(report.remote);
  if (flow->kind != Flow::Kind::connection) return;
  auto& c = static_cast<Connection&>(static_cast<Tcb&>(*flow));
  const Seq seq(load_be32(quoted + 4));
  if (seq.before(c.snd.una) || seq.at_or_after(c.snd.nxt)) {
    count(stats::TcpExt::OutOfWindowIcmps);
    return;
  }
  if (report.kind == ip::ErrorKind::packet_too_big) {
    ip_.learn_path_mtu(c.key.remote, report.mtu);
    const std::uint32_t before = c.mss;
    refresh_mss(c);
    if (!c.synchronized() || c.mss >= before) return;
    c.snd.rtx = c.snd.una;  // what was too big never arrived; this is no sign of congestion (RFC 1191 section 6.5)
    need_output(c);
    return;
  }
  // In SYN-SENT nothing is lost by believing it; later it may pass, or be forged: remembered in case nothing else gets
  // through (RFC 1122 section 4.2.3.9, RFC 5461).
  if (c.state == State::syn_sent) {
    fail(c, errno_of(report.kind));
  } else {
    c.soft_error = errno_of(report.kind);
  }
}

}  // namespace millrace::tcp
