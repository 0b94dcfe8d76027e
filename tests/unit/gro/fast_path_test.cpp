// SPDX-License-Identifier: BSD-3-Clause
// The short way and the long one draw the same border, bit by bit of the headers.
#include <millrace/gro/fast_path.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/two_ways.hpp"

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

}  // namespace

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
