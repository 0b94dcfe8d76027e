// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/sim/link.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"

#include <cerrno>
#include <thread>

using namespace millrace;
using sim::End;
using test::RawFrame;

namespace {

constexpr Instant start{Duration(1'000'000)};

struct Host {
  test::TestPool pool;
  std::unique_ptr<stats::LcoreStats> stats = std::make_unique<stats::LcoreStats>();
  Env env;
  explicit Host(std::uint32_t packets = 1023, std::uint16_t data_room = 2048) : pool(packets, data_room) {
    env.pool = &*pool;
    env.stats = stats.get();
    env.now = start;
  }
};

void send(Host& host, port::Port& port, pkt::Packet packet) {
  pkt::Burst burst;
  burst.push(std::move(packet));
  port.tx_queue(0).transmit(host.env, burst);
  CHECK(burst.empty());
}

pkt::Packet receive(Host& host, port::Port& port, std::uint16_t queue = 0) {
  pkt::Burst burst;
  pkt::Packet got;
  if (port.rx_queue(queue).receive(host.env, burst, 1) == 1) burst.take_all([&](pkt::Packet p) { got = std::move(p); });
  return got;
}

/// A packet that asks for its checksum.
pkt::Packet unfinished(Host& host, const RawFrame& frame) {
  pkt::Packet packet = host.pool.packet(frame.unfinished());
  packet.meta().l3_offset = 14;
  packet.meta().l4_offset = static_cast<std::uint16_t>(frame.l4_offset());
  packet.meta().tx_checksum = frame.proto == 6 ? pkt::ChecksumRequest::tcp : pkt::ChecksumRequest::udp;
  return packet;
}

}  // namespace

TEST_CASE("a frame crosses the link into the receiver's own pool, with its Meta set") {
  Host alice;
  Host bob;
  sim::LinkOptions options;
  options.b.ifindex = 7;
  options.a_to_b.delay = 3ms;
  sim::Link link(options);
  auto a = link.open(End::a);
  auto b = link.open(End::b);
  const auto bytes = RawFrame{.payload = 100}.bytes();
  send(alice, *a, alice.pool.packet(bytes));
  CHECK(alice.pool->in_use() == 0);
  CHECK(b->next_arrival() == start + 3ms);
  CHECK(a->next_arrival() == never);
  CHECK_FALSE(receive(bob, *b));
  bob.env.now = start + 3ms;
  pkt::Packet got = receive(bob, *b);
  REQUIRE(got);
  CHECK(test::bytes_of(got) == bytes);
  CHECK(bob.pool->in_use() == 1);
  CHECK(got.meta().ifindex == 7);
  CHECK(got.meta().rx_queue == 0);
  CHECK(got.meta().rx_time == start + 3ms);
  CHECK(got.meta().gso_segs == 1);
  CHECK(got.meta().checksum == pkt::ChecksumVerdict::unknown);
  pkt::consume(std::move(got));
  CHECK(alice.stats->port[stats::Port::tx_packets] == 1);
  CHECK(alice.stats->port[stats::Port::tx_bytes] == bytes.size());
  CHECK(bob.stats->port[stats::Port::rx_packets] == 1);
  CHECK(bob.stats->port[stats::Port::rx_bytes] == bytes.size());
}

TEST_CASE("receive keeps to its budget and to the room of the burst") {
  Host bob;
  sim::Link link({});
  auto b = link.open(End::b);
  for (int n = 0; n < 100; ++n) link.inject(End::a, start, RawFrame{}.bytes());
  pkt::Burst burst;
  CHECK(b->rx_queue(0).receive(bob.env, burst, 10) == 10);
  CHECK(b->rx_queue(0).receive(bob.env, burst, 64) == 54);
  CHECK(b->rx_queue(0).receive(bob.env, burst, 64) == 0);
  burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
}

