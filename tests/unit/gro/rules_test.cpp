// SPDX-License-Identifier: BSD-3-Clause
// E4, E6-E9, E13: which segment follows which in one packet, and the headers of the result.
#include <millrace/gro/rules.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

using namespace millrace;
using namespace millrace::test;
using namespace millrace::wire::tcp_flag;

namespace {

// Three segments of a stream, the second and third changed alike.
Sizes from_second(const Change& change) { return merged({nth(0), nth(1, change), nth(2, change)}); }
Sizes from_second6(const Change& change) { return merged({nth6(0), nth6(1, change), nth6(2, change)}); }
const Sizes joined{300};
const Sizes apart{100, 200};

Bytes timestamps(std::uint32_t value) {
  Bytes options{1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 7};
  store_be32(&options[4], value);
  return options;
}

// What the device says of the second and third frame differs from what it says of the first.
Sizes from_second_packet(const PacketChange& first, const PacketChange& others) {
  Lane lane;
  lane.give(nth(0), first);
  lane.give(nth(1), others);
  lane.give(nth(2), others);
  return lane.sizes();
}

}  // namespace

TEST_CASE("segments of a stream become one packet, over IPv4 and IPv6") {
  CHECK(from_second({}) == joined);
  CHECK(from_second6({}) == joined);
}

TEST_CASE("E4 a source MAC that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.source_mac = 8; }) == apart);
  CHECK(from_second6([](Frame& f) { f.source_mac = 8; }) == apart);
}

TEST_CASE("E4 every byte of layer 2 counts, with no tag, one and two") {
  for (const std::size_t tags : {0u, 1u, 2u}) {
    Bytes tag_bytes;
    for (std::size_t i = 0; i < tags; ++i) append(tag_bytes, {0x81, 0, 0, 5});
    const auto framed = [&tag_bytes](int n) {
      Bytes bytes = nth(n).bytes();
      bytes.insert(bytes.begin() + 12, tag_bytes.begin(), tag_bytes.end());
      return bytes;
    };
    Lane same;
    same.give(framed(0));
    same.give(framed(1));
    CHECK(same.sizes() == Sizes{200});
    for (std::size_t byte = 0; byte < 12 + 4 * tags; ++byte) {
      if (byte >= 12 && byte % 4 < 2) continue;  // the tag's type: then it is no tag
      INFO("tags " << tags << " byte " << byte);
      Bytes other = framed(1);
      other[byte] ^= 0x10;
      Lane lane;
      lane.give(framed(0));
      lane.give(other);
      CHECK(lane.sizes() == Sizes{100, 100});
    }
  }
}

TEST_CASE("E4 a VLAN in the frame: equal tags merge, another tag or none does not") {
  const auto tagged = [](std::uint16_t tci) { return [tci](Frame& f) { f.vlan = tci; }; };
  CHECK(merged({nth(0, tagged(5)), nth(1, tagged(5)), nth(2, tagged(5))}) == joined);
  CHECK(merged({nth6(0, tagged(5)), nth6(1, tagged(5)), nth6(2, tagged(5))}) == joined);
  CHECK(merged({nth(0, tagged(5)), nth(1, tagged(6)), nth(2, tagged(6))}) == apart);
  CHECK(merged({nth(0, tagged(5)), nth(1), nth(2)}) == apart);
  CHECK(merged({nth(0, tagged(5)), nth(1, tagged(0x2005)), nth(2, tagged(0x2005))}) == apart);  // priority
}

