// SPDX-License-Identifier: BSD-3-Clause
// What only ENA has, through the port: the allowances of its instance, and RSS whose key the device reads backwards.
#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/subject.hpp"
#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <millrace/base/rng.hpp>

#include "tests/support/seed.hpp"

#include <algorithm>
#include <string_view>

using namespace millrace;
using namespace millrace::devmodel;
using devmodel::ena::Ena;

namespace {

Subject& subject_named(std::string_view name) {
  const std::vector<Subject*> all = subjects();
  const auto at = std::find_if(all.begin(), all.end(), [&](const Subject* subject) { return subject->traits.name.starts_with(name); });
  REQUIRE(at != all.end());
  return **at;
}

Ena& device_of(Subject& subject) { return dynamic_cast<Ena&>(*subject.device); }

struct Opened {
  test::Host host{4095};
  std::unique_ptr<port::Port> port;

  explicit Opened(Subject& subject) {
    hear_faults();
    auto opened = ethdev::open({.name = subject.slot.name(), .ifindex = 1, .rx_queues = subject.traits.queues, .tx_queues = subject.traits.queues, .rx_ring = 256, .tx_ring = 256,
                                .pools = {&*host.pool}});
    if (!opened) FAIL(opened.error().message);
    port = std::move(*opened);
  }
};

std::uint64_t value_of(const port::Port& port, std::string_view name) {
  for (const auto& [known, value] : port.xstats())
    if (known == name) return value;
  FAIL("there is no counter " << name);
  return 0;
}

/// Flows of each kind come in, and each goes to the queue that `rss` says; where the port passes the device's hash on, it is that of `rss`, too.
void spreads_as(Subject& subject, Opened& opened, const wire::Rss& rss) {
  const wire::RssSpread spread(rss);
  for (std::uint16_t n = 0; n < 256; ++n) {
    const test::RawFrame frame{.v6 = n % 2 != 0, .proto = static_cast<std::uint8_t>(n % 4 < 2 ? 6 : 17), .source_port = static_cast<std::uint16_t>(1000 + 7 * n),
                               .destination = opened.port->info().mac, .source_host = static_cast<std::uint8_t>(n % 31)};
    const auto expected = spread.choose(frame.bytes());
    REQUIRE(subject.device->receive(frame.bytes()));
    pkt::Packet got = opened.host.receive(*opened.port);
    REQUIRE(got);
    CHECK(got.meta().rx_queue == expected.queue);
    if ((got.mbuf().ol_flags & pkt::flag::rx_rss_hash) != 0) CHECK(got.mbuf().rss_hash == expected.hash);
    pkt::consume(std::move(got));
  }
}

}  // namespace

TEST_CASE("ena: the allowances of the instance that were exceeded stand in xstats by their names") {
  Subject& subject = subject_named("low latency queues");
  Opened opened(subject);
  device_of(subject).allowances() = {11, 22, 33, 44, 55};
  CHECK(value_of(*opened.port, "bw_in_allowance_exceeded") == 11);
  CHECK(value_of(*opened.port, "bw_out_allowance_exceeded") == 22);
  CHECK(value_of(*opened.port, "pps_allowance_exceeded") == 33);
  CHECK(value_of(*opened.port, "conntrack_allowance_exceeded") == 44);
  CHECK(value_of(*opened.port, "linklocal_allowance_exceeded") == 55);
  CHECK_FALSE(opened.port->check(opened.host.env.now));
  device_of(subject).allowances() = {};
}

TEST_CASE("ena: RSS spreads as the port says that it does, by the driver's own key too") {
  Subject& subject = subject_named("four queues");
  Opened opened(subject);
  const auto rss = opened.port->rss();
  REQUIRE(rss);
  CHECK(rss->fields == wire::RssFields{});
  CHECK(rss->reta == wire::reta_equal(128, 4));
  CHECK_FALSE(std::equal(rss->key.begin(), rss->key.end(), rss->key.rbegin()));
  spreads_as(subject, opened, *rss);
}

TEST_CASE("ena: a key and a RETA that are set are read back as they were set, obeyed by the device, and kept over a reset") {
  INFO("MILLRACE_SEED=" << test::seed());
  Rng rng(test::seed());
  Subject& subject = subject_named("four queues");
  Opened opened(subject);
  for (int round = 0; round < 5; ++round) {
    wire::Rss rss;
    if (round != 0) std::generate(rss.key.begin(), rss.key.end(), [&] { return static_cast<std::uint8_t>(rng.next()); });
    std::generate(rss.reta.begin(), rss.reta.end(), [&] { return static_cast<std::uint16_t>(rng.next() % 4); });
    REQUIRE(opened.port->set_rss(rss));
    CHECK(opened.port->rss() == rss);
    spreads_as(subject, opened, rss);
    // The interface has the key's last byte first.
    CHECK(std::equal(rss.key.begin(), rss.key.end(), device_of(subject).settings().rss.key.rbegin()));
  }
  const auto before = opened.port->rss();
  REQUIRE(opened.port->reset());
  CHECK(opened.port->rss() == before);
  spreads_as(subject, opened, *before);
}

// Without its type in rss_hf net_ena has the device hash nothing of a packet (ena_set_hash_fields(), 22.11), not the addresses alone.
TEST_CASE("ena: fields without ports are refused, or spread by the addresses") {
  Subject& subject = subject_named("four queues");
  Opened opened(subject);
  wire::Rss rss;
  rss.reta = wire::reta_equal(128, 4);
  rss.fields.udp4 = false;
  if (!opened.port->set_rss(rss)) return;
  CHECK(opened.port->rss() == rss);
  spreads_as(subject, opened, rss);
}

TEST_CASE("ena: a key of another length, a RETA of another size and one of queues that there are not are refused, and nothing changes") {
  Subject& subject = subject_named("four queues");
  Opened opened(subject);
  const auto before = opened.port->rss();
  REQUIRE(before);
  wire::Rss rss = *before;
  rss.key.resize(52);
  CHECK_FALSE(opened.port->set_rss(rss));
  rss = *before;
  rss.reta.resize(64);
  CHECK_FALSE(opened.port->set_rss(rss));
  rss = *before;
  rss.reta[5] = 4;
  CHECK_FALSE(opened.port->set_rss(rss));
  CHECK(opened.port->rss() == before);
  spreads_as(subject, opened, *before);
}
