// SPDX-License-Identifier: BSD-3-Clause
// A segment for no connection. Called by dispatch and by steps that refuse a segment as if there were none.
// RFC 9293 section 3.10.7.1.
#include <millrace/stack/tcp/output.hpp>
#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

Verdict Tcp::closed_arrives(Segment& s) {
  // An answer to :: would have nowhere to go.
  if (s.rst || s.flow.remote.is_unspecified()) return s.refuse(stats::DropReason::tcp_no_connection);
  Outgoing reply{.flow = s.flow, .flags = wire::tcp_flag::rst};
  if (s.has_ack) {
    reply.seq = s.ack;
  } else {
    reply.ack = s.end();
    reply.flags |= wire::tcp_flag::ack;
  }
  reply.traffic_class = s.traffic_class & 0xfc;  // tcp_v4_send_reset(): as the segment came, without ECN
  send_reset(reply);
  return s.refuse(stats::DropReason::tcp_no_connection);
}

}  // namespace millrace::tcp
