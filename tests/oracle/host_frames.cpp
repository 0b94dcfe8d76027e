// SPDX-License-Identifier: BSD-3-Clause
// The frames that both hosts get. Called by host_differential.cpp.
#include "tests/oracle/host_frames.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/support/raw_frame.hpp"

#include <algorithm>

namespace millrace::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, icmp6 = 58;

void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

Bytes v4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) { return {a, b, c, d}; }

Bytes v6_address(const Bytes& head, std::uint8_t last) {
  Bytes address(16, 0);
  std::copy(head.begin(), head.end(), address.begin());
  address[15] = last;
  return address;
}

Bytes ethernet(std::uint16_t type, std::uint8_t destination_host = 2) {
  return {2, 0, 0, 0, 0, destination_host, 2, 0, 0, 0, 0, 1, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)};
}

}  // namespace

HostFrame HostFrames::next() {
  HostFrame frame = below(20) == 0 ? arp() : below(2) == 0 ? v4() : v6();
  if (below(4) == 0) spoil(frame);
  if (frame.bytes.size() < 60 && below(2) == 0) frame.bytes.resize(60);  // as Ethernet pads
  return frame;
}

Bytes HostFrames::address(bool v6, bool destination, std::string& kind) {
  const std::uint32_t choice = below(24);
  const Bytes prefix{0xfd, 0, 0, 0x77};
  const std::string end = destination ? " to" : " from";
  if (choice > 8) return v6 ? v6_address(prefix, destination ? 2 : 1) : v4_address(10, 77, 0, destination ? 2 : 1);
  switch (choice) {
    case 0: kind += end + " another host"; return v6 ? v6_address(prefix, 9) : v4_address(10, 77, 0, 9);
    case 1: kind += end + " unspecified"; return v6 ? Bytes(16, 0) : v4_address(0, 0, 0, 0);
    case 2: kind += end + " loopback"; return v6 ? v6_address({}, 1) : v4_address(127, 0, 0, 1);
    case 3: kind += end + " all hosts"; return v6 ? v6_address({0xff, 2}, 1) : v4_address(224, 0, 0, 1);
    case 4: kind += end + " broadcast"; return v6 ? v6_address({0xff, 1}, 1) : v4_address(255, 255, 255, 255);
    case 5: kind += end + " subnet broadcast"; return v6 ? v6_address({0xff, 2}, 2) : v4_address(10, 77, 0, 255);
    case 6: kind += end + " another group"; return v6 ? v6_address({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 7) : v4_address(239, 1, 2, 3);
    case 7: kind += end + " the other end"; return v6 ? v6_address(prefix, destination ? 1 : 2) : v4_address(10, 77, 0, destination ? 1 : 2);
    default: kind += end + " reserved"; return v6 ? v6_address({0xff, 0}, 1) : v4_address(240, 0, 0, 1);
  }
}

Bytes HostFrames::message(bool v6, std::uint8_t& proto, std::string& kind) {
  const std::uint32_t choice = below(12);
  Bytes payload(below(4) == 0 ? below(1200) : below(64), 0x33);
  Bytes l4;
  if (choice < 4) {
    proto = udp;
    const std::uint16_t to = below(3) == 0 ? 9 : below(8) == 0 ? 0 : 7;
    kind += to == 7 ? " udp" : " udp closed port";
    l4 = {0x9c, 0x41, 0, static_cast<std::uint8_t>(to), 0, 0, 0, 0};
    append(l4, payload);
    store_be16(&l4[4], static_cast<std::uint16_t>(l4.size()));
    if (below(12) == 0) {
      kind += " wrong length";
      store_be16(&l4[4], static_cast<std::uint16_t>(below(3) == 0 ? below(9) : l4.size() + 1 + below(9)));
    }
    return l4;
  }
  if (choice < 7) {
    proto = tcp;
    kind += " tcp closed port";
    l4.assign(20, 0);
    store_be16(&l4[0], 40001);
    store_be16(&l4[2], 9);
    store_be32(&l4[4], static_cast<std::uint32_t>(rng_.next()));
    store_be32(&l4[8], static_cast<std::uint32_t>(rng_.next()));
    l4[12] = 0x50;
    l4[13] = one_of(Bytes{0x02, 0x10, 0x18, 0x11, 0x04, 0x14, 0x12, 0x00, 0x29, 0x3f, 0x01, 0x03});
    kind += " flags " + std::to_string(l4[13]);
    store_be16(&l4[14], 1000);
    if (below(2) == 0) append(l4, payload);
    if (below(12) == 0) {
      kind += " wrong offset";
      l4[12] = static_cast<std::uint8_t>(below(16) << 4);
    }
    return l4;
  }
  if (choice < 11) {
    proto = v6 ? icmp6 : icmp;
    const Bytes types = v6 ? Bytes{128, 128, 128, 129, 1, 2, 3, 4, 100, 127, 200, 255, 139} : Bytes{8, 8, 8, 0, 3, 11, 12, 4, 5, 13, 15, 17, 18, 30, 9, 10};
    l4 = {one_of(types), static_cast<std::uint8_t>(below(4) == 0 ? below(16) : 0), 0, 0, 0x12, 0x34, 0, 1};
    kind += " icmp type " + std::to_string(l4[0]) + (l4[1] != 0 ? " code" : "");
    append(l4, payload);
    if (below(16) == 0) l4.resize(below(8));
    return l4;
  }
  proto = one_of(Bytes{0, 2, 4, 41, 43, 44, 50, 51, 59, 60, 89, 132, 136, 253, 255});
  if (v6 && (proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60)) proto = 253;
  kind += " protocol " + std::to_string(proto);
  return payload;
}

void HostFrames::finish_sum(Bytes& l4, bool v6, std::uint8_t proto, const Bytes& source, const Bytes& destination) {
  const std::size_t at = proto == tcp ? 16 : proto == udp ? 6 : proto == icmp || proto == icmp6 ? 2 : 0;
  if (at == 0 || l4.size() < at + 2) return;
  store_be16(&l4[at], 0);
  Bytes pseudo;
  if (proto != icmp) {
    pseudo = source;
    append(pseudo, destination);
    const auto length = static_cast<std::uint32_t>(l4.size());
    if (v6) append(pseudo, {0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 0, 0, 0, proto});
    if (!v6) append(pseudo, {0, proto, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
  }
  append(pseudo, l4);
  const auto sum = static_cast<std::uint16_t>(~naive_sum(pseudo));
  store_be16(&l4[at], proto == udp && sum == 0 ? std::uint16_t{0xffff} : sum);
}

HostFrame HostFrames::v4() {
  HostFrame frame{.kind = "v4"};
  std::uint8_t proto = 0;
  Bytes l4 = message(false, proto, frame.kind);
  const Bytes source = address(false, false, frame.kind);
  const Bytes destination = address(false, true, frame.kind);
  finish_sum(l4, false, proto, source, destination);
  if (below(12) == 0 && l4.size() > 8) {
    frame.kind += "; bad sum";
    l4[proto == tcp ? 17 : proto == udp ? 7 : 3] ^= 0x55;
  }
  Bytes options;
  if (below(10) == 0) {
    options = one_of(std::vector<Bytes>{{1, 1, 1, 0}, {7, 7, 4, 0, 0, 0, 0, 0}, {131, 7, 4, 10, 77, 0, 9, 0}, {68, 8, 5, 0, 0, 0, 0, 0}, {148, 4, 0, 0}, {130, 0, 0, 0}, {7, 2, 4, 0}, {99, 4, 1, 2}});
    frame.kind += "; option " + std::to_string(options[0]) + "," + std::to_string(options[1]);
  }
  Bytes ip(20, 0);
  ip[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
  ip[1] = static_cast<std::uint8_t>(below(4) == 0 ? below(256) : 0);
  store_be16(&ip[4], static_cast<std::uint16_t>(rng_.next()));
  ip[6] = below(2) == 0 ? 0x40 : 0;
  ip[8] = one_of(Bytes{64, 64, 64, 1, 0, 255});
  if (ip[8] < 2) frame.kind += "; ttl " + std::to_string(ip[8]);
  ip[9] = proto;
  std::copy(source.begin(), source.end(), ip.begin() + 12);
  std::copy(destination.begin(), destination.end(), ip.begin() + 16);
  if (below(16) == 0) {
    frame.kind += "; fragment";
    store_be16(&ip[6], static_cast<std::uint16_t>(below(2) == 0 ? 0x2000 : (below(2) << 13) + 1 + below(100)));
  }
  append(ip, options);
  store_be16(&ip[2], static_cast<std::uint16_t>(ip.size() + l4.size()));
  store_be16(&ip[10], static_cast<std::uint16_t>(~naive_sum(ip)));
  frame.bytes = ethernet(0x0800);
  append(frame.bytes, ip);
  append(frame.bytes, l4);
  return frame;
}

HostFrame HostFrames::v6() {
  HostFrame frame{.kind = "v6"};
  std::uint8_t proto = 0;
  Bytes l4 = message(true, proto, frame.kind);
  const Bytes source = address(true, false, frame.kind);
  const Bytes destination = address(true, true, frame.kind);
  finish_sum(l4, true, proto, source, destination);
  if (below(12) == 0 && l4.size() > 8) {
    frame.kind += "; bad sum";
    l4[proto == tcp ? 17 : proto == udp ? 7 : 3] ^= 0x55;
  }
  std::uint8_t next = proto;
  Bytes headers;
  if (below(8) == 0) {
    struct Header {
      std::uint8_t type;
      Bytes bytes;
      const char* name;
    };
    const auto header = one_of(std::vector<Header>{{0, {0, 0, 1, 4, 0, 0, 0, 0}, "hop by hop"},
                                                   {0, {0, 0, 5, 2, 0, 0, 1, 0}, "router alert"},
                                                   {0, {0, 0, 0x3e, 4, 0, 0, 0, 0}, "hop by hop unknown, skip"},
                                                   {0, {0, 0, 0x7e, 4, 0, 0, 0, 0}, "hop by hop unknown, discard"},
                                                   {60, {0, 0, 0xbe, 4, 0, 0, 0, 0}, "destination unknown, report"},
                                                   {60, {0, 0, 0xfe, 4, 0, 0, 0, 0}, "destination unknown, report unicast"},
                                                   {60, {0, 0, 1, 4, 0, 0, 0, 0}, "destination"},
                                                   {60, {0, 9, 1, 4, 0, 0, 0, 0}, "destination too long"},
                                                   {43, {0, 0, 0, 0, 0, 0, 0, 0}, "routing type 0, no segments left"},
                                                   {43, {0, 0, 9, 1, 0, 0, 0, 0}, "routing unknown, segments left"},
                                                   {44, {0, 0, 0, 0, 1, 2, 3, 4}, "atomic fragment"},
                                                   {44, {0, 0, 0, 1, 9, 9, 9, 9}, "first fragment"}});
    headers = header.bytes;
    headers[0] = proto;
    next = header.type;
    frame.kind += std::string("; ") + header.name;
  }
  Bytes ip(40, 0);
  ip[0] = 0x60;
  if (below(4) == 0) ip[1] = static_cast<std::uint8_t>(below(256) & 0xf0);
  store_be16(&ip[4], static_cast<std::uint16_t>(headers.size() + l4.size()));
  ip[6] = next;
  ip[7] = one_of(Bytes{64, 64, 255, 1, 0});
  if (ip[7] < 2) frame.kind += "; hop limit " + std::to_string(ip[7]);
  std::copy(source.begin(), source.end(), ip.begin() + 8);
  std::copy(destination.begin(), destination.end(), ip.begin() + 24);
  frame.bytes = ethernet(0x86dd);
  append(frame.bytes, ip);
  append(frame.bytes, headers);
  append(frame.bytes, l4);
  return frame;
}

HostFrame HostFrames::arp() {
  HostFrame frame{.bytes = ethernet(0x0806), .kind = "arp"};
  Bytes arp{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 10, 77, 0, 2};
  switch (below(8)) {
    case 0: frame.kind += " reply"; arp[7] = 2; break;
    case 1: frame.kind += " for another"; arp[27] = 9; break;
    case 2: frame.kind += " probe"; arp[14] = arp[15] = arp[16] = arp[17] = 0; break;
    case 3: frame.kind += " operation 3"; arp[7] = 3; break;
    case 4: frame.kind += " hardware 9"; arp[1] = 9; break;
    case 5: frame.kind += " short"; arp.resize(20); break;
    default: frame.kind += " request"; break;
  }
  append(frame.bytes, arp);
  return frame;
}

void HostFrames::spoil(HostFrame& frame) {
  Bytes& bytes = frame.bytes;
  switch (below(6)) {
    case 0:
      frame.kind += "; cut";
      bytes.resize(14 + below(static_cast<std::uint32_t>(bytes.size() - 14)));
      break;
    case 1: frame.kind += "; other mac"; bytes[5] = 9; break;
    case 2:
      frame.kind += "; broadcast mac";
      std::fill_n(bytes.begin(), 6, std::uint8_t{0xff});
      break;
    case 3: frame.kind += "; version"; bytes[14] = static_cast<std::uint8_t>((bytes[14] & 0x0f) | (one_of(Bytes{0, 5, 7, 15}) << 4)); break;
    case 4:
      frame.kind += "; header length";
      bytes[14] = static_cast<std::uint8_t>((bytes[14] & 0xf0) | below(16));
      break;
    default: {
      frame.kind += "; a byte";
      const std::size_t at = 14 + below(std::min<std::uint32_t>(60, static_cast<std::uint32_t>(bytes.size() - 14)));
      bytes[at] ^= static_cast<std::uint8_t>(1 + below(255));
    }
  }
}

}  // namespace millrace::test
