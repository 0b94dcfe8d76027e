// SPDX-License-Identifier: BSD-3-Clause
// The short way and the long one draw the same border, bit by bit of the headers.
#include <millrace/gro/fast_path.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/unit/gro/two_ways.hpp"

#include <memory>

using namespace millrace;
using namespace millrace::test;

namespace {

Bytes options(std::size_t bytes) {
  Bytes all(bytes, 1);
  for (std::size_t i = 0; i < bytes; ++i) all[i] = static_cast<std::uint8_t>(i % 2 == 0 ? 1 : 0);
  return all;
}

void check_each_bit(gro::Variant variant, int family, std::size_t option_bytes) {
  const auto frame = [&](int n) {
    return nth(n, [&](Frame& f) {
      f.family = family;
      f.options = options(option_bytes);
    }).bytes();
  };
  const std::size_t headers = 14u + (family == 4 ? 20 : 40) + 20 + option_bytes;
  TwoWays both(variant);
  both.rx_flags = pkt::flag::rx_ip_good;
  for (std::size_t bit = 0; bit < 8 * headers; ++bit) {
    const auto changed = [&](int n) {
      Bytes bytes = frame(n);
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      return bytes;
    };
    both.give({frame(0), changed(1), frame(2)});
    both.end(0);
    // The fourth of a train is expected to go on with it.
    both.give({frame(0), frame(1), frame(2), changed(3), frame(4)});
    both.end(0);
    INFO(gro::name(variant) << " IPv" << family << ", " << option_bytes << " bytes of options, bit " << bit);
    REQUIRE(both.difference() == "");
    both.forget();
  }
}

/// A datagram for port 2000, whose IPv4 identification is `id`.
Bytes datagram(bool v6, std::uint16_t id, std::size_t payload = 20) {
  Bytes bytes = RawFrame{.v6 = v6, .payload = payload, .first_byte = static_cast<std::uint8_t>(id)}.bytes();
  if (v6) return bytes;
  store_be16(&bytes[18], id);
  store_be16(&bytes[24], 0);
  store_be16(&bytes[24], static_cast<std::uint16_t>(~naive_sum(std::span(bytes).subspan(14, 20))));
  return bytes;
}

/// Both ways, with a socket on port 2000 that wants datagrams merged.
struct Datagrams {
  Datagrams(gro::Variant variant, bool is_wanted, bool verifies) : both(variant, {.udp_ports = ports.get()}) {
    if (is_wanted) ports->add(2000);
    both.verifies = verifies;
  }
  std::unique_ptr<gro::UdpPorts> ports = std::make_unique<gro::UdpPorts>();
  TwoWays both;
};

}  // namespace

TEST_CASE("E16 E10 any single bit of a datagram changed: the burst path joins what receive() joins, and describes the others alike") {
  for (const gro::Variant variant : supported_variants()) {
    for (const unsigned how : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u}) {
      const bool v6 = (how & 1) != 0;
      Datagrams udp(variant, (how & 2) != 0, (how & 4) != 0);
      const std::size_t bits = 8 * datagram(v6, 0).size();
      for (std::size_t bit = 0; bit < bits; ++bit) {
        Bytes changed = datagram(v6, 3);
        changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        udp.both.give({datagram(v6, 0), datagram(v6, 1), datagram(v6, 2), changed, datagram(v6, 4)}, (how & 4) != 0);
        udp.both.end(0);
        INFO(gro::name(variant) << ", IPv" << (v6 ? 6 : 4) << ", way " << how << ", bit " << bit);
        REQUIRE(udp.both.difference() == "");
        udp.both.forget();
      }
      CHECK((udp.both.in_bursts.count(stats::Gro::merged) > bits) == ((how & 2) != 0));
    }
  }
}

TEST_CASE("E16 X18 a datagram that nobody wants merged any more does not overtake those that are held") {
  for (const gro::Variant variant : supported_variants()) {
    Datagrams udp(variant, true, false);
    udp.both.give({datagram(false, 0), datagram(false, 1)}, false);
    udp.ports->remove(2000);
    udp.both.give({datagram(false, 2), datagram(true, 0)}, false);
    udp.both.end(0);
    CHECK(udp.both.difference() == "");
    REQUIRE(udp.both.in_bursts.out.size() == 3);
    CHECK(udp.both.in_bursts.out[0].meta.gso_segs == 2);
  }
}

