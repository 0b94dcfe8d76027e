// SPDX-License-Identifier: BSD-3-Clause
// What every port has to do, tried on a device model under DPDK's own driver: one suite for all devices, whose programs say what
// they have (subject.hpp).
#include "drivers/ethdev/ethdev_port.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/port/tx_offload.hpp>

#include "tests/devmodel/subject.hpp"
#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

using namespace millrace;
using devmodel::Counts;
using devmodel::Subject;
using devmodel::subjects;
using test::Host;
using test::RawFrame;

namespace {

ethdev::Options options_for(Host& host, const Subject& subject) {
  return {.name = subject.slot.name(), .ifindex = 1, .rx_ring = subject.traits.ring, .tx_ring = subject.traits.ring, .pools = {&*host.pool}};
}

/// A port on the subject for as long as it lives; then nothing may have gone wrong.
struct Opened {
  Subject& subject;
  std::unique_ptr<port::Port> port;

  Opened(Subject& of, const ethdev::Options& options) : subject(of) {
    devmodel::hear_faults();
    subject.wire.clear();
    auto opened = ethdev::open(options);
    if (!opened) FAIL(opened.error().message);
    port = std::move(*opened);
    start = subject.device->counts();
  }
  ~Opened() {
    port.reset();
    CHECK(subject.slot.violations() == std::vector<std::string>{});
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  [[nodiscard]] RawFrame to_us(bool v6, std::uint8_t proto, std::size_t payload) const { return {.v6 = v6, .proto = proto, .payload = payload, .destination = port->info().mac}; }
  [[nodiscard]] Counts counts() const {
    Counts now = subject.device->counts();
    for (const auto field : {&Counts::rx_frames, &Counts::rx_bytes, &Counts::rx_no_buffer, &Counts::rx_filtered, &Counts::tx_frames, &Counts::tx_bytes, &Counts::resets})
      now.*field -= start.*field;
    return now;
  }
  Counts start;
};

/// What a device has not got, in a word that stands in doc/drivers.md; and the capability that said so.
void not_possible(const Subject& subject, const char* why) { std::printf("not possible: %s: %s\n", subject.traits.name.c_str(), why); }

/// MILLRACE_SUBJECT names one of them, as the matrix of doc/drivers.md asks for (matrix.py).
template <class Test>
void for_each_subject(Test&& test) {
  const char* const only = std::getenv("MILLRACE_SUBJECT");
  for (const auto& subject : subjects()) {
    if (only != nullptr && subject->traits.name != only) continue;
    INFO(subject->traits.name);
    test(*subject);
  }
}

/// A device may tell of its link by an interrupt, which EAL hears in a thread of its own.
bool link_becomes(port::Port& port, bool up) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (port.link().up != up && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return port.link().up == up;
}

void consume_one(Host& host, port::Port& port) {
  pkt::Packet got = host.receive(port);
  REQUIRE(got);
  pkt::consume(std::move(got));
}

}  // namespace

TEST_CASE("conformance: frames cross bit for bit both ways; the port's statistics are the device's") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    CHECK(opened.port->info().driver == subject.traits.driver);
    CHECK(link_becomes(*opened.port, true));
    for (std::size_t n = 0; n < 300; ++n) {
      const RawFrame inward = opened.to_us(n % 2 == 0, n % 3 == 0 ? 6 : 17, 4 * n);
      REQUIRE(subject.device->receive(inward.bytes()));
      pkt::Packet got = host.receive(*opened.port);
      REQUIRE(got);
      auto bytes = test::bytes_of(got);
      bytes.resize(inward.bytes().size());  // a device may pad
      CHECK(bytes == inward.bytes());
      CHECK(got.meta().ifindex == 1);
      CHECK(got.meta().gso_segs == 1);
      pkt::consume(std::move(got));

      const RawFrame outward{.v6 = n % 2 == 0, .proto = static_cast<std::uint8_t>(n % 3 == 0 ? 6 : 17), .payload = 20 + 4 * n};
      host.send(*opened.port, host.unfinished(outward, n % 7, 301));
      REQUIRE(subject.wire.size() == 1);
      CHECK(subject.wire.front() == outward.bytes());
      subject.wire.clear();
    }
    const Counts counts = opened.counts();
    CHECK(counts.rx_frames == 300);
    CHECK(counts.tx_frames == 300);
    const port::DeviceStats stats = opened.port->device_stats();
    CHECK(stats.rx_packets == 300);
    CHECK(stats.tx_packets == 300);
    CHECK(stats.rx_bytes == counts.rx_bytes);
    CHECK(stats.tx_bytes == counts.tx_bytes);
  });
}

