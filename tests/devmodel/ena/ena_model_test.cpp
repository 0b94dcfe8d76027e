// SPDX-License-Identifier: BSD-3-Clause
// The ENA model by its registers, with a piece of memory for a machine and without DPDK.
#include "tests/devmodel/ena/register_driver.hpp"
#include "tests/devmodel/ena/test_frames.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace millrace::devmodel;
using namespace millrace::devmodel::ena;
using ena::test::FakeMachine;
using ena::test::finished;
using ena::test::Flow;
using ena::test::ipv4_header;
using ena::test::naive_sum;
using ena::test::Queue;
using ena::test::RegisterDriver;
using ena::test::unfinished;
using ena::test::with_pseudo_header;
using ena::test::Words;

namespace {

struct Fixture {
  FakeMachine machine;
  Ena device;
  RegisterDriver driver{machine, device};
  std::vector<Frame> wire;

  explicit Fixture(Profile profile = {}) : device(machine, std::move(profile)) {
    device.connect([this](Frame frame) { wire.push_back(std::move(frame)); });
    driver.start();
  }
  ~Fixture() { CHECK(machine.violations == std::vector<std::string>{}); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
};

/// The two kinds of transmit descriptors; byte 3 bit 0 is the phase, which put_descriptor() sets.
struct Tx {
  bool first = true, last = true, l3_sum = false, l4_sum = false, tso = false, v6 = false, tcp = false;
  std::uint16_t req_id = 0;
  std::uint8_t pushed = 0;
  [[nodiscard]] Words descriptor(std::uint64_t address, std::uint16_t bytes) const {
    Words out(16);
    put_le32(out, 0, bytes | (req_id >> 10) << 16 | (first ? 1U << 26 : 0) | (last ? 1U << 27 : 0) | 1U << 28);
    put_le32(out, 4, (v6 ? 11U : 8U) | (tso ? 1U << 7 : 0) | (tcp ? 12U : 13U) << 8 | (l3_sum ? 1U << 13 : 0) | (l4_sum ? 1U << 14 : 0) | (req_id & 0x3ffU) << 22);
    put_le64(out, 8, address | std::uint64_t{pushed} << 56);
    return out;
  }
  [[nodiscard]] Words meta(std::uint32_t mss) const {
    Words out(16);
    put_le32(out, 0, 1U << 14 | (mss >> 10) << 16 | 1U << 20 | 1U << 21 | 1U << 23 | 1U << 26);
    put_le32(out, 8, (v6 ? 40U : 20U) | 14U << 8 | 5U << 16 | (mss & 0x3ff) << 22);
    return out;
  }
};

std::uint64_t in_memory(FakeMachine& machine, Bytes bytes) {
  const std::uint64_t address = machine.allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), machine.dma(address, bytes.size()).begin());
  return address;
}

/// The key and fields of RSS as DPDK sets them: the key from its last byte to its first.
void set_rss(Fixture& f, std::span<const std::uint16_t> table) {
  const std::uint64_t control = f.machine.allocate(4096);
  const MutableBytes key = f.machine.dma(control, 48);
  put_le32(key, 0, 10);
  std::reverse_copy(ena::test::microsoft_key.begin(), ena::test::microsoft_key.end(), key.begin() + 8);
  Words function(12);
  put_le32(function, 4, 2);
  REQUIRE(f.driver.set_feature(Feature::rss_hash_function, function, control, 48).status == Status::success);
  const MutableBytes entries = f.machine.dma(control, 512);
  for (std::size_t i = 0; i < 128; ++i) put_le32(entries, 4 * i, table[i % table.size()]);
  Words size(16);
  put_le16(size, 4, 7);
  put_le32(size, 8, 0xffffffff);
  REQUIRE(f.driver.set_feature(Feature::rss_table, size, control, 512).status == Status::success);
}

}  // namespace