TEST_CASE("E14 datagrams that nobody wants merged go up by eights, too, whatever bursts they come in") {
  for (const gro::Variant variant : supported_variants()) {
    Datagrams udp(variant, false, false);
    std::uint32_t given = 0;
    for (const std::size_t size : {10u, 5u, 1u, 16u, 7u}) {
      udp.both.give(std::vector(size, datagram(given % 2 == 0, 0)), false);
      given += static_cast<std::uint32_t>(size);
      CHECK(udp.both.in_bursts.up.size() == given / 8 * 8);
      CHECK(udp.both.singly.up.size() == given / 8 * 8);
    }
    udp.both.end(0);
    CHECK(udp.both.difference() == "");
  }
}

TEST_CASE("E16 at most 64 datagrams, shorter ones last, identifications that stand still or count: the same in bursts") {
  for (const gro::Variant variant : supported_variants()) {
    Datagrams udp(variant, true, false);
    for (const std::uint16_t step : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{2}}) {
      for (const std::size_t odd_one : {1u, 2u, 30u, 200u}) {
        for (const std::size_t its_payload : {1u, 19u, 20u, 21u, 900u}) {
          std::uint16_t id = 0;
          for (std::size_t i = 0; i < 100;) {
            std::vector<Bytes> frames;
            for (std::size_t n = 0; n < 25; ++n, ++i, id = static_cast<std::uint16_t>(id + step)) frames.push_back(datagram(false, id, i == odd_one ? its_payload : 20u));
            udp.both.give(frames, false);
            udp.both.end(1);
          }
          udp.both.end(0);
          REQUIRE(udp.both.difference() == "");
          udp.both.forget();
        }
      }
    }
    // Whole packets are 64 KiB at most.
    std::vector<Bytes> frames;
    for (std::uint16_t id = 0; id < 60; ++id) frames.push_back(datagram(true, id, 1452));
    udp.both.give(frames, false);
    udp.both.end(0);
    CHECK(udp.both.difference() == "");
    CHECK(udp.both.in_bursts.count(stats::Gro::merged) > 1000);
  }
}

TEST_CASE("E4 E6 E7 E8 any single bit of the headers changed: the burst path merges what receive() merges") {
  for (const gro::Variant variant : supported_variants()) {
    for (const int family : {4, 6}) {
      for (const std::size_t option_bytes : {0u, 12u, 20u, 40u}) check_each_bit(variant, family, option_bytes);
    }
  }
}

TEST_CASE("E8 the burst path's numbers: sequence, mss, size and identification at their borders") {
  for (const gro::Variant variant : supported_variants()) {
    TwoWays both(variant);
    both.rx_flags = pkt::flag::rx_ip_good;
    for (const std::uint32_t seq : {1099u, 1100u, 1101u}) {
      for (const std::uint16_t id : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}}) {
        for (const std::size_t payload : {0u, 1u, 99u, 100u, 101u}) {
          both.give({nth(0).bytes(), nth(1, [=](Frame& f) { f.seq = seq, f.id = id, f.payload = payload; }).bytes(),
                     nth(2, [=](Frame& f) { f.id = static_cast<std::uint16_t>(2 * id - 1); }).bytes()});
          both.end(0);
          REQUIRE(both.difference() == "");
        }
      }
    }
    CHECK(both.in_bursts.count(stats::Gro::merged) >= 10);
  }
}

TEST_CASE("E8 a merged packet of 65,535 bytes stays below 65,536 in the burst path") {
  for (const gro::Variant variant : supported_variants()) {
    TwoWays both(variant);
    std::vector<Bytes> frames;
    Frame f;
    f.payload = 1495;
    for (int i = 0; i < 45; ++i, f.seq += 1495, ++f.id) frames.push_back(f.bytes());
    both.give(frames);
    both.end(0);
    CHECK(both.difference() == "");
    CHECK(both.in_bursts.out.size() == 2);
  }
}