TEST_CASE("conformance: a checksum's verdict is the device's; one that is asked for is formed there, and in software where it cannot be") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const port::Offloads& offloads = opened.port->info().offloads;
    CHECK(offloads.rx_l4_checksum == subject.traits.checksums);
    CHECK(offloads.tx_tcp_checksum == subject.traits.checksums);
    CHECK(offloads.tx_udp_checksum == subject.traits.checksums);
    for (const bool v6 : {false, true}) {
      for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
        auto bytes = opened.to_us(v6, proto, 100).bytes();
        for (const bool is_right : {true, false}) {
          if (!is_right) bytes.back() ^= 1;
          REQUIRE(subject.device->receive(bytes));
          pkt::Packet got = host.receive(*opened.port);
          REQUIRE(got);
          const auto verdict = got.meta().checksum;
          if (is_right && subject.traits.checksums) CHECK(verdict == pkt::ChecksumVerdict::good);
          if (!is_right || !subject.traits.checksums) CHECK(verdict != pkt::ChecksumVerdict::good);
          CHECK(verdict != pkt::ChecksumVerdict::partial);
          pkt::consume(std::move(got));
        }
      }
    }
    host.send(*opened.port, host.unfinished({.proto = 17, .payload = 200}, 50, 60));
    CHECK(host.stats->port[stats::Port::tx_csum_software] == (subject.traits.checksums ? 0 : 1));
  });
}

TEST_CASE("conformance: what the device cuts is what software would have sent") {
  for_each_subject([](Subject& subject) {
    Host host;
    ethdev::Options options = options_for(host, subject);
    options.tso = true;
    const Opened opened(subject, options);
    CHECK(opened.port->info().offloads.tx_segmentation.tcp == subject.traits.tso);
    if (!subject.traits.tso) return not_possible(subject, "tx_offload_capa has no TCP_TSO");
    for (const bool v6 : {false, true}) {
      const RawFrame large{.v6 = v6, .proto = 6, .payload = 5001};
      pkt::Packet packet = host.unfinished(large, 1000, 1000);
      packet.meta().gso_size = 1000;
      packet.meta().gso_segs = 6;
      packet.meta().l4_proto = 6;
      if (port::needs_gso(packet.mbuf(), opened.port->info().offloads)) {  // lib/gso's to cut
        CHECK(opened.port->info().offloads.tx_segmentation.v4_only);
        pkt::consume(std::move(packet));
        continue;
      }
      subject.wire.clear();
      host.send(*opened.port, std::move(packet));
      REQUIRE(subject.wire.size() == 6);
      const auto whole = large.bytes();
      const std::size_t headers = large.l4_offset() + large.l4_header();
      std::vector<std::uint8_t> payload;
      for (devmodel::Frame segment : subject.wire) {
        segment.resize(std::min(segment.size(), whole.size() - payload.size()));  // a device may pad
        if (!v6) CHECK(test::naive_sum(std::span(segment).subspan(14, 20)) == 0xffff);
        if (!v6) CHECK(load_be16(&segment[16]) == segment.size() - 14);
        CHECK(segment.size() - headers == (payload.size() < 5000 ? 1000 : 1));
        CHECK(load_be32(&segment[large.l4_offset() + 4]) == load_be32(&whole[large.l4_offset() + 4]) + payload.size());
        CHECK(test::naive_sum(std::span(segment).subspan(large.l4_offset()),
                              static_cast<std::uint32_t>(large.pseudo_sum()) + 0xffffu * 2 - static_cast<std::uint32_t>(whole.size() - segment.size())) == 0xffff);
        payload.insert(payload.end(), segment.begin() + static_cast<std::ptrdiff_t>(headers), segment.end());
      }
      CHECK(std::equal(payload.begin(), payload.end(), whole.begin() + static_cast<std::ptrdiff_t>(headers), whole.end()));
    }
  });
}

