// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/tcp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

test::Bytes emitted(const TcpOptions& options) {
  test::Bytes out(tcp_options_max_bytes, 0xee);
  out.resize(emit(options, out.data()));
  return out;
}

TcpOptions read(const char* text) { return TcpOptions::parse(hex(text)); }

TcpOptions timestamps(std::uint32_t value, std::uint32_t echo) {
  TcpOptions o;
  o.has_timestamps = true;
  o.ts_value = value;
  o.ts_echo = echo;
  return o;
}

TcpOptions random_options(Rng& rng) {
  TcpOptions o;
  if (rng.chance(0.5)) o = timestamps(test::random32(rng), test::random32(rng));
  if (rng.chance(0.5)) o.mss = test::random16(rng);
  if (rng.chance(0.5)) o.window_scale = static_cast<std::uint8_t>(rng.below(15));
  o.sack_permitted = rng.chance(0.5);
  o.sack_count = static_cast<std::uint8_t>(rng.below(5));
  for (std::size_t i = 0; i < o.sack_count; ++i) o.sack[i] = {test::random32(rng), test::random32(rng)};
  return o;
}

}  // namespace

TEST_CASE("a TCP header, byte for byte") {
  const auto bytes = hex("9c 40 00 50 01 02 03 04 05 06 07 08 50 18 fa f0 db 3a 00 07");
  const auto view = TcpView::parse(bytes);
  REQUIRE(view);
  const TcpHeader expected{40000, 80, 0x01020304, 0x05060708, 20, tcp_flag::psh | tcp_flag::ack, 64240, 0xdb3a, 7};
  CHECK(view->header() == expected);
  CHECK(view->has(tcp_flag::psh));
  CHECK_FALSE(view->has(tcp_flag::syn | tcp_flag::fin));
  CHECK(view->options().empty());
  test::Bytes out(tcp_header_bytes);
  emit(expected, out.data());
  CHECK(out == bytes);
  set_tcp_checksum(out.data(), 0x1234);
  CHECK(TcpView::parse(out)->checksum() == 0x1234);
}

TEST_CASE("a TCP header is refused when cut anywhere or when its data offset is impossible") {
  auto bytes = hex("9c 40 00 50 01 02 03 04 05 06 07 08 80 18 fa f0 db 3a 00 00 01 01 08 0a 00 00 00 64 00 00 00 32");
  test::for_each_truncation(bytes, [](auto cut) { CHECK(TcpView::parse(cut).has_value() == (cut.size() >= 32)); });
  CHECK(TcpView::parse(bytes)->options().size() == 12);
  for (unsigned offset = 0; offset < 16; ++offset) {
    bytes[12] = static_cast<std::uint8_t>(offset << 4);
    CHECK(TcpView::parse(bytes).has_value() == (offset >= 5 && offset <= 8));
  }
}

TEST_CASE("TCP headers written are read back the same") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 1000; ++i) {
    const TcpHeader header{test::random16(rng), test::random16(rng), test::random32(rng),
                           test::random32(rng), static_cast<std::uint8_t>(20 + 4 * rng.below(11)),
                           test::random8(rng),  test::random16(rng), test::random16(rng),
                           test::random16(rng)};
    std::uint8_t out[tcp_header_max_bytes]{};
    emit(header, out);
    REQUIRE(TcpView::parse(out)->header() == header);
  }
}

TEST_CASE("the options of a SYN, in Linux's layout") {
  TcpOptions o = timestamps(100, 0);
  o.mss = 1460;
  o.window_scale = 10;
  o.sack_permitted = true;
  const auto bytes = hex("02 04 05 b4 04 02 08 0a 00 00 00 64 00 00 00 00 01 03 03 0a");
  CHECK(emitted(o) == bytes);
  CHECK(emitted_length(o) == bytes.size());
  CHECK(TcpOptions::parse(bytes) == o);
  o.has_timestamps = false;
  o.ts_value = 0;
  CHECK(emitted(o) == hex("02 04 05 b4 01 01 04 02 01 03 03 0a"));
  CHECK(emitted(TcpOptions{}).empty());
}

