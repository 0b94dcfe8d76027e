// SPDX-License-Identifier: BSD-3-Clause
// RFC 9293 section 3.10.7.4 on one screen: its steps in its order. Called by Tcp::receive for a segment whose
// connection is known. Steps decide and set flags; Tcp::flush() does.
#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

Verdict Tcp::segment_arrives(Connection& c, Segment& s) {
  if (c.state == State::syn_sent) return syn_sent_arrives(c, s);

  if (auto v = check_sequence(c, s); v != Verdict::next) return v;  // first
  if (auto v = check_rst(c, s); v != Verdict::next) return v;       // second
  // third: security and compartment, which this stack does not have (RFC 9293 section A.1)
  if (auto v = check_syn(c, s); v != Verdict::next) return v;       // fourth
  if (auto v = check_ack(c, s); v != Verdict::next) return v;       // fifth
  // sixth: the urgent pointer; urgent data stays in line (RFC 6093 section 3.1)
  if (auto v = process_text(c, s); v != Verdict::next) return v;    // seventh
  return process_fin(c);                                            // eighth
}

}  // namespace millrace::tcp
