// SPDX-License-Identifier: BSD-3-Clause
// What every port has to do, tried on device models under DPDK's own drivers and on every other medium: one suite for all of them,
// whose programs say what they have (subject.hpp).
#include <millrace/base/byte_order.hpp>
#include <millrace/port/tx_offload.hpp>

#include "tests/conformance/opened.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <cstdio>

using namespace millrace;
using namespace millrace::conformance;
using test::RawFrame;

namespace {

/// The one frame that came out.
Frame only_frame(Subject& subject) {
  auto frames = subject.sent(1);
  REQUIRE(frames.size() == 1);
  return std::move(frames.front());
}

struct Tally {
  std::uint64_t packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
};

/// The port's statistics are the subject's own; those of a subject that does not count are what crossed.
void check_statistics(const Opened& opened, const Tally& crossed) {
  const port::DeviceStats stats = opened.port->device_stats();
  CHECK(stats.rx_packets == crossed.packets);
  CHECK(stats.tx_packets == crossed.packets);
  if (const auto counts = opened.counts()) {
    CHECK(counts->rx_frames == crossed.packets);
    CHECK(counts->tx_frames == crossed.packets);
    CHECK(stats.rx_bytes == counts->rx_bytes);
    CHECK(stats.tx_bytes == counts->tx_bytes);
    return;
  }
  const bool counts_bytes = !opened.subject.traits.lacks.contains(Lack::byte_counts);
  CHECK(stats.rx_bytes == (counts_bytes ? crossed.rx_bytes : 0));
  CHECK(stats.tx_bytes == (counts_bytes ? crossed.tx_bytes : 0));
}

/// Segments of a frame that was to be cut at 1000 bytes, held against it.
void check_segments(std::vector<Frame> segments, const RawFrame& large) {
  REQUIRE(segments.size() == 6);
  const auto whole = large.bytes();
  const std::size_t headers = large.l4_offset() + large.l4_header();
  std::vector<std::uint8_t> payload;
  for (Frame& segment : segments) {
    segment.resize(std::min(segment.size(), whole.size() - payload.size()));  // a device may pad
    if (!large.v6) CHECK(test::naive_sum(std::span(segment).subspan(14, 20)) == 0xffff);
    if (!large.v6) CHECK(load_be16(&segment[16]) == segment.size() - 14);
    CHECK(segment.size() - headers == (payload.size() < 5000 ? 1000 : 1));
    CHECK(load_be32(&segment[large.l4_offset() + 4]) == load_be32(&whole[large.l4_offset() + 4]) + payload.size());
    CHECK(test::naive_sum(std::span(segment).subspan(large.l4_offset()),
                          static_cast<std::uint32_t>(large.pseudo_sum()) + 0xffffu * 2 - static_cast<std::uint32_t>(whole.size() - segment.size())) == 0xffff);
    payload.insert(payload.end(), segment.begin() + static_cast<std::ptrdiff_t>(headers), segment.end());
  }
  CHECK(std::equal(payload.begin(), payload.end(), whole.begin() + static_cast<std::ptrdiff_t>(headers), whole.end()));
}

/// A frame of the longest MTU that a case asks for, both ways.
void cross_jumbo(Host& host, const Opened& opened, std::uint16_t least_segments) {
  const RawFrame inward = opened.to_us(true, 6, 9000 - 60);
  REQUIRE(opened.subject.inject(inward.bytes()));
  pkt::Packet got = host.receive(*opened.port);
  REQUIRE(got);
  CHECK(got.segments() >= least_segments);
  CHECK(test::bytes_of(got) == inward.bytes());
  pkt::consume(std::move(got));
  const RawFrame outward{.proto = 17, .payload = 9000 - 28};
  host.send(*opened.port, host.unfinished(outward, 1000, 1501));
  CHECK(only_frame(opened.subject) == outward.bytes());
}

/// Brings so many frames in, and hands over what is received meanwhile and after.
template <class Take>
void bring(Host& host, const Opened& opened, std::uint32_t frames, Take&& take) {
  const auto frame = opened.to_us(false, 17, 100).bytes();
  for (std::uint32_t i = 0; i < frames; ++i) {
    static_cast<void>(opened.subject.inject(frame));
    pkt::Burst burst;
    opened.port->rx_queue(0).receive(host.env, burst, 32);
    burst.take_all(take);
  }
  pkt::PacketList late = receive_all(host, opened);
  while (!late.empty()) take(late.pop_front());
}

}  // namespace

