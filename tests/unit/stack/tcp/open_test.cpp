// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;

TEST_CASE("RFC 9293 3.5 figure 6: passive open, data both ways, close by the peer") {
  Established e;
  e.peer.sends(data(100));
  CHECK(e.app.take() == std::vector<std::string>{"readable"});
  CHECK(e.reads() == 100);
  e.peer.expects(ack(101).seq(1).flags("A"));
  CHECK(e.writes(50) == 50);
  e.peer.expects(seq(1).ack(101).data(50).flags("PA"));
  e.peer.sends(flags("FA"));
  CHECK(e.app.take() == std::vector<std::string>{"readable"});
  CHECK(e.reads() == 0);
  e.peer.expects(ack(102).flags("A"));
  e.closes();
  e.peer.expects(seq(51).ack(102).flags("FA"));
  e.peer.sends(ack(52));
  e.peer.expects_nothing();
  CHECK(e.world.tcp.connections() == 0);
}

TEST_CASE("RFC 9293 3.5 figure 6: active open, close from here, TIME-WAIT") {
  Established e(Opening{.passive = false});
  e.closes();
  e.peer.expects(seq(1).ack(1).flags("FA"));
  e.peer.sends(flags("A"));
  e.peer.sends(flags("FA"));
  e.peer.expects(seq(2).ack(2).flags("A"));
  CHECK(e.world.tcp.connections() == 0);
  CHECK(e.world.tcp.time_waits() == 1);
  e.world.advance(60s);
  CHECK(e.world.tcp.time_waits() == 0);
}
