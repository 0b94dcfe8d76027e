// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/fragments.hpp"

#include <algorithm>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using Counter = stats::Ip;

namespace {

struct Counts {
  std::uint64_t requests, oks, fails, timeouts = 0, overlaps = 0;
  bool operator==(const Counts&) const = default;
};

Counts counts(const RecordingHost& host) {
  return {host[Counter::ReasmReqds], host[Counter::ReasmOKs], host[Counter::ReasmFails], host[Counter::ReasmTimeout],
          host[Counter::ReasmOverlaps]};
}

// What the host holds back, once it has ended: nothing.
bool holds_nothing(const RecordingHost& host) {
  return host.ip.fragments(true).size() == 0 && host.ip.fragments(true).memory() == 0;
}

}  // namespace

TEST_CASE("receive_path H7: a datagram in fragments is delivered once, whole, in whatever order they come") {
  const Bytes datagram = counting(56);
  const PieceOf piece{datagram};
  std::vector<Bytes> frames{piece.v4(0, 16), piece.v4(16, 24), piece.v4(24, 48), piece.v4(48, 56)};
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    RecordingHost host;
    for (std::size_t i = 0; i < order.size(); ++i) {
      CHECK(host.recorder.datagrams.empty());
      host.receives(frames[order[i]]);
    }
    REQUIRE(host.recorder.datagrams.size() == 1);
    CHECK(host.recorder.datagrams[0].bytes == datagram);
    CHECK(host.recorder.datagrams[0].delivery.source == peer4);
    CHECK(counts(host) == Counts{4, 1, 0});
    CHECK(host[Counter::InReceives] == 4);
    CHECK(host[Counter::InDelivers] == 1);
    CHECK(holds_nothing(host));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("receive_path H7: fragments in several buffers are chained as they lie") {
  const Bytes datagram = counting(400);
  const PieceOf piece{datagram};
  RecordingHost host;
  host.receives(piece.v4(200, 400), {.first_buffer = 60});
  host.receives(piece.v4(0, 200), {.first_buffer = 34});
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == datagram);
}

TEST_CASE("receive_path H7: source, destination, id and protocol make a datagram; others are not mixed with it") {
  const Bytes datagram = counting(32), other = counting(32, 100);
  RecordingHost host;
  host.ip.add_protocol(252, host.recorder);
  host.receives(PieceOf{datagram}.v4(0, 16));
  host.receives(PieceOf{other, test_proto, 8}.v4(16, 32));
  host.receives(PieceOf{other, 252}.v4(16, 32));
  host.receives(PieceOf{other, test_proto, 7, 0, addr("10.77.0.9")}.v4(16, 32));
  CHECK(host.recorder.datagrams.empty());
  CHECK(host.ip.fragments(true).size() == 4);
  host.receives(PieceOf{datagram}.v4(16, 32));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == datagram);
}

TEST_CASE("receive_path H7: an exact duplicate is dropped, the datagram lives") {
  const Bytes datagram = counting(48);
  const PieceOf piece{datagram};
  RecordingHost host;
  for (const auto& [begin, end] : {std::pair{16, 32}, {16, 32}, {0, 16}, {0, 16}, {32, 48}})
    host.receives(piece.v4(static_cast<std::size_t>(begin), static_cast<std::size_t>(end)));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == datagram);
  CHECK(counts(host) == Counts{5, 1, 0});
  CHECK(host.drops(DropReason::frag_duplicate) == 2);
}

TEST_CASE("receive_path H7: what is there already, wholly, has come twice, as Linux has it") {
  const Bytes datagram = counting(96);
  const PieceOf piece{datagram};
  RecordingHost host;
  for (const auto& [begin, end] : {std::pair{32, 64}, {40, 48}, {32, 48}, {48, 64}, {64, 80}, {56, 72}, {32, 80}, {0, 32}, {80, 96}})
    host.receives(piece.v4(static_cast<std::size_t>(begin), static_cast<std::size_t>(end)));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == datagram);
  CHECK(host.drops(DropReason::frag_duplicate) == 5);
}