TEST_CASE("E4 a VLAN tag that the device took off counts the same") {
  const auto tag = [](std::uint16_t tci) {
    return [tci](pkt::Packet& p) {
      p.mbuf().ol_flags |= pkt::flag::rx_vlan | pkt::flag::rx_vlan_stripped;
      p.mbuf().vlan_tci = tci;
    };
  };
  CHECK(from_second_packet(tag(5), tag(5)) == joined);
  CHECK(from_second_packet(tag(5), tag(6)) == apart);
  CHECK(from_second_packet(tag(5), tag(0x2005)) == apart);
  CHECK(from_second_packet(tag(5), {}) == apart);
  CHECK(from_second_packet({}, tag(0)) == apart);

  // The outer tag taken off and an equal inner one left, against one tag left: the same VLAN and the same bytes.
  const auto tagged = [](Frame& f) { f.vlan = 5; };
  for (const bool first : {false, true}) {
    Lane lane;
    lane.give(nth(0, tagged), first ? tag(5) : PacketChange{});
    lane.give(nth(1, tagged), first ? PacketChange{} : tag(5));
    CHECK(lane.sizes() == Sizes{100, 100});
    CHECK(lane.count(stats::Gro::closed_flow) == 1);
  }
}

TEST_CASE("E4 the device's hash: equal, or no merge") {
  const auto hash = [](std::uint32_t h) {
    return [h](pkt::Packet& p) {
      p.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
      p.mbuf().rss_hash = h;
    };
  };
  CHECK(from_second_packet(hash(7), hash(7)) == joined);
  CHECK(from_second_packet(hash(7), hash(8)) == apart);
  CHECK(from_second_packet(hash(0), {}) == apart);
  CHECK(from_second_packet({}, hash(0)) == apart);
}

TEST_CASE("E4 another interface is another flow") {
  Lane lane;
  lane.give(nth(0));
  lane.give(nth(1), [](pkt::Packet& p) { p.meta().ifindex = 2; });
  lane.give(nth(1));
  CHECK(lane.sizes() == Sizes{200, 100});
}

TEST_CASE("E6 other addresses are another flow, and end nothing") {
  const auto elsewhere = [](Frame& f) { f.source_host = 8; };
  CHECK(merged({nth(0), nth(0, elsewhere), nth(1), nth(1, elsewhere)}) == Sizes{200, 200});
}

TEST_CASE("E6 a TTL that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.ttl = 63; }) == apart);
}

TEST_CASE("E6 a TOS that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.tos = 3; }) == apart);
}

TEST_CASE("E6 a DF bit that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.fragment_field = 0; }) == apart);
}

TEST_CASE("E6 a gap in the IP IDs ends the batch") {
  CHECK(from_second([](Frame& f) { f.id = static_cast<std::uint16_t>(f.id + 1); }) == apart);
}

TEST_CASE("E6 IP IDs count up across the 16-bit border") {
  const auto high = [](int n) { return nth(n, [n](Frame& f) { f.id = static_cast<std::uint16_t>(0xffff + n); }); };
  CHECK(merged({high(0), high(1), high(2)}) == joined);
}

TEST_CASE("E6 a constant IP ID merges, with DF and, as since Linux 6.18, without") {
  for (const std::uint16_t df : {0x4000, 0}) {
    const auto same = [df](Frame& f) {
      f.id = 77;
      f.fragment_field = df;
    };
    Lane lane;
    CHECK(lane.sizes({nth(0, same), nth(1, same), nth(2, same)}) == joined);
    CHECK(lane.out[0].meta.gso_fixed_id);
  }
}

TEST_CASE("E6 the second segment decides between counting and constant IP IDs") {
  const auto id = [](int n, std::uint16_t value) { return nth(n, [value](Frame& f) { f.id = value; }); };
  CHECK(merged({id(0, 5), id(1, 5), id(2, 6)}) == Sizes{200, 100});
  CHECK(merged({id(0, 5), id(1, 6), id(2, 6)}) == Sizes{200, 100});
}

TEST_CASE("E7 a hop limit that differs ends the batch") {
  CHECK(from_second6([](Frame& f) { f.ttl = 63; }) == apart);
}

TEST_CASE("E7 a traffic class that differs ends the batch") {
  CHECK(from_second6([](Frame& f) { f.tos = 3; }) == apart);
}

TEST_CASE("E7 a flow label that differs does not merge") {
  CHECK(from_second6([](Frame& f) { f.flow_label = 9; }) == apart);
}