TEST_CASE("RFC 7323 appendix A: timestamps of a data segment take twelve bytes") {
  const auto bytes = hex("01 01 08 0a 00 00 00 64 00 00 00 32");
  CHECK(emitted(timestamps(100, 50)) == bytes);
  CHECK(bytes.size() == tcp_timestamp_option_bytes);
  CHECK(TcpOptions::parse(bytes) == timestamps(100, 50));
  // The same option elsewhere, found by the general way.
  CHECK(read("08 0a 00 00 00 64 00 00 00 32 01 01") == timestamps(100, 50));
  CHECK(read("08 0a 00 00 00 64 00 00 00 32 00 ff") == timestamps(100, 50));
}

TEST_CASE("SACK blocks (RFC 2018 section 3): three beside timestamps, four alone, the last left out first") {
  TcpOptions o = timestamps(100, 50);
  o.sack_count = 2;
  o.sack[0] = {0x1000, 0x2000};
  o.sack[1] = {0x3000, 0x4000};
  CHECK(emitted(o) ==
        hex("01 01 08 0a 00 00 00 64 00 00 00 32 01 01 05 12 00 00 10 00 00 00 20 00 00 00 30 00 00 00 40 00"));
  o.sack_count = 4;
  CHECK(emitted(o).size() == 12 + 4 + 3 * 8);
  CHECK(TcpOptions::parse(emitted(o)).sack_count == 3);
  o.has_timestamps = false;
  CHECK(emitted(o).size() == 4 + 4 * 8);
  CHECK(TcpOptions::parse(emitted(o)).sack_count == 4);
}

TEST_CASE("options written are read back the same, as far as they fit") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 5000; ++i) {
    TcpOptions o = random_options(rng);
    const auto bytes = emitted(o);
    REQUIRE(bytes.size() == emitted_length(o));
    REQUIRE(bytes.size() % 4 == 0);
    REQUIRE(bytes.size() <= tcp_options_max_bytes);
    const TcpOptions back = TcpOptions::parse(bytes);
    if (back.sack_count < o.sack_count) CHECK(bytes.size() + 8 > tcp_options_max_bytes);
    for (std::size_t b = back.sack_count; b < o.sack.size(); ++b) o.sack[b] = {};
    o.sack_count = back.sack_count;
    REQUIRE(back == o);
  }
}

TEST_CASE("RFC 7323 section 2.3: a shift above 14 counts as 14") {
  CHECK(read("03 03 0e").window_scale == 14);
  CHECK(read("03 03 0f").window_scale == 14);
  CHECK(read("03 03 ff").window_scale == 14);
  CHECK(read("03 03 00").window_scale == 0);
}

TEST_CASE("malformed options: what stood before them is kept, nothing is read past the end") {
  TcpOptions mss;
  mss.mss = 1460;
  CHECK(read("02 04 05 b4") == mss);
  CHECK(read("02 04 05 b4 08") == mss);                          // kind without a length
  CHECK(read("02 04 05 b4 08 00 01 01") == mss);                 // length 0
  CHECK(read("02 04 05 b4 08 01 03 03 07") == mss);              // length 1
  CHECK(read("02 04 05 b4 08 0a 00 00 00 64 00 00 00") == mss);  // past the end
  CHECK(read("02 04 05 b4 08 ff") == mss);
  CHECK(read("02 04 05 b4 00 02 03 03 07") == mss);              // behind the end of options
  // Wrong lengths of known kinds are passed over; what follows still counts.
  CHECK(read("03 04 07 07 02 04 05 b4") == mss);
  CHECK(read("08 06 00 00 00 64 02 04 05 b4") == mss);
  CHECK(read("04 03 00 02 04 05 b4") == mss);
  CHECK(read("05 02 02 04 05 b4") == mss);  // SACK without a block
  CHECK(read("05 0b 00 00 00 01 00 00 00 02 00 02 04 05 b4") == mss);  // and with a block and a bit
  CHECK(read("fd 04 00 00 22 02 02 04 05 b4") == mss);  // unknown kinds
  CHECK(read("02 03 05 01") == TcpOptions{});
  CHECK(read("") == TcpOptions{});
  CHECK(read("01 01 01 01") == TcpOptions{});
}

TEST_CASE("random bytes are never read past their end, and always end") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = test::random_bytes(rng, rng.below(41));
    for (auto& b : bytes)
      if (rng.chance(0.7)) b = static_cast<std::uint8_t>(rng.below(11));
    const test::Exact exact(bytes);
    const TcpOptions o = TcpOptions::parse(exact.span());
    CHECK(o.sack_count <= 4);
    CHECK(o.window_scale.value_or(0) <= tcp_max_window_scale);
  }
}
