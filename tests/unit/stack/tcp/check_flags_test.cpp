// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;
using stats::TcpExt;
using Heard = std::vector<std::string>;

TEST_CASE("RFC 9293 3.10.7.4 second step: RST at RCV.NXT resets the connection") {
  Established e;
  e.peer.sends(flags("R"));
  e.peer.expects_nothing();
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ECONNRESET)});
  CHECK(e.world.counter(Tcp::EstabResets) == 1);
  CHECK(e.world.dropped(DropReason::tcp_reset) == 1);
  CHECK(e.reads() == -ECONNRESET);
  CHECK(e.writes(1) == -ECONNRESET);
  CHECK(e.world.owners.size() == 0);
  CHECK(e.world.tcp.connections() == 1);  // the application still has it
  e.closes();
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.10.7.4 second step: RST off RCV.NXT in the window gets a challenge ACK (RFC 5961 3.2)") {
  Established e;
  e.peer.sends(flags("R").seq(101));
  e.peer.expects(seq(1).ack(1).flags("A"));
  CHECK(e.app.take().empty());
  CHECK(e.world.counter(TcpExt::TCPChallengeACK) == 1);

  e.peer.sends(flags("R").seq(102));  // RFC 5961 section 7: throttled
  e.peer.expects_nothing();
  e.world.advance(500ms);
  e.peer.sends(flags("R").seq(102));
  e.peer.expects(seq(1).ack(1).flags("A"));
}

TEST_CASE("RFC 9293 3.10.7.4 first step: RST outside the window is dropped without an answer") {
  Established e;
  e.peer.sends(flags("R").seq(1 + 70000));
  e.peer.sends(flags("R").seq(0));
  e.peer.expects_nothing();
  CHECK(e.app.take().empty());
  CHECK(e.world.dropped(DropReason::tcp_out_of_window) == 1);
  CHECK(e.world.dropped(DropReason::tcp_duplicate) == 1);
}

TEST_CASE("RFC 9293 3.10.7.4 second step: data before the RST can still be read") {
  Established e;
  e.peer.sends({data(10), flags("R").seq(11)});
  CHECK(e.app.take() == Heard{"readable", "closed " + std::to_string(ECONNRESET)});
  CHECK(e.reads() == 10);
  CHECK(e.reads() == -ECONNRESET);
}

TEST_CASE("RFC 9293 3.10.7.4 fourth step: SYN on a synchronized connection gets a challenge ACK (RFC 5961 4.2)") {
  for (std::uint32_t at : {1u, 1000u}) {
    Established e;
    e.peer.sends(flags("S").seq(at));
    e.peer.expects(seq(1).ack(1).flags("A"));
    CHECK(e.world.counter(TcpExt::TCPSYNChallenge) == 1);
    CHECK(e.world.dropped(DropReason::tcp_unexpected_syn) == 1);
    CHECK(e.app.take().empty());
  }
}

TEST_CASE("RFC 9293 3.10.7.4 second and fourth step: RST and SYN return a passive SYN-RECEIVED to LISTEN") {
  for (const char* end : {"R", "S"}) {
    TcpWorld world;
    App app;
    auto listener = world.tcp.listen({TcpWorld::v4, 80}, 8, app);
    REQUIRE(listener);
    TcpPeer peer(world);
    peer.sends(flags("S"));
    peer.expects(flags("SA"));
    CHECK((*listener)->half_open() == 1);
    peer.sends(flags(end).seq(1));
    peer.expects_nothing();
    CHECK((*listener)->half_open() == 0);
    CHECK(world.counter(Tcp::AttemptFails) == 1);
    CHECK(world.tcp.connections() == 0);
    CHECK(app.take().empty());
  }
}

TEST_CASE("RFC 9293 3.10.7.4 second step: RST in LAST-ACK ends it without an error to report") {
  Established e;
  e.peer.sends(flags("FA"));
  e.peer.expects(ack(2).flags("A"));
  e.shuts_down();
  e.peer.expects(seq(1).flags("FA"));
  e.app.take();
  e.peer.sends(flags("R"));
  CHECK(e.app.take() == Heard{"closed 0"});
}