TEST_CASE("E7 other addresses are another flow: each of the four words counts") {
  for (const std::size_t byte : {0u, 7u, 8u, 15u, 16u, 23u, 24u, 31u}) {
    Lane lane;
    const auto accept = [](pkt::Packet& p) { p.meta().checksum = pkt::ChecksumVerdict::good; };
    Bytes other = nth6(1).bytes();
    other[14 + 8 + byte] ^= 1;
    lane.give(nth6(0));
    lane.give(other, accept);
    lane.give(nth6(1));
    CHECK(lane.sizes() == Sizes{200, 100});
  }
}

TEST_CASE("E7 extension headers: equal ones merge, others do not") {
  const auto options = [](std::uint8_t value) {
    return [value](Frame& f) { f.extensions = {wire::ip_proto::tcp, 0, 5, 2, value, 0, 1, 0}; };
  };
  CHECK(merged({nth6(0, options(0)), nth6(1, options(0)), nth6(2, options(0))}) == joined);
  CHECK(merged({nth6(0, options(0)), nth6(1, options(1)), nth6(2, options(1))}) == apart);
  CHECK(merged({nth6(0), nth6(1, options(0)), nth6(2, options(0))}) == apart);
}

TEST_CASE("E8 other ports are another flow, and end nothing") {
  const auto elsewhere = [](Frame& f) { f.source_port = 1001; };
  CHECK(merged({nth(0), nth(0, elsewhere), nth(1), nth(1, elsewhere)}) == Sizes{200, 200});
}

TEST_CASE("E8 CWR on the new segment alone ends the batch, on the held one alone too") {
  const auto with_cwr = [](Frame& f) { f.flags |= cwr; };
  CHECK(merged({nth(0), nth(1, with_cwr), nth(2)}) == Sizes{100, 100, 100});
  CHECK(merged({nth(0, with_cwr), nth(1), nth(2)}) == apart);
}

TEST_CASE("E8 CWR on every segment, as AccECN has it, is merged and marked, and comes back on every segment") {
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t ace : {std::uint8_t{cwr}, std::uint8_t{cwr | ece}, std::uint8_t{ece}, std::uint8_t{0}}) {
      Lane lane;
      std::vector<Bytes> given;
      for (int n = 0; n < 4; ++n) {
        const auto with_ace = [ace](Frame& f) { f.flags |= ace; };
        given.push_back((v6 ? nth6(n, with_ace) : nth(n, with_ace)).bytes());
        lane.give(given.back());
      }
      CHECK(lane.sizes() == Sizes{400});
      const Output& out = lane.out[0];
      CHECK(out.meta.gso_accecn == ((ace & cwr) != 0));
      CHECK(PlainSegmenter(out.meta).split(out.bytes) == given);
    }
  }
}

TEST_CASE("E8 ECE and the reserved bits are part of the fourth word") {
  CHECK(from_second([](Frame& f) { f.flags |= ece; }) == apart);
  Lane lane;
  lane.give(nth(0));
  Bytes with_ae = nth(1).bytes();
  with_ae[14 + 20 + 12] |= 1;
  lane.give(with_ae, [](pkt::Packet& p) { p.meta().checksum = pkt::ChecksumVerdict::good; });
  CHECK(lane.sizes() == Sizes{100, 100});
}

TEST_CASE("E8 an ACK flag that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.flags = 0; }) == apart);
}

TEST_CASE("E8 a window that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.window = 501; }) == apart);
}

TEST_CASE("E8 a header length that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.options = timestamps(1); }) == apart);
}

TEST_CASE("E8 an acknowledgement that differs ends the batch") {
  CHECK(from_second([](Frame& f) { f.ack = 2; }) == apart);
}

TEST_CASE("E8 options: every byte must be equal") {
  const auto stamped = [](std::uint32_t value) { return [value](Frame& f) { f.options = timestamps(value); }; };
  CHECK(merged({nth(0, stamped(1)), nth(1, stamped(1)), nth(2, stamped(1))}) == joined);
  CHECK(merged({nth(0, stamped(1)), nth(1, stamped(2)), nth(2, stamped(2))}) == apart);
  const auto last_byte = [](Frame& f) {
    f.options = Bytes(40, 1);
    f.options[39] = f.seq == 1000 ? 1 : 0;
  };
  CHECK(from_second(last_byte) == apart);
  CHECK(merged({nth(0, last_byte), nth(1, last_byte), nth(2, last_byte)}) == apart);
}