TEST_CASE("conformance: frames cross bit for bit both ways; the port's statistics are the device's") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    CHECK(opened.port->info().driver == subject.traits.driver);
    CHECK(link_becomes(*opened.port, true));
    Tally crossed;
    for (; crossed.packets < 300; ++crossed.packets) {
      const std::size_t n = crossed.packets;
      const RawFrame inward = opened.to_us(n % 2 == 0, n % 3 == 0 ? 6 : 17, 4 * n);
      REQUIRE(subject.inject(inward.bytes()));
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
      CHECK(only_frame(subject) == outward.bytes());
      crossed.rx_bytes += inward.bytes().size();
      crossed.tx_bytes += outward.bytes().size();
    }
    CHECK(receive_all(host, opened).empty());
    CHECK(subject.sent(0).empty());
    check_statistics(opened, crossed);
  });
}

TEST_CASE("conformance: a checksum's verdict is the device's; one that is asked for is formed there, and in software where it cannot be") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const port::Offloads& offloads = opened.port->info().offloads;
    CHECK(offloads.rx_l4_checksum == subject.traits.checksums);
    CHECK(offloads.tx_tcp_checksum == subject.traits.checksums);
    CHECK(offloads.tx_udp_checksum == subject.traits.checksums);
    const bool judges = subject.traits.checksums && !subject.traits.lacks.contains(Lack::verdicts);
    for (const bool v6 : {false, true}) {
      for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
        auto bytes = opened.to_us(v6, proto, 100).bytes();
        for (const bool is_right : {true, false}) {
          if (!is_right) bytes.back() ^= 1;
          REQUIRE(subject.inject(bytes));
          pkt::Packet got = host.receive(*opened.port);
          REQUIRE(got);
          const auto verdict = got.meta().checksum;
          if (is_right && judges) CHECK(verdict == pkt::ChecksumVerdict::good);
          if (!is_right || !judges) CHECK(verdict != pkt::ChecksumVerdict::good);
          CHECK(verdict != pkt::ChecksumVerdict::partial);
          pkt::consume(std::move(got));
        }
      }
    }
    // Each frame of a burst has its own, whatever the frame or the burst before it had.
    const conformance::Frame good = opened.to_us(false, 17, 100).bytes();
    conformance::Frame bad = good;
    bad.back() ^= 1;
    conformance::Frame none = good;  // of a protocol without a sum
    none[12] = 0x88;
    none[13] = 0xb5;
    for (const auto& burst : {std::vector{good, bad, good}, {bad, bad}, {good, good}, {good, none}, {none}, {good}}) {
      for (const conformance::Frame& frame : burst) REQUIRE(subject.inject(frame));
      pkt::PacketList got = receive_all(host, opened);
      REQUIRE(got.size() == burst.size());
      for (const conformance::Frame& frame : burst) {
        pkt::Packet packet = got.pop_front();
        CHECK((packet.meta().checksum == pkt::ChecksumVerdict::good) == (frame == good && judges));
        // Which GRO reads where the device has verdicts.
        if (offloads.rx_l4_checksum) CHECK(((packet.mbuf().ol_flags & pkt::flag::rx_l4_good) != 0) == (packet.meta().checksum == pkt::ChecksumVerdict::good));
        pkt::consume(std::move(packet));
      }
    }
    const RawFrame outward{.proto = 17, .payload = 200};
    host.send(*opened.port, host.unfinished(outward, 50, 60));
    CHECK(host.stats->port[stats::Port::tx_csum_software] == (subject.traits.checksums ? 0 : 1));
    CHECK(only_frame(subject) == outward.bytes());
  });
}

TEST_CASE("conformance: what the device cuts is what software would have sent") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    ethdev::Options options = options_for(host, subject);
    options.tso = true;
    const Opened opened(subject, options);
    CHECK(opened.port->info().offloads.tx_segmentation.tcp == subject.traits.tso);
    if (!subject.traits.tso) {
      const bool announced = (opened.tx_capabilities() & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
      CHECK(announced == subject.traits.lacks.contains(Lack::segments));
      return not_possible(subject, announced ? subject.traits.lacks.at(Lack::segments) : "tx_offload_capa has no TCP_TSO");
    }
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
      host.send(*opened.port, std::move(packet));
      if (!subject.traits.lacks.contains(Lack::segments)) {
        check_segments(subject.sent(6), large);
        continue;
      }
      CHECK(only_frame(subject).size() == large.bytes().size());
      CHECK(subject.gso_size() == 1000);
    }
  });
}

