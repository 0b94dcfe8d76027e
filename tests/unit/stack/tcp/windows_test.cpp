// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("RFC 9293 3.7.1: the segment size is the peer's option or the path's, less the timestamps") {
  CHECK(Established(Opening{.mss = 1000}).connection->info().mss == 1000);
  CHECK(Established(Opening{.mss = 9000}).connection->info().mss == 1460);
  CHECK(Established(Opening{.timestamps = true}).connection->info().mss == 1448);
  CHECK(Established(Opening{.ipv6 = true, .mss = 9000}).connection->info().mss == 1440);
  CHECK(Established(Opening{.mss = 1}).connection->info().mss == 48);  // Linux: tcp_min_snd_mss
}

TEST_CASE("RFC 9293 3.7.1, MUST-15: without the option, 536 for IPv4 and 1220 for IPv6") {
  CHECK(Established(Opening{.mss = 0}).connection->info().mss == 536);
  CHECK(Established(Opening{.ipv6 = true, .mss = 0}).connection->info().mss == 1220);
}

TEST_CASE("RFC 7323 2: with scaling the window field counts units of 64, without it is cut at 65535") {
  Established scaled(Opening{.scale = 0});
  scaled.peer.sends(data(10));
  CHECK(scaled.peer.expects(ack(11)).header.window == 1024);  // 65525 bytes, rounded up
  Established plain;
  plain.peer.sends(data(10));
  CHECK(plain.peer.expects(ack(11)).header.window == 65525);
}

TEST_CASE("RFC 9293 3.8.6.2.2: the window opens by a segment or half the buffer, or not at all") {
  tcp::Config config;
  config.rmem = {4096, 8000, 8000};  // 4000 bytes of window
  config.moderate_rcvbuf = false;
  Established e(Opening{.config = config});
  e.peer.sends(data(1460));
  e.peer.sends(data(1460));
  e.peer.sends(data(1080));
  e.peer.skips_all();
  std::vector<std::uint8_t> bytes(500);
  CHECK(e.connection->read(bytes) == 500);
  e.world.run();
  e.peer.expects_nothing();
  CHECK(e.connection->read(bytes) == 500);
  CHECK(e.connection->read(bytes) == 500);
  e.world.run();
  e.peer.expects(ack(4001).window(1500));
}

TEST_CASE("RFC 9293 3.8.6: the right edge of the window never moves back") {
  Established e(Opening{.scale = 0});
  std::uint32_t edge = 0;
  for (int i = 0; i < 60; ++i) {
    e.peer.sends(data(1001));
    while (!e.world.sent.empty()) {
      const Captured c = e.peer.expects({});
      const std::uint32_t now = c.header.ack - e.peer.iss + c.header.window * 64u;
      CHECK(now >= edge);
      edge = now;
    }
    if (i % 7 == 0) e.reads();
  }
}

TEST_CASE("Linux tcp_moderate_rcvbuf: a reader that keeps up is given a larger window") {
  for (const bool moderate : {true, false}) {
    tcp::Config config;
    config.moderate_rcvbuf = moderate;
    Established e(Opening{.scale = 7, .config = config});
    std::uint32_t largest = 0;
    for (int i = 0; i < 200; ++i) {
      for (int burst = 0; burst < 10; ++burst) e.peer.sends(data(5840).merged(4));
      e.reads();
      e.world.advance(1ms);
      while (!e.world.sent.empty()) largest = std::max(largest, e.peer.expects({}).header.window * 64u);
    }
    CHECK((largest > 100'000) == moderate);
    CHECK(largest <= 6291456 / 2 + 64);
  }
}

TEST_CASE("Linux tcp_sndbuf_expand: the send buffer follows the congestion window, up to tcp_wmem") {
  tcp::Config config;
  config.wmem = {4096, 16384, 400'000};
  Established e(Opening{.scale = 7, .config = config});
  const std::uint32_t young = e.connection->writable();
  for (int i = 0; i < 60; ++i) {
    e.writes(100'000);
    e.peer.skips_all();
    e.peer.sends(flags("A"));
  }
  while (e.peer.skips_all() > 0) e.peer.sends(flags("A"));
  CHECK(e.connection->writable() > 2 * young);
  CHECK(e.connection->writable() < 400'000);
}
