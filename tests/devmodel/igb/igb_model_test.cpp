// SPDX-License-Identifier: BSD-3-Clause
// The 82576's model by its registers alone, without DPDK: what each asks of it is the datasheet's, what it answers is compared with
// sums and numbers that were got elsewhere.
#include "tests/devmodel/sums.hpp"
#include "tests/devmodel/igb/test_frames.hpp"
#include "tests/devmodel/igb/test_machine.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>

using namespace millrace::devmodel;
using namespace millrace::devmodel::igb;

namespace {

constexpr std::uint32_t rx_tail(unsigned q) { return 0xc018 + q * 0x40; }

std::uint16_t eeprom_word(Bench& b, std::uint32_t word) {
  b.set(reg::eerd, word << 2 | 1);
  const std::uint32_t answer = b.get(reg::eerd);
  CHECK((answer & 2) != 0);
  return static_cast<std::uint16_t>(answer >> 16);
}

std::uint32_t phy(Bench& b, std::uint32_t address) {
  b.set(reg::mdic, address << 16 | 1u << 21 | 2u << 26);
  return b.get(reg::mdic) & 0xffff;
}

void set_phy(Bench& b, std::uint32_t address, std::uint32_t value) { b.set(reg::mdic, value | address << 16 | 1u << 21 | 1u << 26); }

FrameSpec ipv6_spec() {
  FrameSpec s{.v6 = true};
  s.source = {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7};
  s.destination = {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1};
  return s;
}

TxContext context_for(const Frame& f, std::size_t mss = 0) {
  TxContext c;
  c.is_ipv4 = f[14] >> 4 == 4;
  c.mac_bytes = 14;
  c.ip_bytes = transport_at(f) - 14;
  const bool is_tcp = checksum_at(f) - transport_at(f) == 16;
  c.transport = is_tcp ? TxContext::Transport::tcp : TxContext::Transport::udp;
  c.transport_bytes = is_tcp ? 20 : 8;
  c.mss = mss;
  return c;
}

/// As software hands a frame over that wants its sums from the device.
Frame unsummed(Frame f, bool for_segments) {
  const std::uint16_t pseudo = pseudo_sum(f, !for_segments);
  f[checksum_at(f)] = static_cast<std::uint8_t>(pseudo >> 8);
  f[checksum_at(f) + 1] = static_cast<std::uint8_t>(pseudo);
  if (f[14] >> 4 == 4) f[24] = f[25] = 0;
  return f;
}

std::uint32_t word32(const Frame& f, std::size_t at) { return be32(f, at); }

}  // namespace

TEST_CASE("igb model: a reset is done at once, takes the address from the EEPROM and leaves the shared semaphores") {
  Bench b;
  b.start();
  b.set(reg::sw_fw_sync, 2);
  b.set(reg::ra, 0);
  b.set(reg::ctrl, b.get(reg::ctrl) | ctrl::rst);
  CHECK((b.get(reg::ctrl) & ctrl::rst) == 0);
  CHECK(b.device.counts().resets == 1);
  CHECK(b.get(reg::rctl) == 0);
  CHECK(b.get(reg::ra) == 0x00000002);
  CHECK(b.get(reg::ra + 4) == (rah::av | 0x7682));
  CHECK(b.get(reg::sw_fw_sync) == 2);
  CHECK(b.get(0xc000 + queue_reg::dctl) == 0);
  CHECK((b.get(reg::status) & status::lu) == 0);  // until CTRL.SLU is set again
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: the EEPROM's words sum up to 0xbaba, are granted, and hold the address") {
  Bench b;
  b.set(reg::eecd, b.get(reg::eecd) | 1u << 6);
  CHECK((b.get(reg::eecd) & 1u << 7) != 0);
  unsigned sum = 0;
  for (std::uint32_t word = 0; word <= 0x3f; ++word) sum += eeprom_word(b, word);
  CHECK((sum & 0xffff) == 0xbaba);
  CHECK(eeprom_word(b, 0) == 0x0002);
  CHECK(eeprom_word(b, 2) == 0x7682);
  b.device.eeprom().corrupt(5, 0x1111);
  CHECK(eeprom_word(b, 5) == 0x1111);
}

