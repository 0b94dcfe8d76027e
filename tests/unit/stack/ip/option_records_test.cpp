// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/option_records.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"
#include "tests/support/seed.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

// Which addresses are ours: 10.77.0.2, 127.0.0.0/8 ...
struct Records : ScriptedHost {
  Bytes arrived(Bytes options) {
    ip::record_arrival(options, {host4, 0x01020304}, ip);
    return options;
  }
  std::optional<ip::SentOptions> answer(const Bytes& options) { return ip::echo_options(options, ip); }
};

}  // namespace

TEST_CASE("H13, RFC 791 3.1: prespecified addresses are ours, groups and broadcasts") {
  Records records;
  for (const Bytes& address : {Bytes{10, 77, 0, 2}, Bytes{224, 0, 0, 1}, Bytes{10, 77, 0, 255}}) {
    Bytes option{68, 12, 5, 3};
    option.insert(option.end(), address.begin(), address.end());
    option.insert(option.end(), {0, 0, 0, 0});
    const Bytes after = records.arrived(option);
    CHECK(after[2] == 13);
    CHECK(Bytes(after.begin() + 8, after.end()) == Bytes{1, 2, 3, 4});
  }
  CHECK(records.arrived({68, 12, 13, 3, 0, 0, 0, 0, 0, 0, 0, 0})[3] == 3);  // it counts no overflows
  CHECK(records.arrived({68, 8, 5, 2, 0, 0, 0, 0}) == Bytes{68, 8, 5, 2, 0, 0, 0, 0});  // a flag of no meaning
}

TEST_CASE("H13: route, timestamp and label stand in this order in an answer, whatever the question's, padded to words") {
  Records records;
  const auto answer = records.answer({134, 6, 1, 2, 3, 4, 1, 68, 4, 5, 0, 148, 4, 0, 0, 7, 3, 4, 0, 0});
  REQUIRE(answer);
  const auto bytes = answer->span();
  CHECK(Bytes(bytes.begin(), bytes.end()) == Bytes{7, 3, 4, 68, 4, 5, 0, 134, 6, 1, 2, 3, 4, 0, 0, 0});
}

TEST_CASE("H13: an answer has no entry where a pointer leaves part of one") {
  Records records;
  CHECK_FALSE(records.answer({7, 7, 6, 0, 0, 0, 0, 0}));
  CHECK_FALSE(records.answer({68, 8, 6, 0, 0, 0, 0, 0}));
  CHECK_FALSE(records.answer({68, 8, 5, 1, 0, 0, 0, 0}));
  CHECK(records.answer({68, 8, 5, 3, 0, 0, 0, 0}));
}

TEST_CASE("options of any bytes are recorded and answered within their bounds") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  Records records;
  for (int i = 0; i < 20000; ++i) {
    Bytes options(4 * rng.below(11));
    for (std::uint8_t& byte : options) byte = static_cast<std::uint8_t>(rng.below(2) != 0 ? rng.below(256) : std::array{7, 68, 134, 4, 5, 8, 12, 0, 1, 3}[rng.below(10)]);
    if (ip::judge_options(options).kind != ip::OptionsVerdict::malformed) options = records.arrived(options);
    auto answer = records.answer(options);
    if (!answer) continue;
    REQUIRE(answer->size <= options.size());
    answer->fill({host4, 1});
  }
}