TEST_CASE("conformance: A3, a full ring takes as many frames as it has places, the device counts the others, and all goes on") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    const std::uint16_t usable = subject.traits.usable;
    for (int i = 0; i < usable + 44; ++i) static_cast<void>(subject.device->receive(frame));
    CHECK(opened.counts().rx_frames == usable);
    CHECK(opened.counts().rx_no_buffer == 44);
    for (int i = 0; i < usable; ++i) consume_one(host, *opened.port);
    CHECK(subject.device->receive(frame));
    consume_one(host, *opened.port);
  });
}

TEST_CASE("conformance: A4, a pool that ran dry while the ring was refilled costs frames, not the queue") {
  for_each_subject([](Subject& subject) {
    Host host(511);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    pkt::PacketList kept;
    for (int i = 0; i < 600; ++i) {
      static_cast<void>(subject.device->receive(frame));
      pkt::Burst burst;
      opened.port->rx_queue(0).receive(host.env, burst, 32);
      burst.take_all([&](pkt::Packet p) { kept.push_back(std::move(p)); });
    }
    CHECK(kept.size() >= 200);
    CHECK(kept.size() < 512);
    pkt::consume(kept);
    int after = 0;
    for (int i = 0; i < 600; ++i) {
      static_cast<void>(subject.device->receive(frame));
      pkt::Burst burst;
      opened.port->rx_queue(0).receive(host.env, burst, 32);
      burst.take_all([&](pkt::Packet p) {
        pkt::consume(std::move(p));
        ++after;
      });
    }
    CHECK(after >= 400);
  });
}

TEST_CASE("conformance: A10, a jumbo frame comes in several buffers as one packet, and goes out so") {
  for_each_subject([](Subject& subject) {
    Host host;
    ethdev::Options options = options_for(host, subject);
    options.mtu = 9000;
    Opened opened(subject, options);
    const RawFrame inward = opened.to_us(true, 6, 9000 - 60);
    REQUIRE(subject.device->receive(inward.bytes()));
    pkt::Packet got = host.receive(*opened.port);
    REQUIRE(got);
    CHECK(got.segments() >= 5);
    CHECK(test::bytes_of(got) == inward.bytes());
    pkt::consume(std::move(got));
    const RawFrame outward{.proto = 17, .payload = 9000 - 28};
    host.send(*opened.port, host.unfinished(outward, 1000, 1501));
    REQUIRE(subject.wire.size() == 1);
    CHECK(subject.wire.front() == outward.bytes());
  });
}

TEST_CASE("conformance: a frame in more buffers than the device takes goes out in fewer") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const RawFrame frame{.proto = 17, .payload = 1000};
    for (const std::size_t piece : {1000 / 15, 1000 / 16, 1000 / 20, 1000 / 40}) {
      subject.wire.clear();
      host.send(*opened.port, host.unfinished(frame, 10, piece));
      REQUIRE(subject.wire.size() == 1);
      CHECK(subject.wire.front() == frame.bytes());
      pkt::Packet plain = host.unfinished(frame, 10, piece);
      plain.meta().tx_checksum = pkt::ChecksumRequest::none;
      subject.wire.clear();
      host.send(*opened.port, std::move(plain));
      CHECK(subject.wire.size() == 1);
    }
  });
}

TEST_CASE("conformance: F23, chains whose buffers were taken back leave a ring that goes round") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const RawFrame frame{.proto = 17, .payload = 1000};
    for (int i = 0; i < 300; ++i) {
      subject.wire.clear();
      host.send(*opened.port, host.unfinished(frame, 10, 200));
      if (i % 7 == 0) opened.port->tx_queue(0).reclaim();
      REQUIRE(subject.wire.size() == 1);
      CHECK(subject.wire.front() == frame.bytes());
    }
  });
}

TEST_CASE("conformance: the cable is pulled and put back") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    subject.device->set_link(false);
    CHECK(link_becomes(*opened.port, false));
    CHECK_FALSE(subject.device->receive(frame));
    subject.device->set_link(true);
    CHECK(link_becomes(*opened.port, true));
    CHECK(subject.device->receive(frame));
    consume_one(host, *opened.port);
  });
}