TEST_CASE("igb model: the semaphore is had by the first to read it as zero") {
  Bench b;
  CHECK((b.get(reg::swsm) & swsm::smbi) == 0);
  CHECK((b.get(reg::swsm) & swsm::smbi) != 0);
  b.set(reg::swsm, 0);
  CHECK((b.get(reg::swsm) & swsm::smbi) == 0);
  b.set(reg::swsm, swsm::smbi | swsm::swesmbi);
  CHECK((b.get(reg::swsm) & swsm::swesmbi) != 0);
}

TEST_CASE("igb model: PHY by MDIC: its id, link and speed; a lost link is latched, and a power-down takes it away") {
  Bench b;
  b.start();
  CHECK(phy(b, 2) == 0x02a8);
  CHECK(phy(b, 3) == 0x0391);
  CHECK((phy(b, 1) & 0x24) == 0x24);
  CHECK((phy(b, 17) & 0xc000) == 0xc000);
  CHECK((b.get(reg::status) & (status::lu | status::fd | status::speed_1000)) == (status::lu | status::fd | status::speed_1000));
  b.device.set_link(false);
  b.device.set_link(true);
  CHECK((phy(b, 1) & 4) == 0);
  CHECK((phy(b, 1) & 4) != 0);
  set_phy(b, 0, phy(b, 0) | 1u << 11);
  CHECK((b.get(reg::status) & status::lu) == 0);
  set_phy(b, 0, phy(b, 0) & ~(1u << 11));
  CHECK((b.get(reg::status) & status::lu) != 0);
  b.set(reg::mdic, 1u << 16 | 2u << 21 | 2u << 26);  // nobody at address 2
  CHECK((b.get(reg::mdic) & 1u << 30) != 0);
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: what is not modelled is a violation that names its offset") {
  Bench b;
  CHECK(b.get(0x5b48) == 0xffffffff);
  b.set(0x0b640, 1);
  b.device.read(0, reg::status, 2);
  b.set(reg::mrqc, 3);
  REQUIRE(b.machine.violations.size() == 4);
  CHECK(b.machine.violations[0] == "igb: 4 bytes read at 0x05b48, where no register is modelled");
  CHECK(b.machine.violations[1] == "igb: 0x00001 written at 0x0b640, where no register is modelled");
  CHECK(b.machine.violations[3].find("asks for what is not modelled") != std::string::npos);
}

