// SPDX-License-Identifier: BSD-3-Clause
// E18, E19 through two whole hosts: what TCP sends as one packet, who cuts it, and that nobody above or behind notices.
#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <millrace/engine/port_control.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct Sent {
  std::uint64_t packets, hardware, software, segments, frames, too_long, retransmitted;
};

// A megabyte from one host to the other, written 64 KB at a time; it has arrived whole.
struct Megabyte {
  explicit Megabyte(TwoEngines& hosts) {
    const std::string text = pattern(1 << 20);
    accept_into(*hosts.b, endpoint("10.77.0.2:80"), accepted);
    client.join(**TwoEngines::sockets(*hosts.a).connect(endpoint("10.77.0.2:80")));
    REQUIRE(hosts.run_until([&] { return client.connected; }));
    std::size_t written = 0;
    REQUIRE(hosts.run_until([&] {
      const std::size_t n = std::min<std::size_t>(65536, text.size() - written);
      const std::int64_t taken = n > 0 ? client.stream->write(bytes(text).subspan(written, n)) : 0;
      if (taken > 0) written += static_cast<std::size_t>(taken);
      return !accepted.empty() && accepted[0]->received.size() == text.size();
    }));
    CHECK(accepted[0]->received == text);
  }
  std::vector<std::unique_ptr<Conversation>> accepted;
  Conversation client;
};

// From a host with the port as `adjust` leaves it to one whose port is the default.
Sent send_a_megabyte(const std::function<void(Config&)>& adjust) {
  TwoEngines hosts({.adjust_a = adjust});
  const Megabyte sent(hosts);
  const Stats a = hosts.a->stats();
  return {a.total("gso", "packets"), a.total("gso", "hardware"), a.total("gso", "software"), a.total("gso", "segments"),
          a.total("port", "tx_packets"), a.total("drop", "tx_too_long"), a.total("tcp", "RetransSegs")};
}

}  // namespace

TEST_CASE("E18, E19: 64 KB writes leave TCP as packets of many segments, cut by the port or in software, to the same frames") {
  const Sent with_tso = send_a_megabyte([](Config&) {});
  CHECK(with_tso.packets > 10);
  CHECK(with_tso.hardware == with_tso.packets);
  CHECK(with_tso.software == 0);
  CHECK(with_tso.segments > 4 * with_tso.packets);  // 1 MB in 1448 bytes each is 725
  const Sent without = send_a_megabyte([](Config& c) { c.ports[0].tso = false; });
  CHECK(without.software == without.packets);
  CHECK(without.hardware == 0);
  CHECK(without.segments == with_tso.segments);
  CHECK(without.frames == with_tso.frames);
  for (const Sent& sent : {with_tso, without}) {
    CHECK(sent.too_long == 0);  // no frame beyond the MTU of 1500
    CHECK(sent.retransmitted == 0);
    CHECK(sent.frames >= 725);
  }
}

TEST_CASE("E18: gso_max_segs and gso_max_size bound what TCP makes one packet of") {
  const Sent singles = send_a_megabyte([](Config& c) { c.ports[0].gso_max_segs = 1; });
  CHECK(singles.packets == 0);
  CHECK(singles.frames >= 725);
  const Sent small = send_a_megabyte([](Config& c) { c.ports[0].gso_max_size = 16000; });
  CHECK(small.segments <= 10 * small.packets);  // 10 of 1448 bytes and headers
  CHECK(small.packets > 60);
}

TEST_CASE("X21, E10: on a line that corrupts, what the other lcore owns is summed there alone, and TCP counts and refuses what is bad") {
  TwoEngines hosts({.lcores_b = 2, .there = {.corrupt = 0.02}, .adjust_b = [](Config& c) {
                      c.ports[0].rps_cpus.reset();
                      c.ports[0].rps_cpus.set(1);  // lcore 0 has the only queue
                    }});
  const Megabyte sent(hosts);
  const Stats b = hosts.b->stats();
  const auto by_lcore = [&](std::string_view name) { return b.find("gro", name)->by_lcore; };
  CHECK(by_lcore("checksum_computed")[0] <= 2);  // SYN and ACK of the handshake, which bear nothing
  CHECK(by_lcore("checksum_deferred")[0] > 700);
  CHECK(by_lcore("checksum_computed")[1] > 400);
  CHECK(by_lcore("checksum_bad")[1] > 0);
  CHECK(b.total("tcp", "InCsumErrors") >= by_lcore("checksum_bad")[1]);
  CHECK(b.total("gro", "merged") > 200);
}

TEST_CASE("E17: with lro the device merges, nothing is lost, and TCP counts every segment; off by default") {
  for (const bool lro : {false, true}) {
    TwoEngines hosts({.adjust_b = [&](Config& c) { c.ports[0].lro = lro; }});
    CHECK_FALSE(config::Port{}.lro);
    CHECK(hosts.b->port("p0")->lro() == lro);
    const Megabyte sent(hosts);
    const Stats a = hosts.a->stats();
    const Stats b = hosts.b->stats();
    CHECK(b.total("tcp", "InSegs") == a.total("tcp", "OutSegs"));
    CHECK((b.total("port", "rx_packets") < b.total("tcp", "InSegs")) == lro);
  }
}