TEST_CASE("E8 an urgent pointer that differs ends the batch, though URG is not set") {
  CHECK(from_second([](Frame& f) { f.urgent = 1; }) == apart);
}

TEST_CASE("E8 a gap in the sequence ends the batch") {
  CHECK(merged({nth(0), nth(1, [](Frame& f) { f.seq += 1; })}) == Sizes{100, 100});
}

TEST_CASE("E8 a repeated segment ends the batch") {
  CHECK(merged({nth(0), nth(1, [](Frame& f) { f.seq -= 100; })}) == Sizes{100, 100});
}

TEST_CASE("E8 the sequence runs across the 32-bit border") {
  const auto late = [](Frame& f) { f.seq += 0xffffffff - 1100; };
  CHECK(merged({nth(0, late), nth(1, late), nth(2, late)}) == joined);
}

TEST_CASE("E8 a segment longer than the first ends the batch") {
  CHECK(merged({nth(0), nth(1, [](Frame& f) { f.payload = 101; })}) == Sizes{100, 101});
}

TEST_CASE("E8 the merged packet stays below 65536 bytes, and the rest begins another") {
  Lane lane;
  Frame f;
  f.payload = 1448;
  for (int i = 0; i < 50; ++i) {
    lane.give(f);
    f.seq += 1448;
    ++f.id;
  }
  CHECK(lane.sizes() == Sizes{45 * 1448, 5 * 1448});
  CHECK(lane.out[0].bytes.size() == 14 + 40 + 45 * 1448);
  CHECK(lane.out[0].buffers == 45);
}

TEST_CASE("E8 gro_max_size: equal to it is too large") {
  const auto limit = [](std::uint32_t size) {
    gro::Config config;
    config.max_size = size;
    return Lane(config).sizes({nth(0), nth(1), nth(2)});
  };
  CHECK(limit(341) == Sizes{300});
  CHECK(limit(340) == Sizes{200, 100});
}

TEST_CASE("E8 gro_max_size: no more than a 16-bit length can say, whatever is asked for") {
  gro::Config config;
  config.max_size = 200000;
  Lane lane(config);
  Frame f;
  f.payload = 1448;
  for (int i = 0; i < 46; ++i) {
    lane.give(f);
    f.seq += 1448;
    ++f.id;
  }
  CHECK(lane.sizes() == Sizes{45 * 1448, 1448});
}

TEST_CASE("E8 a frame that the device merged: same segment size, and its tail ends the batch") {
  const auto lro = [](std::uint16_t mss, std::uint16_t segments) {
    return [=](pkt::Packet& p) {
      p.mbuf().ol_flags |= pkt::flag::rx_lro;
      p.meta().gso_size = mss;
      p.meta().gso_segs = segments;
      p.meta().checksum = pkt::ChecksumVerdict::partial;
    };
  };
  const auto sized = [](int n, std::size_t payload) { return nth(n, [=](Frame& f) { f.payload = payload; }); };
  const auto after_single = [&](std::size_t payload, const PacketChange& change) {
    Lane lane;
    lane.give(nth(0));
    lane.give(sized(1, payload), change);
    lane.flush();
    return lane.out;
  };
  CHECK(after_single(300, lro(100, 3)).size() == 1);
  CHECK(after_single(300, lro(100, 3))[0].meta.gso_segs == 4);
  CHECK(after_single(300, lro(150, 2)).size() == 2);

  Lane tail;
  tail.give(nth(0));
  tail.give(sized(1, 250), lro(100, 3));
  CHECK(tail.gro.held() == 0);
  CHECK(tail.sizes() == Sizes{350});

  Lane first;  // begins a packet, and is followed by single frames
  first.give(sized(0, 200), lro(100, 2));
  first.give(nth(2));
  CHECK(first.sizes() == Sizes{300});

  Lane untold;  // without the size of its segments, or with a wrong one, it goes alone
  untold.give(sized(0, 200), lro(0, 2));
  untold.give(sized(2, 200), lro(100, 9));
  CHECK(untold.count(stats::Gro::held) == 0);
  CHECK(untold.sizes() == Sizes{200, 200});

  Lane miscounted;
  miscounted.give(nth(0));
  miscounted.give(sized(1, 250), lro(100, 9));
  CHECK(miscounted.sizes() == Sizes{100, 250});
}