TEST_CASE("igb model: RSS gives the hashes of Microsoft's verification suite and RETA's queue") {
  const auto [spec, types, type, hash] = GENERATE_COPY(table<FrameSpec, std::uint32_t, std::uint32_t, std::uint32_t>({
      {FrameSpec{}, mrqc::tcp_ipv4 | mrqc::ipv4, 1, 0x51ccc178},
      {FrameSpec{}, mrqc::ipv4, 2, 0x323e8fc2},
      {FrameSpec{.protocol = 17}, mrqc::tcp_ipv4 | mrqc::ipv4, 2, 0x323e8fc2},
      {FrameSpec{.protocol = 17}, mrqc::udp_ipv4 | mrqc::ipv4, 7, 0x51ccc178},
      {FrameSpec{.fragment = 0x2000}, mrqc::tcp_ipv4 | mrqc::ipv4, 2, 0x323e8fc2},
      {ipv6_spec(), mrqc::tcp_ipv6 | mrqc::ipv6, 3, 0x40207d3d},
      {ipv6_spec(), mrqc::ipv6, 5, 0x2cc18cd5},
      {FrameSpec{}, mrqc::ipv6, 0, 0},
  }));
  Bench b;
  b.start();
  b.spread(types, 5);
  for (const bool is_tagged : {false, true}) {
    const Frame frame = is_tagged ? with_tag(make_frame(spec), 7) : make_frame(spec);
    REQUIRE(b.device.receive(frame));
    const auto got = b.next(type == 0 ? 0 : (hash & 0x7f) % 5);
    REQUIRE(got);
    CHECK((got->types & 0xf) == type);
    CHECK(got->hash == hash);
    Frame whole = frame;
    whole.resize(std::max<std::size_t>(whole.size(), 60));
    CHECK(got->frame() == whole);
  }
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: packet types and checksum verdicts") {
  struct Case {
    const char* what;
    FrameSpec spec;
    std::size_t spoil;  ///< the byte that is changed on the way, if not 0
    std::uint32_t types, status;
  };
  const std::uint32_t done = rxd::dd | rxd::eop;
  const Case cases[] = {
      {"TCP", {}, 0, packet_type::ipv4 | packet_type::tcp, done | rxd::ipcs | rxd::l4cs},
      {"TCP, header bad", {}, 22, packet_type::ipv4 | packet_type::tcp, done | rxd::ipcs | rxd::l4cs | rxd::ipe},
      {"TCP, payload bad", {}, 60, packet_type::ipv4 | packet_type::tcp, done | rxd::ipcs | rxd::l4cs | rxd::l4e},
      {"UDP, odd", {.protocol = 17, .payload = 33}, 0, packet_type::ipv4 | packet_type::udp, done | rxd::ipcs | rxd::l4cs | rxd::udpcs},
      {"UDP, bad", {.protocol = 17, .payload = 33}, 50, packet_type::ipv4 | packet_type::udp, done | rxd::ipcs | rxd::l4cs | rxd::udpcs | rxd::l4e},
      {"TCP over IPv6", ipv6_spec(), 0, packet_type::ipv6 | packet_type::tcp, done | rxd::l4cs},
      {"a fragment", {.fragment = 0x2000}, 60, packet_type::ipv4, done | rxd::ipcs},
      {"short and padded", {.protocol = 17, .payload = 1}, 0, packet_type::ipv4 | packet_type::udp, done | rxd::ipcs | rxd::l4cs | rxd::udpcs},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    Bench b;
    b.start();
    Frame frame = make_frame(c.spec);
    if (c.spoil != 0) frame[c.spoil] ^= 1;
    REQUIRE(b.device.receive(frame));
    const auto got = b.next(0);
    REQUIRE(got);
    CHECK(got->types == c.types);
    CHECK(got->status == c.status);
  }
}

TEST_CASE("igb model: no verdict without a sum, or with the offload off") {
  Bench b;
  b.start();
  Frame frame = make_frame({.protocol = 17});
  frame[checksum_at(frame)] = frame[checksum_at(frame) + 1] = 0;
  REQUIRE(b.device.receive(frame));
  CHECK(b.next(0)->status == (rxd::dd | rxd::eop | rxd::ipcs));
  b.set(reg::rxcsum, rxcsum::pcsd);
  REQUIRE(b.device.receive(make_frame()));
  CHECK(b.next(0)->status == (rxd::dd | rxd::eop));
}

