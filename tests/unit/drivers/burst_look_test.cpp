// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/burst_look.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <cstring>
#include <random>
#include <vector>

using namespace millrace;
using ethdev::RxLook;
using ethdev::TxLook;

namespace {

constexpr std::uint16_t buffer = 2176;

using Frames = std::vector<pkt::Mbuf>;

/// Frames of all sizes below 2048, with everything around the fields in question filled at random.
Frames frames_at_random(std::mt19937& random, std::size_t count) {
  Frames frames(count);
  for (pkt::Mbuf& m : frames) {
    for (std::uint64_t* at = reinterpret_cast<std::uint64_t*>(&m); at != reinterpret_cast<std::uint64_t*>(&m + 1); ++at) *at = std::uint64_t{random()} << 32 | random();
    m.buf_len = buffer;
    m.data_off = pkt::headroom;
    m.nb_segs = 1;
    m.data_len = static_cast<std::uint16_t>(14 + random() % (buffer - pkt::headroom - 14));
    m.pkt_len = m.data_len;
    m.meta.tx_checksum = pkt::ChecksumRequest::none;
    m.meta.gso_size = 0;
  }
  return frames;
}

std::vector<pkt::Mbuf*> slots_of(Frames& frames) {
  std::vector<pkt::Mbuf*> slots;
  for (pkt::Mbuf& m : frames) slots.push_back(&m);
  return slots;
}

// Without AVX2, and with it where the machine has it: each test case runs for both.
bool with_avx2 = false;

RxLook rx_look(Frames& frames, const pkt::Meta& stamp = {}) { return {slots_of(frames).data(), frames.size(), stamp, with_avx2}; }
TxLook tx_look(Frames& frames) { return {slots_of(frames).data(), frames.size(), with_avx2}; }

}  // namespace

TEST_CASE("burst look: what frames have together is what each by itself has") {
  with_avx2 = GENERATE(false, true) && RxLook::has_avx2;
  std::mt19937 random(1);
  for (std::size_t round = 0; round < 2000; ++round) {
    Frames frames = frames_at_random(random, 1 + random() % 64);
    std::uint64_t bytes = 0, any = 0, shared = ~std::uint64_t{0};
    std::uint32_t most = 0;
    for (const pkt::Mbuf& m : frames) {
      bytes += m.pkt_len;
      any |= m.ol_flags;
      shared &= m.ol_flags;
      most = std::max(most, m.pkt_len - 14);
    }
    const RxLook rx = rx_look(frames);
    REQUIRE(rx.bytes() == bytes);
    REQUIRE(rx.any_flags() == any);
    REQUIRE(rx.shared_flags() == shared);
    REQUIRE(rx.are_plain(buffer));
    const TxLook tx = tx_look(frames);
    REQUIRE(tx.bytes() == bytes);
    REQUIRE(tx.any_flags() == any);
    REQUIRE(tx.most() == most);
    REQUIRE(tx.are_single());
    REQUIRE_FALSE(tx.wants_checksum());
    REQUIRE_FALSE(tx.wants_cutting());
  }
}

TEST_CASE("burst look: every frame gets the whole stamp, and nothing around it is written") {
  with_avx2 = GENERATE(false, true) && RxLook::has_avx2;
  std::mt19937 random(4);
  const pkt::Meta stamp = frames_at_random(random, 1)[0].meta;
  for (std::size_t count = 1; count <= 64; ++count) {
    Frames frames = frames_at_random(random, count);
    Frames expected = frames;
    for (pkt::Mbuf& m : expected) m.meta = stamp;
    static_cast<void>(rx_look(frames, stamp));
    REQUIRE(std::memcmp(frames.data(), expected.data(), count * sizeof(pkt::Mbuf)) == 0);
  }
}

TEST_CASE("burst look: one frame that is not plain is seen wherever it is") {
  with_avx2 = GENERATE(false, true) && RxLook::has_avx2;
  std::mt19937 random(2);
  using Spoil = void (*)(pkt::Mbuf&);
  const std::array<Spoil, 5> spoils{[](pkt::Mbuf& m) { m.nb_segs = 2; },
                                    [](pkt::Mbuf& m) { ++m.pkt_len; },
                                    [](pkt::Mbuf& m) { m.pkt_len += 0x10000; },
                                    [](pkt::Mbuf& m) { m.pkt_len = m.data_len = buffer - pkt::headroom + 1; },
                                    [](pkt::Mbuf& m) { m.pkt_len = m.data_len = 2000, m.data_off = buffer - 1999; }};
  for (const std::size_t count : {1, 2, 3, 32, 63, 64})
    for (std::size_t at = 0; at < count; ++at)
      for (std::size_t which = 0; which < spoils.size(); ++which) {
        INFO("spoil " << which << " of frame " << at << " of " << count);
        Frames frames = frames_at_random(random, count);
        spoils[which](frames[at]);
        REQUIRE_FALSE(rx_look(frames).are_plain(buffer));
      }
}

TEST_CASE("burst look: what one frame asks for is seen wherever it is") {
  with_avx2 = GENERATE(false, true) && RxLook::has_avx2;
  std::mt19937 random(3);
  for (const std::size_t count : {1, 2, 3, 32, 63, 64})
    for (std::size_t at = 0; at < count; ++at) {
      INFO("frame " << at << " of " << count);
      Frames frames = frames_at_random(random, count);
      frames[at].meta.tx_checksum = pkt::ChecksumRequest::udp;
      REQUIRE(tx_look(frames).wants_checksum());
      frames[at].meta.gso_size = 1448;
      REQUIRE(tx_look(frames).wants_cutting());
      frames[at].nb_segs = 3;
      REQUIRE_FALSE(tx_look(frames).are_single());
      frames[at].pkt_len = 13;  // a runt
      REQUIRE(tx_look(frames).most() > 1'000'000);
    }
}