TEST_CASE("an end driven by hand injects frames and takes them, finished") {
  Host alice;
  sim::LinkOptions options;
  options.offloads.tx_udp_checksum = true;
  options.b_to_a.delay = 1ms;
  sim::Link link(options);
  auto a = link.open(End::a);
  const RawFrame frame{.v6 = true};
  link.inject(End::b, start, frame.bytes());
  CHECK(link.next_arrival(End::a) == start + 1ms);
  alice.env.now = start + 1ms;
  pkt::Packet got = receive(alice, *a);
  REQUIRE(got);
  CHECK(test::bytes_of(got) == frame.bytes());
  pkt::consume(std::move(got));

  send(alice, *a, unfinished(alice, frame));
  CHECK(link.take(End::b, alice.env.now) == frame.bytes());
  CHECK(link.take(End::b, alice.env.now) == std::nullopt);
}

TEST_CASE("checksums are computed in software unless the link says that it leaves them") {
  Host alice;
  Host bob;
  for (const bool offload : {false, true}) {
    sim::LinkOptions options;
    options.offloads.tx_tcp_checksum = offload;
    sim::Link link(options);
    auto a = link.open(End::a);
    auto b = link.open(End::b);
    const RawFrame frame{.proto = 6, .payload = 99};
    send(alice, *a, unfinished(alice, frame));
    pkt::Packet got = receive(bob, *b);
    REQUIRE(got);
    const auto sum = load_be16(got.data().data() + frame.sum_offset());
    CHECK(sum == (offload ? frame.pseudo_sum() : frame.checksum()));
    CHECK(got.meta().checksum == (offload ? pkt::ChecksumVerdict::partial : pkt::ChecksumVerdict::unknown));
    pkt::consume(std::move(got));
  }
  CHECK(alice.stats->port[stats::Port::tx_csum_software] == 1);
}

TEST_CASE("a link that vouches for checksums does not vouch for what it corrupted") {
  Host bob;
  for (const double corrupt : {0.0, 1.0}) {
    sim::LinkOptions options;
    options.offloads.rx_l4_checksum = true;
    options.a_to_b.corrupt = corrupt;
    sim::Link link(options);
    auto b = link.open(End::b);
    link.inject(End::a, start, RawFrame{}.bytes());
    pkt::Packet got = receive(bob, *b);
    REQUIRE(got);
    CHECK(got.meta().checksum == (corrupt == 0 ? pkt::ChecksumVerdict::good : pkt::ChecksumVerdict::unknown));
    pkt::consume(std::move(got));
  }
}

TEST_CASE("jumbo frames and segmentation: the bytes stay, the headers lie in the first buffer") {
  Host alice(63, 9100);
  struct Case {
    std::uint16_t segment_bytes;
    std::uint16_t data_room;
    std::uint16_t segments;
    std::uint16_t first;
  };
  // 9014 bytes: whole buffers, 256-byte minimum for the first, segments, segments larger than a buffer.
  for (const Case& c : {Case{0, 2048, 5, 2048}, Case{0, 9100, 1, 9014}, Case{100, 2048, 89, 256},
                        Case{1000, 2048, 10, 1000}, Case{3000, 2048, 5, 2048}}) {
    Host bob(255, c.data_room);
    sim::LinkOptions options;
    options.mtu = 9000;
    options.segment_bytes = c.segment_bytes;
    sim::Link link(options);
    auto a = link.open(End::a);
    auto b = link.open(End::b);
    const auto bytes = RawFrame{.v6 = true, .proto = 6, .payload = 9000 - 60}.bytes();
    REQUIRE(bytes.size() == 9014);
    send(alice, *a, alice.pool.packet(bytes));
    pkt::Packet got = receive(bob, *b);
    REQUIRE(got);
    CHECK(test::bytes_of(got) == bytes);
    CHECK(got.segments() == c.segments);
    CHECK(got.data().size() == c.first);
    pkt::consume(std::move(got));
  }
}