TEST_CASE("ena: reset by DEV_CTL with its handshake in DEV_STS, read without a load") {
  FakeMachine machine;
  Ena device(machine);
  RegisterDriver driver(machine, device);
  CHECK(driver.load(reg::dev_sts) == reg::dev_sts_ready);
  CHECK(driver.load(reg::version) == 0x200U);
  const std::uint32_t caps = driver.load(reg::caps).value();
  CHECK(bits(caps, 15, 8) == 48);
  CHECK(bits(caps, 5, 1) != 0);
  driver.store(reg::dev_ctl, 1 | 3U << 28);
  CHECK(device.read(0, reg::dev_sts, 4) == reg::dev_sts_reset_in_progress);
  driver.store(reg::dev_ctl, 0);
  CHECK(device.read(0, reg::dev_sts, 4) == (reg::dev_sts_ready | reg::dev_sts_reset_finished));
  CHECK(device.last_reset_reason() == 3U);
  CHECK(device.counts().resets == 1);
  CHECK(machine.violations.empty());
  // Where to answer was forgotten with all else: an access to address 0.
  CHECK_FALSE(driver.load(reg::version));
  CHECK(machine.violations.size() == 1);
}

TEST_CASE("ena: a reset takes the time that the profile says") {
  FakeMachine machine;
  Ena device(machine, Profile{.reset_ns = 500});
  RegisterDriver driver(machine, device);
  driver.reset();
  CHECK(driver.load(reg::dev_sts) == reg::dev_sts_reset_in_progress);
  machine.now += 500;
  CHECK((driver.load(reg::dev_sts).value() & reg::dev_sts_ready) != 0);
}

TEST_CASE("ena: what is not modelled fails whoever touches it") {
  FakeMachine machine;
  Ena device(machine);
  RegisterDriver driver(machine, device);
  driver.start();
  std::size_t seen = 0;
  const auto one_more = [&] { return machine.violations.size() == ++seen; };
  device.read(0, 0x48, 4);
  CHECK(one_more());
  device.write(0, 0x50, 4, 1);
  CHECK(one_more());
  device.read(0, reg::dev_sts, 2);
  CHECK(one_more());
  device.write(0, reg::tx_doorbell, 4, 1);  // there is no queue
  CHECK(one_more());
  device.write(1, 0, 4, 1);
  CHECK(one_more());
  CHECK_FALSE(driver.load(0x14));
  CHECK(one_more());
  CHECK(driver.run(driver.command(static_cast<Opcode>(7)))->status == Status::bad_opcode);
  CHECK(one_more());
  CHECK(driver.get_feature(static_cast<Feature>(13)).status == Status::unsupported_opcode);
  CHECK(one_more());
}

TEST_CASE("ena: features tell what the profile says, and are set within it") {
  Fixture f;
  const auto attributes = f.driver.get_feature(Feature::device_attributes);
  CHECK(attributes.status == Status::success);
  CHECK(std::equal(attributes.data.begin() + 24, attributes.data.begin() + 30, Profile().mac.begin()));
  CHECK(le32(attributes.data, 32) == 9216);
  const auto queues = f.driver.get_feature(Feature::max_queues_ext);
  CHECK(queues.data[0] == 1);
  CHECK(le32(queues.data, 4) == 16);
  CHECK(le32(queues.data, 20) == 1024);
  CHECK(le32(queues.data, 28) == 8192);
  CHECK(le32(f.driver.get_feature(Feature::stateless_offload_config).data, 0) == 0x7f);

  Words mtu(4);
  put_le32(mtu, 0, 9001);
  CHECK(f.driver.set_feature(Feature::mtu, mtu).status == Status::success);
  CHECK(f.device.settings().mtu == 9001);
  put_le32(mtu, 0, 9217);
  CHECK(f.driver.set_feature(Feature::mtu, mtu).status == Status::illegal_parameter);
  CHECK(f.device.settings().mtu == 9001);

  const std::uint64_t control = f.machine.allocate(256);
  CHECK(f.driver.get_feature(Feature::rss_hash_input, control, 256).status == Status::success);
  CHECK(le16(f.machine.dma(control, 256), 0) == hash_field::l3_and_l4);
  for (int i = 0; i < 100; ++i) CHECK(f.driver.get_feature(Feature::mtu).status == Status::success);  // rounds of the queue
  CHECK(f.machine.interrupts[0] > 100);
}