TEST_CASE("igb model: of n descriptors n - 1 hold frames, the FIFO the next, and what it has no room for is missed") {
  Bench b;  // a FIFO of 16 KiB
  b.start();
  b.set(reg::ims, 0);
  Frame frame = make_frame({.payload = 1024 - 54});
  std::size_t kept = 0;
  for (unsigned i = 0; i < Bench::ring_descriptors - 1 + 16 + 44; ++i) {
    frame[frame.size() - 1] = static_cast<std::uint8_t>(i);
    if (b.device.receive(frame)) ++kept;
  }
  CHECK(kept == Bench::ring_descriptors - 1 + 16);
  CHECK(b.get(0xc010) == Bench::ring_descriptors - 1);  // the head is at the tail, and stays there
  CHECK(b.get(stat::mpc) == 44);
  CHECK(b.get(stat::mpc) == 0);
  CHECK(b.get(stat::rnbc) == 16);
  CHECK(b.get(stat::gprc) == kept);
  CHECK(b.get(stat::tpr) == kept + 44);
  CHECK(b.device.counts().rx_frames == kept);
  CHECK(b.device.counts().rx_bytes == kept * 1024);
  CHECK(b.device.counts().rx_no_buffer == 44);
  CHECK((b.get(reg::icr) & cause::rx_miss) != 0);
  std::size_t taken = 0;
  for (auto got = b.next(0); got; got = b.next(0)) CHECK(got->frame().back() == taken++);
  CHECK(taken == Bench::ring_descriptors - 1);
  b.refill(0);  // the FIFO follows
  for (auto got = b.next(0); got; got = b.next(0)) CHECK(got->frame().back() == taken++);
  CHECK(taken == kept);
  CHECK(b.get(stat::rpthc) == kept);
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: a full queue holds up the others, unless it drops") {
  Bench b;
  b.start();
  const bool drops = GENERATE(false, true);
  b.spread(mrqc::tcp_ipv4, 2);
  if (drops) b.set_bits(0xc000 + queue_reg::srrctl, srrctl::drop_en);
  const auto to_queue = [&](unsigned queue) {  // the first port that leads there
    for (std::uint16_t port = 1;; ++port) {
      const Frame frame = make_frame({.source_port = port});
      Bench probe;
      probe.start();
      probe.spread(mrqc::tcp_ipv4, 2);
      probe.device.receive(frame);
      if (probe.next(queue)) return frame;
    }
  };
  const Frame first = to_queue(0), second = to_queue(1);
  for (unsigned i = 0; i < Bench::ring_descriptors; ++i) CHECK(b.device.receive(first) == (!drops || i < Bench::ring_descriptors - 1));
  CHECK(b.device.receive(second));
  CHECK(b.next(1).has_value() == drops);
  CHECK(b.get(0xc000 + queue_reg::rqdpc) == (drops ? 1 : 0));
  CHECK(b.get(stat::mpc) == 0);
  CHECK(b.device.counts().rx_frames == Bench::ring_descriptors + (drops ? 0u : 1u));
  CHECK(b.device.counts().rx_no_buffer == (drops ? 1u : 0u));
  if (drops) return;
  while (b.next(0)) continue;
  b.refill(0);
  CHECK(b.next(1).has_value());
}

TEST_CASE("igb model: a jumbo frame takes several descriptors, and RLPML bounds it") {
  Bench b;
  b.start();
  const Frame frame = make_frame({.payload = 9000});
  CHECK_FALSE(b.device.receive(frame));
  CHECK(b.get(stat::roc) == 1);
  b.set_bits(reg::rctl, rctl::lpe);
  b.set(reg::rlpml, static_cast<std::uint32_t>(frame.size() + 4));
  REQUIRE(b.device.receive(frame));
  const auto got = b.next(0);
  REQUIRE(got);
  CHECK(got->pieces.size() == (frame.size() + 2047) / 2048);
  CHECK(got->frame() == frame);
  CHECK((got->status & rxd::l4cs) != 0);
  b.set(reg::rlpml, static_cast<std::uint32_t>(frame.size() + 3));
  CHECK_FALSE(b.device.receive(frame));
}

TEST_CASE("igb model: VLAN tags are stripped, and VFTA lets through what it names") {
  Bench b;
  b.start();
  const Frame plain = make_frame();
  b.set_bits(reg::ctrl, ctrl::vme);
  REQUIRE(b.device.receive(with_tag(plain, 0x6123)));
  const auto got = b.next(0);
  CHECK(got->frame() == plain);
  CHECK(got->tag == 0x6123);
  CHECK((got->status & rxd::vp) != 0);
  CHECK((got->status & (rxd::l4cs | rxd::l4e)) == rxd::l4cs);
  b.set_bits(reg::rctl, rctl::vfe);
  CHECK_FALSE(b.device.receive(with_tag(plain, 0x123)));
  CHECK(b.device.receive(plain));
  b.set(reg::vfta + 4 * (0x123 / 32), 1u << 0x123 % 32);
  CHECK(b.device.receive(with_tag(plain, 0x123)));
}