TEST_CASE("E9 PSH and FIN end the batch at once, and are the merged packet's") {
  for (const std::uint8_t flag : {psh, fin}) {
    Lane lane;
    lane.give(nth(0));
    lane.give(nth(1, [flag](Frame& f) { f.flags |= flag; }));
    CHECK(lane.gro.held() == 0);
    lane.give(nth(2));
    CHECK(lane.sizes() == Sizes{200, 100});
    CHECK(lane.out[0].flags() == (ack | flag));
    CHECK(lane.out[1].flags() == ack);
  }
}

TEST_CASE("E9 a segment shorter than the first joins and ends the batch") {
  Lane lane;
  lane.give(nth(0));
  CHECK(lane.give(nth(1, [](Frame& f) { f.payload = 99; })) == gro::Verdict::merged);
  CHECK(lane.gro.held() == 0);
  CHECK(lane.sizes() == Sizes{199});
}

TEST_CASE("E9 an unmerged segment with PSH, FIN, RST, SYN or URG is not held") {
  for (const std::uint8_t flag : {psh, fin, rst, syn, urg}) {
    Lane lane;
    CHECK(lane.give(nth(0, [flag](Frame& f) { f.flags |= flag; })) == gro::Verdict::normal);
    CHECK(lane.gro.held() == 0);
    lane.flush();
  }
}

TEST_CASE("E9 a pure ACK never overtakes held data, and is not held") {
  Lane lane;
  lane.give(nth(0));
  CHECK(lane.give(nth(1, [](Frame& f) { f.payload = 0; })) == gro::Verdict::normal);
  CHECK(lane.gro.held() == 0);
  CHECK(lane.sizes() == Sizes{100, 0});
}

TEST_CASE("E9 SYN, RST and URG go up behind what is held of their flow") {
  for (const std::uint8_t flag : {syn, rst, urg}) {
    CHECK(merged({nth(0), nth(1, [flag](Frame& f) { f.flags |= flag; })}) == Sizes{100, 100});
  }
}

TEST_CASE("E13 a packet of one segment is untouched") {
  Lane lane;
  lane.give(nth(0));
  lane.flush();
  CHECK(lane.out[0].bytes == nth(0).bytes());
  CHECK(lane.out[0].meta.gso_size == 0);
  CHECK(lane.out[0].meta.gso_segs == 1);
}

TEST_CASE("E13 merged headers are right, and splitting gives the originals bit by bit") {
  std::vector<Frame> frames;
  for (const int family : {4, 6}) {
    for (int i = 0; i < 5; ++i) {
      frames.push_back(nth(i, [=](Frame& f) {
        f.family = family;
        f.source_port = static_cast<std::uint16_t>(3000 + family);
        f.options = timestamps(1);
        if (i == 4) f.payload = 37;
        if (i == 4) f.flags |= psh | fin;
      }));
    }
  }
  for (int i = 0; i < 5; ++i) frames.push_back(nth(i, [](Frame& f) { f.id = 0; }));
  Lane lane;
  CHECK(lane.sizes(frames) == Sizes{437, 437, 500});
  std::vector<Bytes> back;
  for (const Output& o : lane.out) {
    CHECK(fault_of_merged(o.bytes, o.meta) == nullptr);
    CHECK(o.meta.gso_size == 100);
    CHECK(o.meta.gso_segs == 5);
    CHECK(o.buffers == 5);
    for (const Bytes& f : split(o.bytes, o.meta)) back.push_back(f);
  }
  REQUIRE(back.size() == frames.size());
  for (std::size_t i = 0; i < back.size(); ++i) CHECK(back[i] == frames[i].bytes());
}