TEST_CASE("ena: events of link, life and hints, in the driver's room") {
  Fixture f;
  CHECK_FALSE(f.driver.event());
  Words groups(8);
  put_le32(groups, 4, 0x1f);
  REQUIRE(f.driver.set_feature(Feature::aenq_config, groups).status == Status::success);
  const auto up = f.driver.event();
  REQUIRE(up);
  CHECK(le16(*up, 0) == 0);
  CHECK(((*up)[16] & 1) == 1);
  f.device.set_link(false);
  CHECK((f.driver.event().value()[16] & 1) == 0);

  static_cast<void>(f.device.receive(finished({})));  // dropped: the cable is out
  f.machine.now += 999'999'999;
  static_cast<void>(f.driver.load(reg::version));
  CHECK_FALSE(f.driver.event());
  f.machine.now += 1;
  static_cast<void>(f.driver.load(reg::version));
  const auto alive = f.driver.event();
  REQUIRE(alive);
  CHECK(le16(*alive, 0) == 4);
  CHECK(le32(*alive, 16) == 1);  // rx_drops

  f.device.update_hints({.driver_watchdog_timeout_ms = 250});
  const auto hints = f.driver.event();
  REQUIRE(hints);
  CHECK(le16(*hints, 0) == 3);
  CHECK(le16(*hints, 2) == 2);
  CHECK(le16(*hints, 18) == 250);

  for (int i = 0; i < 40; ++i) f.device.keep_alive();  // more than there is room for
  int got = 0;
  while (f.driver.event()) ++got;
  CHECK(got == RegisterDriver::event_depth);
}

TEST_CASE("ena: a frame comes with Microsoft's hash, in the queue that the table says") {
  Fixture f;
  std::vector<Queue> rx;
  for (int i = 0; i < 4; ++i) rx.push_back(f.driver.create(false, 128));
  for (Queue& queue : rx) f.driver.give_buffers(queue, 127, 2048);
  const std::array<std::uint16_t, 4> table{0, 1, 2, 3};
  set_rss(f, table);
  const struct {
    std::uint32_t source, destination;
    std::uint16_t source_port, destination_port;
    std::uint32_t hash;
  } vectors[] = {{0x420995bb, 0xa18e6450, 2794, 1766, 0x51ccc178},   // 66.9.149.187, 161.142.100.80
                 {0xc75c6f02, 0x41458c53, 14230, 4739, 0xc626b0ea},  // 199.92.111.2, 65.69.140.83
                 {0x1813c65f, 0x0c16cfb8, 12898, 38024, 0x5c2b394a}};
  for (const auto& v : vectors) {
    const Frame frame = finished({.tcp = true, .source = v.source, .destination = v.destination, .source_port = v.source_port, .destination_port = v.destination_port});
    REQUIRE(f.device.receive(frame));
    Queue& queue = rx[v.hash % 4];
    const auto completion = f.driver.completion(queue);
    REQUIRE(completion);
    CHECK(le32(*completion, 8) == v.hash);
    CHECK(le16(*completion, 4) == frame.size());
    CHECK(bits(le32(*completion, 0), 4, 0) == 8);
    CHECK(bits(le32(*completion, 0), 12, 8) == 12);
  }
  CHECK(f.device.counts().rx_frames == 3);
}

TEST_CASE("ena: verdicts on checksums, over both IP versions") {
  Fixture f;
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      for (const bool bad : {false, true}) {
        Frame frame = finished({.v6 = v6, .tcp = tcp, .payload = 101});
        if (bad) frame.back() ^= 1;
        REQUIRE(f.device.receive(frame));
        const std::uint32_t status = le32(f.driver.completion(rx).value(), 0);
        CAPTURE(v6, tcp, bad);
        CHECK(bits(status, 4, 0) == (v6 ? 11U : 8U));
        CHECK(bits(status, 12, 8) == (tcp ? 12U : 13U));
        CHECK_FALSE(bit(status, 13));
        CHECK(bit(status, 14) == bad);
        CHECK(bit(status, 16));
      }
    }
  }
  Frame bad_header = finished({});
  bad_header[22] = 63;
  REQUIRE(f.device.receive(bad_header));
  CHECK(bit(le32(f.driver.completion(rx).value(), 0), 13));
  Frame no_sum = finished({});
  put_be16(no_sum, 40, 0);
  REQUIRE(f.device.receive(no_sum));
  CHECK_FALSE(bit(le32(f.driver.completion(rx).value(), 0), 16));
}

TEST_CASE("ena: a fragment has no verdict on what it is a part of") {
  Fixture f;
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  for (const std::uint16_t flags_and_offset : {0x2000, 0x2010, 0x0010}) {
    Frame frame = finished({});
    put_be16(frame, 20, flags_and_offset);
    REQUIRE(f.device.receive(frame));
    const std::uint32_t status = le32(f.driver.completion(rx).value(), 0);
    CHECK(bit(status, 15));
    CHECK_FALSE(bit(status, 16));
    CHECK((bits(status, 12, 8) == 13) == (flags_and_offset == 0x2000));
  }
  REQUIRE(f.device.receive(finished({})));
  CHECK_FALSE(bit(le32(f.driver.completion(rx).value(), 0), 15));
}

