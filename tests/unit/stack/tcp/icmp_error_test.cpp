// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::TcpExt;
using Heard = std::vector<std::string>;

namespace {

void report(TcpWorld& world, const TcpPeer& peer, ip::ErrorKind kind, std::uint32_t quoted_seq, std::uint32_t mtu = 0) {
  std::array<std::uint8_t, 8> quoted;
  store_be16(quoted.data(), peer.stack().port);
  store_be16(quoted.data() + 2, peer.local().port);
  store_be32(quoted.data() + 4, peer.stack_iss + quoted_seq);
  ip::ErrorReport r{.kind = kind, .mtu = mtu, .local = peer.stack().address, .remote = peer.local().address,
                    .reporter = peer.local().address, .transport_header = quoted};
  world.tcp.error(r);
  world.run();
}

}  // namespace

TEST_CASE("RFC 5461, Linux: an unreachable in SYN-SENT ends the attempt") {
  TcpWorld world;
  App app;
  TcpPeer peer(world);
  auto c = world.tcp.connect(peer.local(), app);
  REQUIRE(c);
  world.run();
  peer.set_stack((*c)->local());
  peer.expects(flags("S"));
  report(world, peer, ip::ErrorKind::host_unreachable, 1);  // not in flight
  CHECK(app.take().empty());
  CHECK(world.counter(TcpExt::OutOfWindowIcmps) == 1);
  report(world, peer, ip::ErrorKind::host_unreachable, 0);
  CHECK(app.take() == Heard{"closed " + std::to_string(EHOSTUNREACH)});
  (*c)->close();
}

TEST_CASE("RFC 1122 4.2.3.9: later an unreachable is remembered, and is the reason if nothing else gets through") {
  tcp::Config config;
  config.retries2 = 2;
  Established e(Opening{.config = config});
  CHECK(e.writes(10) == 10);
  report(e.world, e.peer, ip::ErrorKind::net_unreachable, 1);
  CHECK(e.app.take().empty());
  e.world.advance(10s);
  CHECK(e.app.take() == Heard{"closed " + std::to_string(ENETUNREACH)});
}

TEST_CASE("RFC 5927: an error about what is not in flight is ignored") {
  Established e;
  CHECK(e.writes(10) == 10);
  e.peer.skips_all();
  e.world.mtu = 1000;
  report(e.world, e.peer, ip::ErrorKind::packet_too_big, 11);
  e.peer.expects_nothing();
  CHECK(e.world.counter(TcpExt::OutOfWindowIcmps) == 1);
}

TEST_CASE("K6, RFC 1191 6.5: packet too big lowers the segment size and resends, without loss of window") {
  Established e;
  CHECK(e.writes(2920) == 2920);
  CHECK(e.peer.skips_all() == 2);
  e.peer.seen = 1;
  e.world.mtu = 1000;
  report(e.world, e.peer, ip::ErrorKind::packet_too_big, 1);
  e.peer.expects(seq(1).data(960));
  e.peer.expects(seq(961).data(960));
  e.peer.expects(seq(1921).data(960));
  e.peer.expects(seq(2881).data(40));
  CHECK(e.connection->info().cwnd_bytes == 14600);
}

TEST_CASE("K6: the path MTU that an error in flight tells is IP's from then on, for other connections, too; the announced MSS stays the link's") {
  Established e;
  e.world.link_mtu = 1500;
  CHECK(e.writes(1460) == 1460);
  e.peer.skips_all();
  report(e.world, e.peer, ip::ErrorKind::packet_too_big, 2000, 900);  // not in flight: IP learns nothing
  CHECK(e.world.mtu == 1500);
  report(e.world, e.peer, ip::ErrorKind::packet_too_big, 1, 1000);
  CHECK(e.world.mtu == 1000);
  e.peer.skips_all();
  App app;
  TcpPeer other(e.world);
  auto c = e.world.tcp.connect(other.local(), app);
  REQUIRE(c);
  e.world.run();
  other.set_stack((*c)->local());
  other.expects(flags("S").mss(1460));
  (*c)->close();
}