TEST_CASE("receive_path H7, RFC 5722: whatever overlaps in part ends the datagram: front, tail, around") {
  const Bytes datagram = counting(96);
  const PieceOf piece{datagram};
  const std::pair<std::size_t, std::size_t> overlaps[] = {
      {24, 40},  // over the front of 32..64
      {56, 72},  // over its tail
      {24, 72},  // around it
      {32, 72},  // from its first byte on
      {24, 64},  // up to its last
  };
  for (const auto& [begin, end] : overlaps) {
    RecordingHost host;
    host.receives(piece.v4(0, 8));
    host.receives(piece.v4(32, 64));
    host.receives(piece.v4(begin, end));
    CHECK(host.drops(DropReason::frag_overlap) == 3);
    CHECK(counts(host) == Counts{3, 0, 1, 0, 1});
    CHECK(holds_nothing(host));
    CHECK(host.wire.take().empty());  // and nobody is told
  }
}

TEST_CASE("receive_path H7: the end of a datagram is known once, nothing lies behind it") {
  const Bytes datagram = counting(64);
  const PieceOf piece{datagram};
  const auto spoilt_by = [&](const Bytes& first, const Bytes& second) {
    RecordingHost host;
    host.receives(first);
    host.receives(second);
    CHECK(host.drops(DropReason::frag_malformed) == 2);
    CHECK(counts(host) == Counts{2, 0, 1});
    CHECK(holds_nothing(host));
  };
  spoilt_by(piece.v4(48, 64), piece.v4(64, counting(8), false));  // another end
  spoilt_by(piece.v4(48, 64), piece.v4(64, counting(8), true));   // behind the end
  spoilt_by(piece.v4(32, 48), piece.v4(16, counting(8), false));  // an end before what is there
}

TEST_CASE("receive_path H7: a fragment without bytes is refused; of units of 8 bytes only the last may have less") {
  const Bytes datagram = counting(24);
  const PieceOf piece{datagram};
  RecordingHost host;
  host.receives(piece.v4(0, Bytes{}, true));
  host.receives(piece.v4(8, counting(7), true));
  CHECK(host.drops(DropReason::frag_malformed) == 2);
  CHECK(counts(host) == Counts{2, 0, 2});
  Bytes longer(datagram.begin(), datagram.begin() + 16);
  longer.insert(longer.end(), {1, 2, 3});
  host.receives(piece.v4(0, longer, true));  // the rest of a unit is cut off, as Linux does
  host.receives(piece.v4(16, 24));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == datagram);
}

TEST_CASE("receive_path H7: 65,535 bytes with the header are a datagram, one more is none") {
  const std::size_t most = 65535 - 20;
  const auto try_with = [](const Bytes& datagram, std::size_t last_bytes) {
    RecordingHost host;
    const PieceOf piece{datagram};
    for (std::size_t at = 0; at < 65512 - 8; at += 1480)
      host.receives(piece.v4(at, std::min<std::size_t>(at + 1480, 65504)));
    host.receives(piece.v4(
        65504, Bytes(datagram.begin() + 65504, datagram.begin() + static_cast<std::ptrdiff_t>(65504 + last_bytes)),
        false));
    return std::pair{counts(host), host.recorder.datagrams.empty() ? Bytes{} : host.recorder.datagrams[0].bytes};
  };
  const Bytes datagram = counting(65535);
  const auto [whole, bytes] = try_with(datagram, most - 65504);
  CHECK(whole == Counts{46, 1, 0});
  CHECK(bytes == Bytes(datagram.begin(), datagram.begin() + most));
  const auto [broken, none] = try_with(datagram, most - 65504 + 1);
  CHECK(broken == Counts{46, 0, 1});
  CHECK(none.empty());
}