TEST_CASE("igb model: a frame is let through by its exact address, by hash, as broadcast or by promiscuity") {
  Bench b;
  b.start();
  b.set(reg::rctl, rctl::en | rctl::secrc);
  Frame own = make_frame(), other = own, group = own, all = own;
  other[5] = 0x77;
  std::copy_n(std::array<std::uint8_t, 6>{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}.begin(), 6, group.begin());
  std::fill_n(all.begin(), 6, std::uint8_t{0xff});
  CHECK(b.device.receive(own));
  CHECK_FALSE(b.device.receive(other));
  CHECK_FALSE(b.device.receive(group));
  CHECK_FALSE(b.device.receive(all));
  b.set(reg::ra_upper + 8 * 7, le32(other, 0));  // entry 23, the last
  b.set(reg::ra_upper + 8 * 7 + 4, rah::av | 0x7782);
  CHECK(b.device.receive(other));
  b.set_bits(reg::rctl, rctl::bam);
  CHECK(b.device.receive(all));
  b.set(reg::mta + 4 * (0xfb0 / 32), 1u << 0xfb0 % 32);
  CHECK(b.device.receive(group));
  group[5] = 0xfc;
  CHECK_FALSE(b.device.receive(group));
  b.set_bits(reg::rctl, rctl::mpe);
  CHECK(b.device.receive(group));
  other[5] = 0x78;
  CHECK_FALSE(b.device.receive(other));
  b.set_bits(reg::rctl, rctl::upe);
  CHECK(b.device.receive(other));
  CHECK(b.get(stat::bprc) == 1);
  CHECK(b.get(stat::mprc) == 2);
}

TEST_CASE("igb model: a frame keeps its FCS unless RCTL.SECRC strips it") {
  Bench b;
  b.start();
  b.set(reg::rctl, b.get(reg::rctl) & ~rctl::secrc);
  Frame frame(60);
  std::iota(frame.begin(), frame.end(), std::uint8_t{0});
  REQUIRE(b.device.receive(frame));
  const auto got = b.next(0)->frame();
  REQUIRE(got.size() == 64);
  // The CRC over a frame and its own FCS is the same for all frames.
  CHECK(crc32(got) == 0x2144df1c);
}

