// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/catch.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace millrace::test {

/// A small pcapng reader of the tests' own: one section, this machine's byte order. It fails the test on anything that
/// draft-ietf-opsawg-pcapng does not allow.
struct PcapngFile {
  struct Interface {
    std::uint16_t linktype;
    std::uint32_t snaplen;
    std::map<int, std::string> options;
  };
  struct Packet {
    std::uint32_t interface;
    std::uint64_t time;
    std::uint32_t original_length;
    std::string bytes;
    std::map<int, std::string> options;
  };
  std::size_t size = 0;
  std::map<int, std::string> section_options;
  std::vector<Interface> interfaces;
  std::vector<Packet> packets;

  explicit PcapngFile(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    size = all.size();
    for (std::size_t at = 0; at < all.size();) {
      REQUIRE(all.size() - at >= 12);
      const auto length = number(all, at + 4);
      REQUIRE(length % 4 == 0);
      REQUIRE((length >= 12 && length <= all.size() - at));
      REQUIRE(number(all, at + length - 4) == length);
      block(number(all, at), all.substr(at + 8, length - 12));
      at += length;
    }
  }

 private:
  static std::uint32_t number(const std::string& s, std::size_t at) {
    std::uint32_t v = 0;
    REQUIRE(at + 4 <= s.size());
    std::memcpy(&v, s.data() + at, 4);
    return v;
  }
  static std::map<int, std::string> options(const std::string& body, std::size_t at) {
    std::map<int, std::string> found;
    while (at < body.size()) {
      const std::uint32_t head = number(body, at);
      const int code = static_cast<int>(head & 0xffff);
      const std::size_t length = head >> 16;
      at += 4;
      if (code == 0) {
        CHECK(length == 0);
        CHECK(at == body.size());
        return found;
      }
      REQUIRE(at + length <= body.size());
      CHECK(found.emplace(code, body.substr(at, length)).second);
      at += (length + 3) / 4 * 4;
    }
    FAIL("options without an end");
    return found;
  }
  void block(std::uint32_t type, const std::string& body) {
    if (type == 0x0a0d0d0a) {
      CHECK(interfaces.empty());
      CHECK(number(body, 0) == 0x1a2b3c4d);
      CHECK(number(body, 4) == 1);  // version 1.0
      CHECK(body.substr(8, 8) == std::string(8, '\xff'));
      section_options = options(body, 16);
    } else if (type == 1) {
      CHECK(packets.empty());
      CHECK(number(body, 0) >> 16 == 0);
      interfaces.push_back({static_cast<std::uint16_t>(number(body, 0)), number(body, 4), options(body, 8)});
    } else {
      REQUIRE(type == 6);
      const std::size_t kept = number(body, 12);
      REQUIRE(20 + kept <= body.size());
      REQUIRE(number(body, 0) < interfaces.size());
      CHECK(number(body, 16) >= kept);
      const std::uint64_t time = std::uint64_t{number(body, 4)} << 32 | number(body, 8);
      packets.push_back(
          {number(body, 0), time, number(body, 16), body.substr(20, kept), options(body, 20 + (kept + 3) / 4 * 4)});
    }
  }
};

}  // namespace millrace::test