TEST_CASE("receive_path H7: after ipfrag_time, 30 s, what is incomplete goes; the sender of a first fragment is told") {
  const Bytes datagram = counting(64);
  const PieceOf piece{datagram};
  RecordingHost host;
  const Bytes first = piece.v4(0, 16);
  host.receives(first);
  host.advance(20s);
  host.receives(piece.v4(32, 64));  // does not prolong it
  host.advance(10s - 1ns);
  CHECK(counts(host) == Counts{2, 0, 0});
  host.advance(1ns);
  CHECK(counts(host) == Counts{2, 0, 1, 1});
  CHECK(host.drops(DropReason::frag_timeout) == 2);
  CHECK(holds_nothing(host));
  const Bytes frame = host.wire.take_one();
  const Bytes message = behind(frame, 34);
  CHECK(message[0] == wire::icmp4_type::time_exceeded);
  CHECK(message[1] == 1);
  CHECK(has_right_checksums(frame));
  CHECK(behind(message, 8) == Bytes(first.begin() + 14, first.begin() + 14 + 36));
  CHECK(host[stats::Icmp::OutTimeExcds] == 1);
  host.receives(piece.v4(16, 32));  // alone again
  CHECK(host.recorder.datagrams.empty());
}

TEST_CASE("receive_path H7, RFC 792: without the first fragment nobody is told of the time-out") {
  // What lies in the later fragment could be taken for a packet.
  Bytes datagram = behind(ip_frame(test_proto, counting(12)), 14);
  datagram.insert(datagram.begin(), 32, 0);
  datagram.resize(64);
  RecordingHost host;
  host.receives(PieceOf{datagram}.v4(32, 64));
  host.advance(31s);
  CHECK(counts(host) == Counts{1, 0, 1, 1});
  CHECK(host.wire.take().empty());
}

TEST_CASE(
    "receive_path H7, RFC 3168 5.3: congestion that one fragment met is the datagram's; ECN and not-ECT do not mix") {
  constexpr std::uint8_t not_ect = 0, ect1 = 1, ect0 = 2, ce = 3;
  struct Row {
    std::uint8_t first, second;
    int whole;  ///< -1: dropped
  };
  for (const Row& row : {Row{not_ect, not_ect, not_ect},
                         {ect0, ect0, ect0},
                         {ect1, ect1, ect1},
                         {ect0, ce, ce},
                         {ce, ect1, ce},
                         {ce, ce, ce},
                         {ect0, ect1, ect0},
                         {not_ect, ce, -1},
                         {ce, not_ect, -1},
                         {not_ect, ect0, -1},
                         {ect1, not_ect, -1}}) {
    const Bytes datagram = counting(32);
    RecordingHost host;
    host.receives(PieceOf{datagram, test_proto, 7, row.first}.v4(0, 16));
    host.receives(PieceOf{datagram, test_proto, 7, row.second}.v4(16, 32));
    CHECK(host.recorder.datagrams.size() == (row.whole >= 0 ? 1 : 0));
    if (row.whole >= 0) CHECK(host.recorder.datagrams.at(0).delivery.traffic_class == row.whole);
    CHECK(host.drops(DropReason::frag_ecn) == (row.whole >= 0 ? 0 : 2));
    CHECK(counts(host) == (row.whole >= 0 ? Counts{2, 1, 0} : Counts{2, 0, 1}));
  }
}

