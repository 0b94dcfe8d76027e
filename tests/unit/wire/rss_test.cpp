// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/rss.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"

#include <algorithm>
#include <map>

using namespace millrace;
using namespace millrace::wire;
using test::RawFrame;

namespace {

std::vector<std::uint8_t> frame(std::uint16_t port, std::uint8_t proto = 17, bool v6 = false) {
  return RawFrame{.v6 = v6, .proto = proto, .source_port = port}.bytes();
}
std::vector<std::uint8_t> back(std::uint16_t port, std::uint8_t proto, bool v6) {
  return RawFrame{.v6 = v6, .proto = proto, .source_port = 2000, .destination_port = port, .source_host = 2, .destination_host = 1}.bytes();
}

/// The Toeplitz hash bit by bit, of bytes that the test takes from the frame itself.
std::uint32_t toeplitz(const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& input) {
  const auto bit_of = [](const std::vector<std::uint8_t>& bytes, std::size_t i) { return bytes[i / 8] >> (7 - i % 8) & 1; };
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < 8 * input.size(); ++i)
    for (std::size_t j = 0; j < 32; ++j)
      hash ^= static_cast<std::uint32_t>(bit_of(input, i) & bit_of(key, i + j)) << (31 - j);
  return hash;
}

std::vector<std::uint8_t> input_of(const std::vector<std::uint8_t>& frame, bool v6, bool ports) {
  const std::size_t from = v6 ? 22 : 26;
  const std::size_t bytes = (v6 ? 32u : 8u) + (ports ? 4u : 0u);
  const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(bytes)};
}

Rss with_reta(std::uint16_t queues) {
  Rss rss;
  for (std::size_t i = 0; i < rss.reta.size(); ++i) rss.reta[i] = static_cast<std::uint16_t>((i * 7 + 3) % queues);
  return rss;
}

}  // namespace

TEST_CASE("F1: the queue is RETA[hash & mask], the hash Toeplitz of the tuple, for both families and protocols") {
  const Rss rss = with_reta(5);
  const RssSpread spread(rss);
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (std::uint16_t port = 1; port < 200; ++port) {
        const auto bytes = frame(port, proto, v6);
        const std::uint32_t hash = toeplitz(rss.key, input_of(bytes, v6, true));
        const RssSpread::Choice choice = spread.choose(bytes);
        REQUIRE(choice.is_hashed);
        REQUIRE(choice.has_ports);
        REQUIRE(choice.is_whole);
        REQUIRE(choice.hash == hash);
        REQUIRE(choice.queue == rss.reta[hash & 127]);
      }
    }
  }
}

TEST_CASE("F1: fragments and protocols without ports go by their addresses, what is not IP to queue 0 without a hash") {
  const Rss rss = with_reta(4);
  const RssSpread spread(rss);
  auto first = frame(1);
  auto second = frame(2);
  first[20] = 0x20;  // more fragments
  second[21] = 4;    // offset
  const std::uint32_t hash = toeplitz(rss.key, input_of(first, false, false));
  for (const auto& bytes : {first, second, frame(1, 1)}) {
    const RssSpread::Choice choice = spread.choose(bytes);
    CHECK(choice.hash == hash);
    CHECK(choice.queue == rss.reta[hash & 127]);
    CHECK_FALSE(choice.has_ports);
    CHECK(choice.is_whole);
  }
  for (const std::size_t length : {0u, 1u, 13u, 14u, 33u, 34u, 53u}) {
    const RssSpread::Choice choice = spread.choose(std::vector<std::uint8_t>(length, 0));
    CHECK(choice.queue == 0);
    CHECK_FALSE(choice.is_hashed);
  }
}

TEST_CASE("F3: udp4 by 2-tuple takes all flows of two hosts to one queue, by 4-tuple they spread; tcp4 and udp6 stay") {
  Rss rss = with_reta(4);
  const auto queues = [](const RssSpread& spread, std::uint8_t proto, bool v6) {
    std::map<std::uint16_t, int> spread_over;
    for (std::uint16_t port = 1; port <= 400; ++port) ++spread_over[spread.choose(frame(port, proto, v6)).queue];
    return spread_over;
  };
  const RssSpread four(rss);
  CHECK(queues(four, 17, false).size() == 4);
  for (const auto& [queue, flows] : queues(four, 17, false)) CHECK(flows > 50);
  rss.fields.udp4 = false;
  const RssSpread two(rss);
  CHECK(queues(two, 17, false).size() == 1);
  CHECK_FALSE(two.choose(frame(9)).is_whole);
  CHECK(queues(two, 6, false) == queues(four, 6, false));
  CHECK(queues(two, 17, true) == queues(four, 17, true));
}

TEST_CASE("F1: the symmetric key takes both directions of a flow to one queue, Microsoft's does not") {
  Rss rss = with_reta(4);
  const RssSpread plain(rss);
  rss.key = symmetric_rss_key(52);
  const RssSpread symmetric(rss);
  int apart = 0;
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (std::uint16_t port = 3000; port < 3100; ++port) {
        CHECK(symmetric.choose(frame(port, proto, v6)).queue == symmetric.choose(back(port, proto, v6)).queue);
        apart += plain.choose(frame(port, proto, v6)).queue != plain.choose(back(port, proto, v6)).queue ? 1 : 0;
      }
    }
  }
  CHECK(apart > 200);
}

TEST_CASE("F2: weights 3 1 give 96 and 32 of 128 entries, in one piece each; equal shares take turns; as ethtool -X") {
  const std::vector<std::uint32_t> weights{3, 1};
  const auto reta = reta_weights(128, weights);
  CHECK(std::count(reta.begin(), reta.end(), 0) == 96);
  CHECK(std::count(reta.begin(), reta.end(), 1) == 32);
  CHECK(std::is_sorted(reta.begin(), reta.end()));
  const std::vector<std::uint32_t> with_gaps{0, 2, 0, 1, 0};
  const auto gaps = reta_weights(128, with_gaps);
  CHECK(std::count(gaps.begin(), gaps.end(), 1) == 85);
  CHECK(std::count(gaps.begin(), gaps.end(), 3) == 43);
  const auto equal = reta_equal(128, 3);
  CHECK(std::vector<std::uint16_t>(equal.begin(), equal.begin() + 5) == std::vector<std::uint16_t>{0, 1, 2, 0, 1});
}

TEST_CASE("F3: a key is 40 or 52 bytes in hex, with colons or without, and is written as ethtool -x does") {
  const std::vector<std::uint8_t> key(microsoft_key.begin(), microsoft_key.end());
  const std::string text = rss_key_text(key);
  CHECK(text.substr(0, 11) == "6d:5a:56:da");
  CHECK(parse_rss_key(text) == key);
  std::string plain = text;
  plain.erase(std::remove(plain.begin(), plain.end(), ':'), plain.end());
  CHECK(parse_rss_key(plain) == key);
  CHECK(parse_rss_key(rss_key_text(symmetric_rss_key(52))) == symmetric_rss_key(52));
  for (const std::string& bad : {std::string(), text + ":00", text.substr(3), text + ":", "zz" + text.substr(2), text + "0"})
    CHECK_FALSE(parse_rss_key(bad));
}