TEST_CASE("ena: a device that verifies nothing says so") {
  Fixture f(Profile{.rx_offloads = 0});
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  REQUIRE(f.device.receive(finished({})));
  const Words completion = f.driver.completion(rx).value();
  CHECK(bit(le32(completion, 0), 13));
  CHECK_FALSE(bit(le32(completion, 0), 16));
  CHECK(le32(completion, 8) == 0);
}

TEST_CASE("ena: a full ring takes what it has buffers for, and counts the rest") {
  Fixture f;
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  unsigned taken = 0;
  for (int i = 0; i < 127 + 44; ++i) taken += f.device.receive(finished({})) ? 1 : 0;
  CHECK(taken == 127);
  CHECK(f.device.drops().rx == 44);
  CHECK(f.device.counts().rx_no_buffer == 44);
  for (int i = 0; i < 127; ++i) REQUIRE(f.driver.completion(rx));
  CHECK_FALSE(f.driver.completion(rx));
  f.driver.give_buffers(rx, 127, 2048);  // the second round, with the other phase
  CHECK(f.device.receive(finished({})));
  CHECK(f.driver.completion(rx));
  const auto stats = f.driver.run(f.driver.command(Opcode::get_stats)).value();
  CHECK(le32(stats.data, 24) == 128);
  CHECK(le32(stats.data, 32) == 44);
}

TEST_CASE("ena: a large frame goes into several buffers, in any order; one beyond the MTU goes nowhere") {
  Fixture f;
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 16, 2000);
  for (const bool last_first : {false, true}) {
    f.device.use_last_buffer_first(last_first);
    const Frame frame = finished({.payload = 5000});
    REQUIRE(f.device.receive(frame));
    Frame got;
    for (unsigned n = 0; n < 3; ++n) {
      const Words completion = f.driver.completion(rx).value();
      const std::uint32_t status = le32(completion, 0);
      CHECK(bit(status, 26) == (n == 0));
      CHECK(bit(status, 27) == (n == 2));
      CHECK(le16(completion, 6) == (last_first ? 15 - n : n));
      const MutableBytes part = f.machine.dma(f.driver.buffer_of(le16(completion, 6)), le16(completion, 4));
      got.insert(got.end(), part.begin(), part.end());
    }
    CHECK(got == frame);
  }
  Words mtu(4);
  put_le32(mtu, 0, 1500);
  REQUIRE(f.driver.set_feature(Feature::mtu, mtu).status == Status::success);
  CHECK(f.device.receive(finished({.payload = 1472})));
  CHECK_FALSE(f.device.receive(finished({.payload = 1477})));
}

TEST_CASE("ena: checksums of what is sent are the naive ones") {
  Fixture f;
  Queue tx = f.driver.create(true, 128);
  for (std::uint16_t n = 0; n < 300; ++n) {
    const bool v6 = n % 2 == 0, tcp = n % 3 == 0;
    const Flow flow{.v6 = v6, .tcp = tcp, .payload = n};
    const Frame frame = unfinished(flow);
    const Tx kind{.first = false, .l3_sum = !v6, .l4_sum = true, .v6 = v6, .tcp = tcp, .req_id = static_cast<std::uint16_t>(n % 128)};
    const std::uint64_t address = in_memory(f.machine, frame);
    f.driver.put_descriptor(tx, kind.meta(0), 3);
    f.driver.put_descriptor(tx, kind.descriptor(address, static_cast<std::uint16_t>(frame.size())), 3);
    f.driver.ring(tx);
    REQUIRE(f.wire.size() == n + 1U);
    CHECK(f.wire.back() == finished(flow));
    CHECK(naive_sum(with_pseudo_header(f.wire.back(), v6)) == 0xffff);
    CHECK(le16(f.driver.completion(tx).value(), 0) == n % 128);
  }
  CHECK(f.device.counts().tx_frames == 300);
}

