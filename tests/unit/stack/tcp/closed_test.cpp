// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using stats::Tcp;

TEST_CASE("RFC 9293 3.10.7.1: a segment for no connection is answered by RST, with its own ACK as sequence number") {
  TcpWorld world;
  TcpPeer peer(world);
  peer.sends(data(10).seq(5).ack(777));
  const Captured rst = peer.expects(flags("R").seq(777));
  CHECK(rst.header.window == 0);
  CHECK(world.counter(Tcp::OutRsts) == 1);
  CHECK(world.counter(Tcp::OutSegs) == 1);
  CHECK(world.dropped(DropReason::tcp_no_connection) == 1);
}

TEST_CASE("RFC 9293 3.10.7.1: without an ACK the RST acknowledges the segment") {
  TcpWorld world;
  TcpPeer peer(world);
  peer.sends(data(10).seq(5).flags("SF"));
  const Captured rst = peer.expects(flags("RA").ack(17));
  CHECK(rst.header.seq == 0);
}

TEST_CASE("RFC 9293 3.10.7.1: a RST is never answered") {
  TcpWorld world;
  TcpPeer peer(world);
  peer.sends({flags("R"), flags("RA")});
  peer.expects_nothing();
  CHECK(world.dropped(DropReason::tcp_no_connection) == 2);
}
