// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::TcpExt;

namespace {
struct InTimeWait : Established {
  explicit InTimeWait(const Opening& opening = {}) : Established(opening) {
    closes();
    peer.expects(flags("FA"));
    peer.sends(flags("FA"));
    peer.expects(seq(2).ack(2).flags("A"));
    REQUIRE(world.tcp.time_waits() == 1);
  }
};
}  // namespace

TEST_CASE("RFC 9293 3.10.7.4 eighth step: the FIN again is acknowledged and restarts the wait") {
  InTimeWait e;
  e.world.advance(50s);
  e.peer.sends(flags("FA").seq(1).ack(2));
  e.peer.expects(seq(2).ack(2).flags("A"));
  e.world.advance(50s);
  CHECK(e.world.tcp.time_waits() == 1);
  e.world.advance(10s);
  CHECK(e.world.tcp.time_waits() == 0);
}

TEST_CASE("TIME-WAIT takes the expected ACK silently and answers the rest, seldom") {
  InTimeWait e;
  e.peer.sends(seq(2).ack(2));
  e.peer.expects_nothing();
  e.peer.sends(seq(1).data(1));
  e.peer.expects(seq(2).ack(2).flags("A"));
  e.peer.sends(seq(5).data(1));
  e.peer.expects_nothing();
  CHECK(e.world.dropped(DropReason::tcp_time_wait) == 2);
  e.world.advance(60s);
  CHECK(e.world.tcp.time_waits() == 0);  // none of it restarted the wait
}

TEST_CASE("TIME-WAIT and RST: at RCV.NXT it ends the wait (tcp_rfc1337 = 0), elsewhere it does nothing") {
  InTimeWait e;
  e.peer.sends(flags("R").seq(3));
  e.peer.expects_nothing();
  CHECK(e.world.tcp.time_waits() == 1);
  e.peer.sends(flags("R").seq(2));
  e.peer.expects_nothing();
  CHECK(e.world.tcp.time_waits() == 0);
}

TEST_CASE("RFC 9293 3.6.1: a SYN beyond the old numbers reopens the connection with an ISN beyond ours") {
  InTimeWait e;
  const std::uint32_t old_iss = e.peer.stack_iss;
  e.peer.sends(flags("S").seq(1000));
  const Captured answer = e.peer.expects(flags("SA").ack(1001));
  CHECK(tcp::Seq(answer.header.seq).after(tcp::Seq(old_iss + 2)));
  CHECK(e.world.counter(TcpExt::TWRecycled) == 1);
  CHECK(e.world.tcp.time_waits() == 0);
  e.peer.sends(seq(1001).ack(1));
  CHECK(e.listener->waiting() == 1);
}

TEST_CASE("RFC 6191: a newer timestamp lets a SYN with a smaller number in") {
  InTimeWait e(Opening{.timestamps = true});
  e.peer.sends(flags("S").seq(0u - 5000).ts(e.peer.clock, 0));
  e.peer.expects(flags("A").ack(2));  // neither number nor timestamp is newer
  e.peer.sends(flags("S").seq(0u - 5000).ts(e.peer.clock + 1, 0));
  e.peer.expects(flags("SA"));
}

TEST_CASE("RFC 7323 5.2: an old timestamp keeps a SYN out, and counts") {
  InTimeWait e(Opening{.timestamps = true});
  e.peer.sends(flags("S").seq(1000).ts(e.peer.clock - 1, 0));
  e.peer.expects(flags("A").ack(2));
  CHECK(e.world.counter(TcpExt::PAWSEstab) == 1);
  CHECK(e.world.tcp.time_waits() == 1);
}

TEST_CASE("without a listener a SYN does not reopen anything") {
  InTimeWait e;
  e.listener->close();
  e.peer.sends(flags("S").seq(1000));
  e.peer.expects(flags("A").ack(2));
  CHECK(e.world.tcp.time_waits() == 1);
}