TEST_CASE("receive_path H7: a flood stays below ipfrag_high_thresh; at it the oldest go until ipfrag_low_thresh") {
  RecordingHost host;
  constexpr std::uint64_t high = 100'000, low = 75'000;
  host.ip.configure_reassembly({.high_thresh = high, .low_thresh = low}, {});
  const Bytes flood = counting(64), datagram = counting(64, 9);
  std::uint64_t most = 0, least_after = high;
  for (std::uint16_t id = 1; id <= 1000; ++id) {
    const std::uint64_t before = host.ip.fragments(true).memory();
    host.receives(PieceOf{flood, test_proto, id}.v4(0, 32));
    const std::uint64_t now = host.ip.fragments(true).memory();
    most = std::max(most, now);
    if (now < before) least_after = std::min(least_after, now);
    if (id % 100 != 50) continue;
    // What is not older than the flood becomes whole.
    host.receives(PieceOf{datagram, 253, 5000}.v4(0, 32));
    host.receives(PieceOf{datagram, 253, 5000}.v4(32, 64));
  }
  CHECK(most <= high);
  CHECK(most > low);
  CHECK(least_after <= low + 3000);
  CHECK(host.recorder.datagrams.size() == 10);
  const Counts c = counts(host);
  CHECK(c.requests == 1020);
  CHECK(c.oks == 10);
  CHECK(c.fails == host.drops(DropReason::frag_evicted));
  CHECK(c.fails + host.ip.fragments(true).size() == 1000);
  CHECK(c.timeouts == 0);
}

TEST_CASE("receive_path H7: with ipfrag_high_thresh 0 nothing is reassembled") {
  const Bytes datagram = counting(64);
  RecordingHost host;
  host.ip.configure_reassembly({.high_thresh = 0}, {});
  host.receives(PieceOf{datagram}.v4(0, 32));
  CHECK(host.drops(DropReason::frag_no_memory) == 1);
  CHECK(counts(host) == Counts{1, 0, 1});
}

TEST_CASE("receive_path H7: fragments leave the pool an eighth of its buffers") {
  RecordingHost host;  // 1023 buffers
  const Bytes flood = counting(64);
  for (std::uint16_t id = 1; id <= 2000; ++id) host.receives(PieceOf{flood, test_proto, id}.v4(0, 32));
  CHECK(host.pool->in_use() <= 1023 - 1023 / 8);
  CHECK(host.pool->in_use() > 800);
  CHECK(host.drops(DropReason::frag_evicted) > 1000);
}

TEST_CASE("receive_path H7: a datagram of more than 256 fragments is given up") {
  const Bytes datagram = counting(4096);
  const PieceOf piece{datagram};
  RecordingHost host;
  for (std::size_t at = 0; at < 256 * 8; at += 8) host.receives(piece.v4(at, at + 8));
  CHECK(host.ip.fragments(true).size() == 1);
  host.receives(piece.v4(256 * 8, 257 * 8));
  CHECK(host.drops(DropReason::frag_too_many) == 257);
  CHECK(counts(host) == Counts{257, 0, 1});
  CHECK(holds_nothing(host));
}

TEST_CASE("receive_path H7: a transport finds its header in the first buffer, however short the first fragments are") {
  const Bytes payload = counting(100);
  const Bytes datagram = icmp4_message(wire::icmp4_type::echo_request, 0, 0x12345678, payload);
  const PieceOf piece{datagram, wire::ip_proto::icmp};
  RecordingHost host;
  for (std::size_t at = 0; at < 108; at += 8) host.receives(piece.v4(at, std::min<std::size_t>(at + 8, 108)));
  const Bytes frame = host.wire.take_one();
  CHECK(behind(frame, 42) == payload);
  CHECK(has_right_checksums(frame));

  struct HeaderLength final : ip::Transport {
    explicit HeaderLength(Env& host_env) : env(host_env) {}
    void receive(pkt::Packet packet, const ip::Delivery&) override {
      bytes = packet.data().size();
      all = bytes_of(packet);
      drop(env, std::move(packet), DropReason::icmp_unhandled);
    }
    void error(const ip::ErrorReport&) override {}
    Env& env;
    std::size_t bytes = 0;
    Bytes all;
  } transport(host.env);
  host.ip.add_protocol(252, transport);
  const PieceOf tiny{payload, 252};
  for (std::size_t at = 0; at < 100; at += 8) host.receives(tiny.v4(at, std::min<std::size_t>(at + 8, 100)));
  CHECK(transport.bytes == 60);
  CHECK(transport.all == payload);
}