TEST_CASE("igb model: frames are sent in order from their parts; DD comes with RS, and the head follows") {
  Bench b;
  b.start();
  const Frame frame = make_frame({.payload = 200});
  const auto half = frame.begin() + 100;
  b.send(3, {Frame(frame.begin(), half), Frame(half, frame.end())});
  b.send(3, {make_frame({.payload = 0})});
  REQUIRE(b.wire.size() == 2);
  CHECK(b.wire[0] == frame);
  CHECK(b.wire[1].size() == 60);  // padded
  CHECK_FALSE(b.is_done(3, 0));
  CHECK(b.is_done(3, 1));
  CHECK(b.is_done(3, 2));
  CHECK(b.get(0xe010 + 3 * 0x40) == 3);
  CHECK(b.get(0x3810 + 3 * 0x100) == 3);  // the same register where the 82575 had it
  CHECK(b.get(stat::gptc) == 2);
  CHECK(b.get(stat::gotc) == frame.size() + 60 + 8);
  CHECK(b.device.counts().tx_frames == 2);
  CHECK(b.device.counts().tx_bytes == frame.size() + 60);
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: checksums are inserted") {
  Bench b;
  b.start();
  const bool v6 = GENERATE(false, true);
  const std::uint8_t protocol = GENERATE(std::uint8_t{6}, std::uint8_t{17});
  FrameSpec spec = v6 ? ipv6_spec() : FrameSpec{};
  spec.protocol = protocol;
  spec.payload = 333;
  const Frame frame = make_frame(spec), raw = unsummed(frame, false);
  b.context(0, context_for(frame), 1);
  b.send(0, {raw}, 0, (v6 ? 0 : txd::ixsm) | txd::txsm | 1u << txd::idx_shift);
  REQUIRE(b.wire.size() == 1);
  CHECK(b.wire[0] == frame);
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: SCTP's CRC32c is inserted") {
  Bench b;
  b.start();
  Frame frame = make_frame({.protocol = 17, .payload = 32});
  frame[23] = 132;
  TxContext c = context_for(frame);
  c.transport = TxContext::Transport::sctp;
  b.context(0, c);
  b.send(0, {frame}, 0, txd::txsm);
  REQUIRE(b.wire.size() == 1);
  Frame sent = b.wire[0];
  const std::uint32_t crc = le32(sent, 34 + 8);
  put_le32(sent, 34 + 8, 0);
  CHECK(crc == crc32c(Bytes(sent).subspan(34)));
  // The check value that CRC catalogues give.
  const std::array<std::uint8_t, 9> digits{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(crc32c(digits) == 0xe3069283);
  CHECK(crc32(digits) == 0xcbf43926);
}

TEST_CASE("igb model: TSO replicates headers, counts on what counts, and sums each frame") {
  Bench b;
  b.start();
  const bool v6 = GENERATE(false, true);
  FrameSpec spec = v6 ? ipv6_spec() : FrameSpec{};
  spec.payload = 3000;
  spec.tcp_flags = 0x80 | 0x10 | 0x08 | 0x01;  // CWR, ACK, PSH, FIN
  spec.sequence = 0xfffffc00;
  const Frame whole = make_frame(spec), raw = unsummed(whole, true);
  const std::size_t headers = transport_at(whole) + 20;
  TxContext c = context_for(whole, 1400);
  c.tag = 0x2007;
  b.context(2, c);
  b.send(2, {Frame(raw.begin(), raw.begin() + 100), Frame(raw.begin() + 100, raw.end())}, txd::tse | txd::vle, (v6 ? 0 : txd::ixsm) | txd::txsm, headers);
  REQUIRE(b.wire.size() == 3);
  Frame payload;
  const std::uint8_t flags[] = {0x90, 0x10, 0x19};
  for (std::size_t i = 0; i < 3; ++i) {
    Frame f = b.wire[i];
    CHECK(word32(f, 12) == 0x81002007);
    f.erase(f.begin() + 12, f.begin() + 16);
    const std::size_t bytes = i < 2 ? 1400 : 200;
    REQUIRE(f.size() == headers + bytes);
    CHECK(transport_sum_is_right(f));
    if (!v6) {
      CHECK(ip_sum_is_right(f));
      CHECK(be16(f, 16) == 40 + bytes);
      CHECK(be16(f, 18) == 0x1234 + i);
    } else {
      CHECK(be16(f, 18) == 20 + bytes);
    }
    CHECK(word32(f, transport_at(f) + 4) == static_cast<std::uint32_t>(0xfffffc00 + i * 1400));
    CHECK(f[transport_at(f) + 13] == flags[i]);
    payload.insert(payload.end(), f.begin() + static_cast<std::ptrdiff_t>(headers), f.end());
  }
  CHECK(payload == Frame(whole.begin() + static_cast<std::ptrdiff_t>(headers), whole.end()));
  CHECK(b.get(stat::tsctc) == 1);
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: what no device could send is a violation") {
  Bench b;
  b.start();
  const Frame frame = make_frame();
  b.send(0, {frame}, 0, 0, 1);  // PAYLEN short by one
  b.send(0, {Frame(10)});
  b.context(0, context_for(frame, 0));
  b.send(0, {frame}, txd::tse, txd::txsm, 54);  // segments of no bytes
  b.send(0, {Frame(9725)});
  CHECK(b.machine.violations.size() == 4);
  CHECK(b.wire.empty());
  b.set(0xe018, 32);
  CHECK(b.machine.violations.back() == "igb: a head or tail of 32 in a ring of 32");
}

TEST_CASE("igb model: statistics are cleared by being read, and octets are read low half first") {
  Bench b;
  b.start();
  for (const std::size_t payload : {6, 7, 300, 1000}) REQUIRE(b.device.receive(make_frame({.payload = payload})));
  CHECK(b.get(stat::gorc) == 64 + 65 + 358 + 1058);
  CHECK(b.get(stat::gorc) == 64 + 65 + 358 + 1058);
  CHECK(b.get(stat::gorc + 4) == 0);
  CHECK(b.get(stat::gorc) == 0);
  CHECK(b.get(stat::prc64) == 1);
  CHECK(b.get(stat::prc64 + 4) == 1);
  CHECK(b.get(stat::prc64 + 12) == 1);
  CHECK(b.get(stat::prc64 + 20) == 1);
  CHECK(b.get(stat::gprc) == 4);
  CHECK(b.get(stat::gprc) == 0);
  Statistics counters;
  counters.count(stat::mpc, 0xffffffff);
  counters.count(stat::mpc, 2);
  CHECK(counters.read(stat::mpc) == 0xffffffff);
}

TEST_CASE("igb model: a queue has its vector, masked and cleared by its message until software asks again") {
  Bench b;
  b.start();
  b.get(reg::icr);  // the link came up
  b.set(reg::gpie, gpie::multiple_msix | gpie::eiame | gpie::nsicr);
  b.set(reg::ivar, 0x80 | 3);
  b.set(reg::ivar + 8, (0x80u | 5) << 16);  // queue 10
  b.set(reg::ivar_other, (0x80u | 0) << 8);
  for (const std::uint32_t which : {reg::eiac, reg::eiam, reg::eims}) b.set(which, 1u << 0 | 1u << 3 | 1u << 5);
  b.set(reg::ims, cause::lsc);
  b.device.receive(make_frame());
  b.device.receive(make_frame());
  CHECK(b.machine.interrupts == std::vector<unsigned>{3});
  CHECK((b.get(reg::eims) & 1u << 3) == 0);
  b.set(reg::eims, 1u << 3);  // the second frame is still to be told of
  CHECK(b.machine.interrupts == std::vector<unsigned>{3, 3});
  b.set(reg::eims, 1u << 3);
  CHECK(b.machine.interrupts.size() == 2);
  b.device.set_link(false);
  CHECK(b.machine.interrupts == std::vector<unsigned>{3, 3, 0});
  CHECK((b.get(reg::icr) & cause::lsc) != 0);
  CHECK(b.get(reg::icr) == 0);
  b.device.set_link(true);
  b.set(reg::mrqc, 0);
  b.set(reg::eics, 1u << 5);
  CHECK(b.machine.interrupts == std::vector<unsigned>{3, 3, 0, 5});
}

TEST_CASE("igb model: with one vector a link change comes when IMS lets it, and once until ICR is read") {
  Bench b;
  b.start();
  b.get(reg::icr);
  b.device.set_link(false);
  CHECK(b.machine.interrupts.empty());
  b.set(reg::ims, cause::lsc);
  CHECK(b.machine.interrupts == std::vector<unsigned>{0});
  b.device.set_link(true);
  CHECK(b.machine.interrupts.size() == 1);
  CHECK((b.get(reg::icr_alias) & (cause::lsc | cause::int_asserted)) == (cause::lsc | cause::int_asserted));
  b.device.set_link(false);
  CHECK(b.machine.interrupts.size() == 2);
  b.set(reg::imc, 0xffffffff);
  CHECK(b.get(reg::ims) == 0);
}

TEST_CASE("igb model: without a link nothing is sent or received; what waits is sent when it is back") {
  Bench b;
  b.start();
  b.device.set_link(false);
  CHECK_FALSE(b.device.receive(make_frame()));
  b.send(0, {make_frame()});
  CHECK(b.wire.empty());
  CHECK_FALSE(b.is_done(0, 0));
  b.device.set_link(true);
  CHECK(b.wire.size() == 1);
  CHECK(b.is_done(0, 0));
}

TEST_CASE("igb model: after a surprise removal all reads are ones and nothing else happens") {
  Bench b;
  b.start();
  b.device.remove();
  CHECK(b.get(reg::status) == 0xffffffff);
  CHECK(b.device.read(0, reg::ctrl, 8) == ~std::uint64_t{0});
  b.send(0, {make_frame()});
  CHECK(b.wire.empty());
  CHECK_FALSE(b.device.receive(make_frame()));
  b.device.set_link(false);
  CHECK(b.machine.interrupts.empty());
  CHECK(b.machine.violations.empty());
}

TEST_CASE("igb model: a bus address that is no memory is the machine's to report, and harms nothing") {
  Bench b;
  b.start();
  b.set(0xc000 + queue_reg::bah, 0xdead);
  CHECK(b.device.receive(make_frame()));
  b.set(0xe000 + queue_reg::bah, 0xdead);
  b.set(0xe018, 1);
  CHECK(b.machine.violations.size() >= 2);
  CHECK(b.wire.empty());
}