TEST_CASE("ena: a padded frame's checksum covers what its IP header says") {
  Fixture f;
  Queue tx = f.driver.create(true, 128);
  const Flow flow{.payload = 1};
  Frame frame = unfinished(flow);
  frame.insert(frame.end(), 60 - frame.size(), 0xaa);
  const Tx kind{.first = false, .l3_sum = true, .l4_sum = true};
  const std::uint64_t address = in_memory(f.machine, frame);
  f.driver.put_descriptor(tx, kind.meta(0), 3);
  f.driver.put_descriptor(tx, kind.descriptor(address, 60), 3);
  f.driver.ring(tx);
  REQUIRE(f.wire.size() == 1);
  const Frame right = finished(flow);
  CHECK(std::equal(right.begin(), right.end(), f.wire.front().begin()));
}

TEST_CASE("ena: a UDP checksum that comes out as 0 is sent as 0xffff") {
  Fixture f;
  Queue tx = f.driver.create(true, 128);
  const Flow flow{.payload = 2};
  Frame frame = unfinished(flow);
  put_be16(frame, 42, be16(finished(flow), 40) + be16(frame, 42));
  const Tx kind{.first = false, .l4_sum = true};
  const std::uint64_t address = in_memory(f.machine, frame);
  f.driver.put_descriptor(tx, kind.meta(0), 3);
  f.driver.put_descriptor(tx, kind.descriptor(address, static_cast<std::uint16_t>(frame.size())), 3);
  f.driver.ring(tx);
  REQUIRE(f.wire.size() == 1);
  CHECK(be16(f.wire.front(), 40) == 0xffff);
}

TEST_CASE("ena: TCP is cut at the MSS, with each segment's own header") {
  Fixture f;
  Queue tx = f.driver.create(true, 128);
  for (const bool v6 : {false, true}) {
    f.wire.clear();
    const Frame frame = unfinished({.v6 = v6, .tcp = true, .payload = 3000});
    const Tx kind{.first = false, .l3_sum = !v6, .l4_sum = true, .tso = true, .v6 = v6, .tcp = true};
    const std::uint64_t address = in_memory(f.machine, frame);
    f.driver.put_descriptor(tx, kind.meta(1448), 3);
    f.driver.put_descriptor(tx, kind.descriptor(address, static_cast<std::uint16_t>(frame.size())), 3);
    f.driver.ring(tx);
    REQUIRE(f.wire.size() == 3);
    const std::size_t tcp_at = v6 ? 54 : 34;
    std::vector<std::uint8_t> payload;
    for (std::size_t n = 0; n < 3; ++n) {
      const Frame& segment = f.wire[n];
      CHECK(naive_sum(with_pseudo_header(segment, v6)) == 0xffff);
      if (!v6) CHECK(naive_sum(ipv4_header(segment)) == 0xffff);
      if (!v6) CHECK(be16(segment, 18) == n);
      CHECK(be16(segment, v6 ? 18 : 16) == segment.size() - (v6 ? 54 : 14));
      CHECK(be32(segment, tcp_at + 4) == 1000 + n * 1448);
      CHECK(segment[tcp_at + 13] == (n == 0 ? 0x90 : n == 1 ? 0x10 : 0x19));  // CWR at the begin, PSH and FIN at the end
      payload.insert(payload.end(), segment.begin() + static_cast<long>(tcp_at) + 20, segment.end());
    }
    CHECK(std::equal(payload.begin(), payload.end(), frame.begin() + static_cast<long>(tcp_at) + 20, frame.end()));
    CHECK(f.driver.completion(tx));
    CHECK_FALSE(f.driver.completion(tx));
  }
}

TEST_CASE("ena: low latency queue: the header beside its descriptors, the rest from memory, meta kept or not") {
  const bool meta_caching = GENERATE(true, false);
  Fixture f(Profile{.meta_caching = meta_caching});
  Words llq(36);
  for (const auto& [at, value] : {std::pair{10, 1}, {14, 1}, {18, 2}, {22, 2}, {28, 3}}) put_le16(llq, static_cast<std::size_t>(at), static_cast<std::uint32_t>(value));
  REQUIRE(f.driver.set_feature(Feature::llq, llq).status == Status::success);
  CHECK(f.device.settings().llq.meta_caching == meta_caching);
  Queue first = f.driver.create(true, 128, true);
  Queue tx = f.driver.create(true, 128, true);
  CHECK(tx.llq_at != first.llq_at);
  for (unsigned n = 0; n < 300; ++n) {
    const Flow flow{.payload = 50 + n};
    const Frame frame = unfinished(flow);
    const bool with_meta = !meta_caching || n == 0;
    const Tx kind{.first = !with_meta, .l3_sum = true, .l4_sum = true, .req_id = 7, .pushed = static_cast<std::uint8_t>(std::min<std::size_t>(96, frame.size()))};
    const std::uint64_t address = in_memory(f.machine, frame) + kind.pushed;
    Words entry(128);
    const bool phase = tx.tail / 128 % 2 == 0;
    std::vector<Words> descriptors;
    if (with_meta) descriptors.push_back(kind.meta(0));
    descriptors.push_back(kind.descriptor(address, static_cast<std::uint16_t>(frame.size() - kind.pushed)));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      if (phase) descriptors[i][3] |= 1;
      std::copy(descriptors[i].begin(), descriptors[i].end(), entry.begin() + 16 * static_cast<long>(i));
    }
    std::copy_n(frame.begin(), kind.pushed, entry.begin() + 32);
    std::copy(entry.begin(), entry.end(), f.machine.plain(2).subspan(tx.llq_at + 128U * (tx.tail % 128), 128).begin());
    ++tx.tail;
    f.driver.ring(tx);
    REQUIRE(f.wire.size() == n + 1);
    CHECK(f.wire.back() == finished(flow));
    CHECK(le16(f.driver.completion(tx).value(), 0) == 7);
  }
}

