// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/capture/finish_checksum.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/capture/frames.hpp"

using namespace millrace;

TEST_CASE("checksums are finished for every protocol, IP version and odd length") {
  for (const bool v4 : {true, false}) {
    for (const std::uint8_t proto : {6, 17, 58}) {
      if (v4 && proto == 58) continue;
      for (const std::size_t payload : {0u, 1u, 2u, 99u, 1400u, 60001u}) {
        CAPTURE(v4, proto, payload);
        std::vector<std::uint8_t> f = test::frame(v4, proto, payload);
        REQUIRE(!test::checksum_fits(f));
        const auto before = f;
        capture::finish_checksum(f, test::l3, v4 ? 34 : 54, proto);
        CHECK(test::checksum_fits(f));
        const std::size_t field = (v4 ? 34u : 54u) + (proto == 6 ? 16u : proto == 17 ? 6u : 2u);
        f[field] = before[field];
        f[field + 1] = before[field + 1];
        CHECK(f == before);
      }
    }
  }
}

TEST_CASE("the padding of a short frame is not summed") {
  std::vector<std::uint8_t> f = test::frame(true, 6, 0);
  f.resize(60, 0xee);
  capture::finish_checksum(f, test::l3, 34, 6);
  CHECK(test::checksum_fits(f));
}

TEST_CASE("a UDP checksum that comes out as zero goes as all ones") {
  std::vector<std::uint8_t> f = test::frame(true, 17, 2);
  store_be16(&f[42], 0);
  capture::finish_checksum(f, test::l3, 34, 17);
  // With the payload equal to the checksum of the rest, the whole sums to zero.
  store_be16(&f[42], load_be16(&f[40]));
  capture::finish_checksum(f, test::l3, 34, 17);
  CHECK(load_be16(&f[40]) == 0xffff);
  CHECK(test::checksum_fits(f));
}

TEST_CASE("a frame whose lengths do not fit is left as it is") {
  for (const bool v4 : {true, false}) {
    const std::vector<std::uint8_t> good = test::frame(v4, 6, 10);
    const std::uint16_t l4 = v4 ? 34 : 54;
    const std::size_t length_at = v4 ? 16 : 18;
    auto longer = good;
    store_be16(&longer[length_at], static_cast<std::uint16_t>(load_be16(&good[length_at]) + 1));
    auto shorter = good;
    store_be16(&shorter[length_at], v4 ? 37 : 17);
    for (const auto& f : {longer, shorter}) {
      auto copy = f;
      capture::finish_checksum(copy, test::l3, l4, 6);
      CHECK(copy == f);
    }
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
      std::vector<std::uint8_t> part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut));
      const auto before = part;
      capture::finish_checksum(part, test::l3, l4, 6);
      CHECK(part == before);
    }
    auto copy = good;
    capture::finish_checksum(copy, test::l3, test::l3, 6);
    capture::finish_checksum(copy, 65535, 65535, 6);
    CHECK(copy == good);
  }
}