TEST_CASE("conformance: A3, a full ring takes as many frames as it has places, the device counts the others, and all goes on") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    const std::uint16_t usable = subject.traits.usable;
    for (int i = 0; i < usable + 44; ++i) static_cast<void>(subject.inject(frame));
    const auto unknown = subject.traits.lacks.find(Lack::places);
    if (const auto counts = opened.counts(); counts && unknown == subject.traits.lacks.end()) {
      CHECK(counts->rx_frames == usable);
      CHECK(counts->rx_no_buffer == 44);
    }
    pkt::PacketList got = receive_all(host, opened);
    if (unknown == subject.traits.lacks.end()) CHECK(got.size() == usable);
    CHECK_FALSE(got.empty());
    pkt::consume(got);
    CHECK(subject.inject(frame));
    consume_one(host, *opened.port);
    if (unknown != subject.traits.lacks.end()) not_possible(subject, unknown->second);
  });
}

TEST_CASE("conformance: a budget of a few frames is kept to, none of what waits stays behind, and what does goes with the port") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    constexpr std::uint32_t frames = 40;
    std::vector<std::vector<std::uint8_t>> sent, got;
    bool keeps_to_it = true;
    for (std::uint32_t n = 0; n < frames; ++n) REQUIRE(subject.inject(sent.emplace_back(opened.to_us(false, 17, 100 + n).bytes())));
    const auto end = std::chrono::steady_clock::now() + 2s;
    for (std::uint32_t n = 0; got.size() < frames - 4 && std::chrono::steady_clock::now() < end; ++n) {
      constexpr std::uint16_t budgets[] = {1, 3, 9, 5};
      pkt::Burst burst;
      const std::uint16_t budget = std::min<std::uint16_t>(budgets[n / 4 % 4], static_cast<std::uint16_t>(frames - 4 - got.size()));
      keeps_to_it = opened.port->rx_queue(static_cast<std::uint16_t>(n % opened.port->info().rx_queues)).receive(host.env, burst, budget) <= budget && keeps_to_it;
      burst.take_all([&](pkt::Packet p) {
        got.push_back(test::bytes_of(p));
        pkt::consume(std::move(p));
      });
    }
    CHECK(keeps_to_it);
    CHECK(got.size() == frames - 4);
    sent.resize(got.size());
    CHECK((got == sent));
  });
}

TEST_CASE("conformance: A4, a pool that ran dry while the ring was refilled costs frames, not the queue") {
  for_each_subject([](Subject& subject) {
    const std::uint32_t ring = subject.traits.ring;
    const std::uint32_t packets = 2 * ring - 1;
    const std::uint32_t frames = packets + 89;
    Host host(subject, packets);
    const Opened opened(subject, options_for(host, subject));
    pkt::PacketList kept;
    bring(host, opened, frames, [&](pkt::Packet p) { kept.push_back(std::move(p)); });
    if (const auto lack = subject.traits.lacks.find(Lack::own_buffers); lack != subject.traits.lacks.end()) {
      CHECK(kept.size() == frames);
      pkt::consume(kept);
      return not_possible(subject, lack->second);
    }
    CHECK(kept.size() >= packets - ring - 55);
    CHECK(kept.size() <= packets);
    pkt::consume(kept);
    std::uint32_t after = 0;
    bring(host, opened, frames, [&](pkt::Packet p) {
      pkt::consume(std::move(p));
      ++after;
    });
    CHECK(after >= frames - 200);
  });
}

TEST_CASE("conformance: A10, a jumbo frame comes in several buffers as one packet, and goes out so") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    ethdev::Options options = options_for(host, subject);
    options.mtu = 9000;
    std::string refused = refusal(subject, options);
    if (refused.empty()) {
      const Opened opened(subject, options);
      return cross_jumbo(host, opened, 5);
    }
    // A device that cannot scatter takes it in one large buffer; or it says how long a frame may be.
    Host large(subject, packets_for(subject) / 2, 9216);
    options.pools = {&*large.pool};
    if (refused.find("the device cannot scatter") != std::string::npos) refused = refusal(subject, options);
    if (!refused.empty()) {
      const std::size_t limit = refused.find("the device's longest frame is");
      REQUIRE(limit != std::string::npos);
      return not_possible(subject, refused.substr(limit));
    }
    const Opened opened(subject, options);
    cross_jumbo(large, opened, 1);
  });
}

TEST_CASE("conformance: a frame in more buffers than the device takes goes out in fewer") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const RawFrame frame{.proto = 17, .payload = 1000};
    for (const std::size_t piece : {1000 / 15, 1000 / 16, 1000 / 20, 1000 / 40}) {
      host.send(*opened.port, host.unfinished(frame, 10, piece));
      CHECK(only_frame(subject) == frame.bytes());
      pkt::Packet plain = host.unfinished(frame, 10, piece);
      plain.meta().tx_checksum = pkt::ChecksumRequest::none;
      host.send(*opened.port, std::move(plain));
      CHECK(only_frame(subject).size() == frame.bytes().size());
    }
  });
}