TEST_CASE("conformance: A13, B3, an armed queue has an event when a frame comes, a masked one none") {
  for_each_subject([](Subject& subject) {
    if (!subject.traits.has_rx_interrupts) return not_possible(subject, "rte_eth_dev_rx_intr_ctl_q_get_fd() has none");
    Host host;
    ethdev::Options options = options_for(host, subject);
    options.interrupts = ethdev::Options::Interrupts::needed;
    const Opened opened(subject, options);
    const auto frame = opened.to_us(false, 17, 100).bytes();
    test::wakes_by_interrupt(host, *opened.port, [&] { REQUIRE(subject.device->receive(frame)); });
  });
}

TEST_CASE("conformance: several queues, each with frames of its own both ways; where the device hashes, by its table") {
  for_each_subject([](Subject& subject) {
    if (subject.traits.queues == 1) return not_possible(subject, "max_rx_queues is 1");
    Host host(4095);
    ethdev::Options options = options_for(host, subject);
    options.rx_queues = options.tx_queues = subject.traits.queues;
    const Opened opened(subject, options);
    CHECK(opened.port->info().rx_queues == subject.traits.queues);
    CHECK(opened.port->rss().has_value() == subject.traits.hashes);
    std::vector<unsigned> seen(subject.traits.queues);
    for (std::uint16_t flow = 0; flow < 256; ++flow) {
      RawFrame frame = opened.to_us(false, 17, 100);
      frame.source_port = flow;
      REQUIRE(subject.device->receive(frame.bytes()));
      pkt::Packet got = host.receive(*opened.port);
      REQUIRE(got);
      ++seen.at(got.meta().rx_queue);
      pkt::consume(std::move(got));
      host.send(*opened.port, host.pool.packet(frame.bytes()), static_cast<std::uint16_t>(flow % subject.traits.queues));
    }
    for (const unsigned count : seen) CHECK(count >= 256u / subject.traits.queues / 2);
    CHECK(subject.wire.size() == 256);
  });
}

TEST_CASE("conformance: a port that was closed can be opened again, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    for (int round = 0; round < 3; ++round) {
      Host host;
      const Opened opened(subject, options_for(host, subject));
      const auto frame = opened.to_us(false, 17, 100).bytes();
      REQUIRE(subject.device->receive(frame));
      consume_one(host, *opened.port);
      static_cast<void>(subject.device->receive(frame));  // still in the ring when the port goes
    }
  });
}

TEST_CASE("conformance: a port that is reset carries on where it was, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) REQUIRE(subject.device->receive(frame));
      for (int i = 0; i < 10; ++i) consume_one(host, *opened.port);
      host.send(*opened.port, host.pool.packet(frame));
      REQUIRE(opened.port->reset());
      CHECK(link_becomes(*opened.port, true));
      CHECK(opened.port->device_stats().tx_packets == 1 + 2 * static_cast<unsigned>(round));
      REQUIRE(subject.device->receive(frame));
      consume_one(host, *opened.port);
      host.send(*opened.port, host.pool.packet(frame));
      CHECK_FALSE(opened.port->check(host.env.now));
    }
  });
}

TEST_CASE("conformance: A14, a device that is pulled out ends its port alone, in a second; the port works again when it is put back") {
  for_each_subject([](Subject& subject) {
    Host host;
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    REQUIRE(subject.device->receive(frame));
    subject.slot.pull_out();
    const auto fault = opened.port->check(host.env.now);
    REQUIRE(fault);
    CHECK(fault->cause == "removed");
    CHECK_FALSE(opened.port->check(host.env.now));
    CHECK_FALSE(opened.port->reset());
    CHECK_FALSE(opened.port->link().up);
    pkt::Burst burst;
    CHECK(opened.port->rx_queue(0).receive(host.env, burst, 32) == 0);
    burst.push(host.pool.packet(frame));
    CHECK(opened.port->tx_queue(0).transmit(host.env, burst) == 0);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    subject.put_back();
    REQUIRE(opened.port->reset());
    CHECK(link_becomes(*opened.port, true));
    REQUIRE(subject.device->receive(frame));
    consume_one(host, *opened.port);
  });
}

// What matrix.py asks for.
TEST_CASE("subjects", "[.]") {
  for (const auto& subject : subjects()) std::printf("subject: %s\n", subject->traits.name.c_str());
}