TEST_CASE("a frame longer than the MTU is dropped by the sender as tx_too_long") {
  Host alice;
  sim::Link link({});
  auto a = link.open(End::a);
  send(alice, *a, alice.pool.packet(std::vector<std::uint8_t>(1519)));
  CHECK(alice.stats->drop[stats::DropReason::tx_too_long] == 1);
  CHECK(alice.stats->port[stats::Port::tx_packets] == 0);
  CHECK(link.next_arrival(End::b) == never);
}

TEST_CASE("a link without multi-segment gets chains as one buffer") {
  Host alice;
  sim::LinkOptions options;
  options.offloads.tx_multi_segment = false;
  sim::Link link(options);
  auto a = link.open(End::a);
  const auto bytes = RawFrame{.payload = 500}.bytes();
  pkt::Packet packet = alice.pool.packet(std::span(bytes).first(60));
  packet.chain(alice.pool.packet(std::span(bytes).subspan(60)));
  send(alice, *a, std::move(packet));
  CHECK(link.take(End::b, start) == bytes);
}

TEST_CASE("an empty receive pool loses the frame as no_buffer, half a chain included") {
  Host bob(3, 2048);
  sim::LinkOptions options;
  options.mtu = 9000;
  sim::Link link(options);
  auto b = link.open(End::b);
  link.inject(End::a, start, RawFrame{.payload = 8000}.bytes());
  CHECK_FALSE(receive(bob, *b));
  CHECK(bob.pool->in_use() == 0);
  CHECK(bob.stats->drop[stats::DropReason::no_buffer] == 1);
  CHECK(link.next_arrival(End::b) == never);
}

TEST_CASE("with no buffers a receive call still ends after its budget") {
  Host bob(1, 2048);
  sim::Link link({});
  auto b = link.open(End::b);
  pkt::Packet last = bob.pool->allocate();
  for (int n = 0; n < 30; ++n) link.inject(End::a, start, RawFrame{}.bytes());
  pkt::Burst burst;
  CHECK(b->rx_queue(0).receive(bob.env, burst, 10) == 0);
  CHECK(bob.stats->drop[stats::DropReason::no_buffer] == 10);
  pkt::consume(std::move(last));
}

TEST_CASE("a pulled cable drops what is sent as link_down") {
  Host alice;
  sim::Link link({});
  auto a = link.open(End::a);
  CHECK(a->link().up);
  link.set_up(false);
  CHECK_FALSE(a->link().up);
  send(alice, *a, alice.pool.packet(RawFrame{}.bytes()));
  CHECK(alice.stats->drop[stats::DropReason::link_down] == 1);
  link.set_up(true);
  send(alice, *a, alice.pool.packet(RawFrame{}.bytes()));
  CHECK(link.take(End::b, start).has_value());
}

TEST_CASE("impairments can be changed while the link runs, and count for the direction they were set on") {
  sim::Link link({});
  link.set_impairments(End::a, {.loss = 1});
  link.inject(End::a, start, RawFrame{}.bytes());
  link.inject(End::b, start, RawFrame{}.bytes());
  CHECK(link.stats(End::a).lost == 1);
  CHECK(link.stats(End::b).lost == 0);
  CHECK(link.take(End::a, start).has_value());
  CHECK_FALSE(link.take(End::b, start).has_value());
}

TEST_CASE("flows spread over the receiver's queues and stay whole") {
  Host bob;
  sim::LinkOptions options;
  options.b.queues = 4;
  sim::Link link(options);
  auto b = link.open(End::b);
  CHECK(b->info().rx_queues == 4);
  constexpr int flows = 40;
  for (int n = 0; n < 10 * flows; ++n)
    link.inject(End::a, start,
                RawFrame{.first_byte = static_cast<std::uint8_t>(n / flows),
                         .source_port = static_cast<std::uint16_t>(n % flows)}
                    .bytes());
  std::vector<int> next(flows, 0);
  std::vector<int> queue_of_flow(flows, -1);
  int total = 0;
  for (std::uint16_t q = 0; q < 4; ++q) {
    while (pkt::Packet p = receive(bob, *b, q)) {
      const auto flow = load_be16(p.data().data() + 34);
      CHECK(p.meta().rx_queue == q);
      CHECK((queue_of_flow[flow] == -1 || queue_of_flow[flow] == q));
      queue_of_flow[flow] = q;
      CHECK(p.data()[42] == next[flow]++);
      ++total;
      pkt::consume(std::move(p));
    }
  }
  CHECK(total == 10 * flows);
}