TEST_CASE("conformance: F23, chains whose buffers were taken back leave a ring that goes round") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const RawFrame frame{.proto = 17, .payload = 1000};
    for (int i = 0; i < 300; ++i) {
      host.send(*opened.port, host.unfinished(frame, 10, 200));
      if (i % 7 == 0) opened.port->tx_queue(0).reclaim();
      CHECK(only_frame(subject) == frame.bytes());
    }
  });
}

TEST_CASE("conformance: the cable is pulled and put back") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    CHECK(link_becomes(*opened.port, true));
    subject.set_cable(false);
    const auto lack = subject.traits.lacks.find(Lack::cable);
    if (lack == subject.traits.lacks.end()) {
      CHECK(link_becomes(*opened.port, false));
      CHECK_FALSE(subject.inject(frame));
    } else {
      CHECK(opened.port->link().up);
    }
    subject.set_cable(true);
    CHECK(link_becomes(*opened.port, true));
    CHECK(subject.inject(frame));
    consume_one(host, *opened.port);
    if (lack != subject.traits.lacks.end()) not_possible(subject, lack->second);
  });
}

TEST_CASE("conformance: A13, B3, an armed queue has an event when a frame comes, a masked one none") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    ethdev::Options options = options_for(host, subject);
    options.interrupts = ethdev::Options::Interrupts::needed;
    if (!subject.traits.has_rx_interrupts) {
      // What opens is closed at once: not where that is not safe.
      if (!subject.traits.lacks.contains(Lack::stop_of_interrupts)) CHECK(refusal(subject, options).find("rx queue 0 has no interrupt") != std::string::npos);
      options.interrupts = ethdev::Options::Interrupts::if_possible;
      const Opened opened(subject, options);
      CHECK(opened.port->rx_queue(0).event_fd() < 0);
      CHECK(opened.port->info().interrupts.empty());
      return not_possible(subject, "rte_eth_dev_rx_intr_ctl_q_get_fd() has none");
    }
    const Opened opened(subject, options);
    CHECK(opened.port->info().interrupts == (ethdev::is_pci_address(opened.port->info().name) ? "MSI-X" : "fd"));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    test::wakes_by_interrupt(host, *opened.port, [&] { REQUIRE(subject.inject(frame)); });
  });
}

TEST_CASE("conformance: several queues, each with frames of its own both ways; where the device hashes, by its table") {
  for_each_subject([](Subject& subject) {
    const std::uint16_t queues = subject.traits.queues;
    Host host(subject, packets_for(subject, queues));
    ethdev::Options options = options_for(host, subject);
    options.rx_queues = options.tx_queues = queues;
    const Opened opened(subject, options);
    if (queues == 1) {
      CHECK(opened.most_rx_queues() == 1);
      return not_possible(subject, "max_rx_queues is 1");
    }
    CHECK(opened.port->info().rx_queues == queues);
    CHECK(opened.port->rss().has_value() == subject.traits.hashes);
    std::vector<unsigned> seen(queues);
    for (std::uint16_t flow = 0; flow < 256; ++flow) {
      RawFrame frame = opened.to_us(false, 17, 100);
      frame.source_port = flow;
      REQUIRE(subject.inject(frame.bytes()));
      pkt::Packet got = host.receive(*opened.port);
      REQUIRE(got);
      ++seen.at(got.meta().rx_queue);
      pkt::consume(std::move(got));
      host.send(*opened.port, host.pool.packet(frame.bytes()), static_cast<std::uint16_t>(flow % queues));
    }
    for (const unsigned count : seen) CHECK(count >= 256u / queues / 2);
    CHECK(subject.sent(256).size() == 256);
  });
}

TEST_CASE("conformance: a port that was closed can be opened again, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    if (const auto lack = subject.traits.lacks.find(Lack::buffers_back); lack != subject.traits.lacks.end()) {
      Host host(subject);
      Opened opened(subject, options_for(host, subject));
      subject.close(std::exchange(opened.port, nullptr));
      CHECK(host.pool->in_use() > 0);
      return not_possible(subject, lack->second);
    }
    for (int round = 0; round < 3; ++round) {
      Host host(subject);
      const Opened opened(subject, options_for(host, subject));
      const auto frame = opened.to_us(false, 17, 100).bytes();
      REQUIRE(subject.inject(frame));
      consume_one(host, *opened.port);
      static_cast<void>(subject.inject(frame));  // still in the ring when the port goes
    }
  });
}

// What matrix.py asks for.
TEST_CASE("subjects", "[.]") {
  for (const auto& subject : subjects()) std::printf("subject: %s\n", subject->traits.name.c_str());
}
