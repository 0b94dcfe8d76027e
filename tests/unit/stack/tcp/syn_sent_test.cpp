// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;
using tcp::State;
using Heard = std::vector<std::string>;

namespace {

struct SynSent {
  SynSent() : peer(world) {
    auto made = world.tcp.connect(peer.local(), app);
    REQUIRE(made);
    connection = *made;
    world.run();
    peer.set_stack(connection->local());
    peer.expects(flags("S").seq(0));
  }
  TcpWorld world;
  App app;
  TcpPeer peer;
  tcp::Connection* connection;
};

}  // namespace

TEST_CASE("RFC 9293 3.10.7.3 first step: an ACK of anything but our SYN is reset") {
  for (const char* with : {"A", "SA"}) {
    for (const std::uint32_t wrong : {0u, 2u}) {
      SynSent e;
      e.peer.sends(flags(with).ack(wrong));
      e.peer.expects(flags("R").seq(wrong));
      CHECK(e.connection->connection_state() == State::syn_sent);
    }
  }
  SynSent e;
  e.peer.sends(flags("RA").ack(2));  // but a RST is not answered
  e.peer.expects_nothing();
  CHECK(e.connection->connection_state() == State::syn_sent);
}

TEST_CASE("RFC 9293 3.10.7.3 second step: RST with our SYN's ACK refuses the connection") {
  SynSent e;
  e.peer.sends(flags("RA"));
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ECONNREFUSED)});
  CHECK(e.world.counter(Tcp::AttemptFails) == 1);
  std::vector<std::uint8_t> bytes(1);
  CHECK(e.connection->read(bytes) == -ECONNREFUSED);
  e.connection->close();
}

TEST_CASE("RFC 9293 3.10.7.3 second step: RST without ACK is dropped") {
  SynSent e;
  e.peer.sends(flags("R"));
  CHECK(e.connection->connection_state() == State::syn_sent);
  CHECK(e.world.dropped(DropReason::tcp_bad_ack) == 1);
}

TEST_CASE("RFC 9293 3.10.7.3 fifth step: neither SYN nor RST is dropped") {
  SynSent e;
  e.peer.sends(flags("A"));
  e.peer.sends(data(10).flags("P"));
  e.peer.expects_nothing();
  CHECK(e.world.dropped(DropReason::tcp_bad_flags) == 2);
  CHECK(e.connection->connection_state() == State::syn_sent);
}

TEST_CASE("RFC 9293 3.10.7.3 fourth step: SYN-ACK establishes, the window of a SYN is not scaled") {
  SynSent e;
  e.peer.sends(flags("SA").scale(7).window(1000));
  e.peer.expects(flags("A").seq(1).ack(1));
  CHECK(e.app.take() == Heard{"connected"});
  CHECK(e.connection->info().send_window_bytes == 1000);
  e.peer.sends(flags("A").window(1000));
  CHECK(e.connection->info().send_window_bytes == 128000);
}

TEST_CASE("RFC 9293 3.5 figure 7: simultaneous open") {
  SynSent e;
  e.peer.sends(flags("S").scale(2));
  e.peer.expects(flags("SA").seq(0).ack(1).scale(6));
  CHECK(e.connection->connection_state() == State::syn_received);
  e.peer.sends(flags("SA").seq(0).ack(1).window(1000));
  CHECK(e.connection->connection_state() == State::established);
  CHECK(e.app.take() == Heard{"connected"});
  CHECK(e.connection->info().send_window_bytes == 1000);
  e.peer.sends(data(10));
  e.peer.expects(ack(11));
}

TEST_CASE("RFC 9293 3.5 figure 7: simultaneous open that is refused after all") {
  SynSent e;
  e.peer.sends(flags("S"));
  e.peer.expects(flags("SA"));
  e.peer.sends(flags("R"));
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ECONNREFUSED)});
  e.connection->close();
}

TEST_CASE("a FIN asked for before the handshake follows it") {
  SynSent e;
  e.connection->shutdown_write();
  e.world.run();
  e.peer.expects_nothing();
  e.peer.sends(flags("SA"));
  e.peer.expects(flags("FA").seq(1).ack(1));
  CHECK(e.connection->connection_state() == State::fin_wait_1);
}

TEST_CASE("text in a SYN-ACK is left to be sent again") {
  SynSent e;
  e.peer.sends(seq(0).data(10).flags("SA"));
  e.peer.expects(flags("A").ack(1));
  CHECK(e.world.dropped(DropReason::tcp_data_in_syn) == 1);
  CHECK(e.connection->connection_state() == State::established);
}