TEST_CASE("F1, F6: a frame comes with the hash that chose its queue, unless ports are left out of it or the port has none") {
  Host bob;
  for (const bool has_hash : {true, false}) {
    sim::LinkOptions options;
    options.offloads.rx_hash = has_hash;
    options.b.queues = 4;
    sim::Link link(options);
    auto b = link.open(End::b);
    auto rss = b->rss();
    REQUIRE(rss);
    for (const bool ports : {true, false}) {
      rss->fields.udp4 = ports;
      REQUIRE(b->set_rss(*rss));
      const auto bytes = RawFrame{.source_port = 77}.bytes();
      const auto expected = wire::RssSpread(*rss).choose(bytes);
      link.inject(End::a, start, bytes);
      pkt::Packet got = receive(bob, *b, expected.queue);
      REQUIRE(got);
      CHECK(((got.mbuf().ol_flags & pkt::flag::rx_rss_hash) != 0) == (has_hash && ports));
      if (has_hash && ports) CHECK(got.mbuf().rss_hash == expected.hash);
      pkt::consume(std::move(got));
    }
  }
}

TEST_CASE("F1: a sim port refuses a key, a RETA or a queue that it does not have") {
  sim::LinkOptions options;
  options.b.queues = 2;
  sim::Link link(options);
  auto b = link.open(End::b);
  const wire::Rss good = *b->rss();
  wire::Rss bad = good;
  bad.key.resize(39);
  CHECK(b->set_rss(bad).error().message.find("39 bytes") != std::string::npos);
  bad = good;
  bad.reta.resize(64);
  CHECK(b->set_rss(bad).error().message.find("the device has 128") != std::string::npos);
  bad = good;
  bad.reta[5] = 2;
  CHECK(b->set_rss(bad).error().message.find("names rx queue 2") != std::string::npos);
  CHECK(b->rss() == good);
}

TEST_CASE("two directions of a link do not repeat each other's fate") {
  sim::LinkOptions options;
  options.a_to_b.loss = options.b_to_a.loss = 0.5;
  sim::Link link(options);
  std::vector<bool> one;
  std::vector<bool> other;
  for (int n = 0; n < 64; ++n) {
    link.inject(End::a, start, RawFrame{}.bytes());
    link.inject(End::b, start, RawFrame{}.bytes());
    one.push_back(link.take(End::b, start).has_value());
    other.push_back(link.take(End::a, start).has_value());
  }
  CHECK(one != other);
}

TEST_CASE("the two ends may be driven by two threads") {
  Host alice;
  Host bob;
  sim::Link link({});
  auto a = link.open(End::a);
  auto b = link.open(End::b);
  constexpr int count = 3000;
  // Bob echoes; both own their pools, so nothing but the link is shared. Catch's macros stay on this thread.
  std::thread echo([&] {
    for (int done = 0; done < count;) {
      pkt::Burst burst;
      const std::uint16_t n = b->rx_queue(0).receive(bob.env, burst, 32);
      done += n;
      b->tx_queue(0).transmit(bob.env, burst);
      if (n == 0) std::this_thread::yield();
    }
  });
  int sent = 0;
  int returned = 0;
  bool ordered = true;
  while (returned < count) {
    pkt::Burst burst;
    for (; sent < count && sent - returned < 500 && !burst.full(); ++sent)
      burst.push(alice.pool.packet(RawFrame{.source_port = static_cast<std::uint16_t>(sent)}.bytes()));
    a->tx_queue(0).transmit(alice.env, burst);
    pkt::Burst back;
    a->rx_queue(0).receive(alice.env, back, 32);
    if (back.empty()) std::this_thread::yield();
    back.take_all([&](pkt::Packet p) {
      ordered = ordered && load_be16(p.data().data() + 34) == returned;
      ++returned;
      pkt::consume(std::move(p));
    });
  }
  echo.join();
  CHECK(ordered);
}