TEST_CASE("ena: a queue interrupts once after each unmask, for what came in between too") {
  Fixture f;
  Queue rx = f.driver.create(false, 128, false, 1);
  f.driver.give_buffers(rx, 127, 2048);
  const auto interrupts = [&] { return f.machine.interrupts[1]; };
  f.device.receive(finished({}));
  CHECK(interrupts() == 0);  // masked from the begin
  f.driver.store(rx.unmask, 1U << 30);
  CHECK(interrupts() == 1);
  f.device.receive(finished({}));
  f.device.receive(finished({}));
  CHECK(interrupts() == 1);
  f.driver.store(rx.unmask, 1U << 30);
  CHECK(interrupts() == 2);
  f.driver.store(rx.unmask, 1U << 30);
  CHECK(interrupts() == 2);
  f.device.receive(finished({}));
  CHECK(interrupts() == 3);
  f.driver.store(rx.unmask, 0);
  f.device.receive(finished({}));
  CHECK(interrupts() == 3);
}

TEST_CASE("ena: deaf, pulled out, and what an instance's limits cost") {
  Fixture f;
  f.device.allowances().pps_exceeded = 5;
  Words stats = f.driver.command(Opcode::get_stats);
  stats[16] = 2;
  CHECK(le32(f.driver.run(stats).value().data, 16) == 5);
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  f.device.set_admin_deaf(true);
  CHECK_FALSE(f.driver.run(f.driver.command(Opcode::get_stats)));
  CHECK(f.device.receive(finished({})));
  f.device.remove();
  CHECK(static_cast<std::uint32_t>(f.device.read(0, reg::dev_sts, 4)) == 0xffffffff);
  CHECK_FALSE(f.driver.load(reg::version));
  CHECK_FALSE(f.device.receive(finished({})));
}

TEST_CASE("ena: a reset forgets queues and settings, and the counters go on") {
  Fixture f;
  Queue rx = f.driver.create(false, 128);
  f.driver.give_buffers(rx, 127, 2048);
  Words mtu(4);
  put_le32(mtu, 0, 1500);
  REQUIRE(f.driver.set_feature(Feature::mtu, mtu).status == Status::success);
  REQUIRE(f.device.receive(finished({})));
  f.driver.start();
  CHECK(f.device.settings().mtu == 9216);
  CHECK_FALSE(f.device.receive(finished({})));
  CHECK(f.device.counts().rx_frames == 1);
  CHECK(f.driver.create(false, 128).index == 0);
}

TEST_CASE("ena: queues go in order, and their places are given again") {
  Fixture f;
  const Queue first = f.driver.create(false, 128);
  Words cq = f.driver.command(Opcode::destroy_cq);
  put_le16(cq, 4, first.cq);
  CHECK(f.driver.run(cq)->status == Status::resource_busy);
  Words sq = f.driver.command(Opcode::destroy_sq);
  put_le16(sq, 4, first.index);
  sq[6] = 2 << 5;
  CHECK(f.driver.run(sq)->status == Status::success);
  CHECK(f.driver.run(cq)->status == Status::success);
  CHECK(f.driver.run(cq)->status == Status::illegal_parameter);
  CHECK(f.driver.create(false, 128).index == first.index);
  CHECK_FALSE(f.device.receive(finished({})));  // no buffers yet
}