TEST_CASE("F9: a flow rule brings a flow to its queue, before RSS and without a hash; the table is bounded; gone is gone") {
  Host host;
  sim::LinkOptions options;
  options.b.queues = 4;
  options.b.flow_rules = 2;
  sim::Link link(options);
  auto port = link.open(End::b);
  REQUIRE(port->can_steer_flows());
  const auto flow = [](std::uint16_t source_port, bool v6 = false, std::uint8_t proto = 17) {
    const auto address = [v6](std::uint8_t n) { return v6 ? *IpAddress::parse("fd00:77::" + std::to_string(n)) : IpAddress::v4(10, 77, 0, n); };
    return FlowKey{.local = address(2), .remote = address(1), .local_port = 2000, .remote_port = source_port, .stack = 3, .proto = proto, .bound = 0};
  };
  const auto queue_of = [&](const RawFrame& frame) {
    link.inject(End::a, start, frame.bytes());
    for (std::uint16_t queue = 0; queue < 4; ++queue) {
      pkt::Packet packet = receive(host, *port, queue);
      if (!packet) continue;
      const bool has_hash = (packet.mbuf().ol_flags & pkt::flag::rx_rss_hash) != 0;
      pkt::consume(std::move(packet));
      return std::pair{queue, has_hash};
    }
    FAIL("no queue has it");
    return std::pair{std::uint16_t{0}, false};
  };
  const RawFrame first{.source_port = 1000};
  const RawFrame second{.v6 = true, .proto = 6, .source_port = 1000};
  const auto by_rss = queue_of(first);
  CHECK(by_rss.second);
  const auto other = static_cast<std::uint16_t>((by_rss.first + 1) % 4);
  const auto id = port->add_flow_rule({flow(1000), other});
  REQUIRE(id);
  CHECK(queue_of(first) == std::pair{other, false});
  CHECK(queue_of({.proto = 6, .source_port = 1000}).second);  // not TCP
  CHECK(port->add_flow_rule({flow(1000), 0}).error().code == EEXIST);
  CHECK(port->add_flow_rule({flow(1001), 4}).error().code == EINVAL);
  const auto v6_queue = static_cast<std::uint16_t>((queue_of(second).first + 1) % 4);
  const auto id6 = port->add_flow_rule({flow(1000, true, 6), v6_queue});
  REQUIRE(id6);
  CHECK(*id6 != *id);
  CHECK(queue_of(second) == std::pair{v6_queue, false});
  const auto full = port->add_flow_rule({flow(1002), 0});
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ENOSPC);
  CHECK(full.error().message == "the device's 2 flow rules are all in use");
  REQUIRE(port->remove_flow_rule(*id));
  CHECK(queue_of(first) == by_rss);
  CHECK(port->remove_flow_rule(*id).error().code == ENOENT);
  CHECK(port->add_flow_rule({flow(1002), 0}));
}

TEST_CASE("F9: a sim port without room for flow rules says that it takes none") {
  sim::LinkOptions options;
  options.b.flow_rules = 0;
  sim::Link link(options);
  auto port = link.open(End::b);
  const auto can = port->can_steer_flows();
  REQUIRE_FALSE(can);
  CHECK(can.error().code == EOPNOTSUPP);
  CHECK(can.error().message.find("takes no flow rules; leave ntuple off") != std::string::npos);
  CHECK(port->add_flow_rule({}).error().code == EOPNOTSUPP);
}
