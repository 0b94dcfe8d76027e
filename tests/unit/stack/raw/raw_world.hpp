// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <vector>

namespace millrace::test {

inline const IpAddress a4 = IpAddress::v4(10, 77, 0, 1);
inline const IpAddress b4 = IpAddress::v4(10, 77, 0, 2);
inline const IpAddress a6 = *IpAddress::parse("fd00:77::1");
inline const IpAddress b6 = *IpAddress::parse("fd00:77::2");

inline RawSocket& opened(Result<RawSocket*> socket) {
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

/// An echo request with an identifier of the sender's and, of IPv4, the right checksum.
inline std::vector<std::uint8_t> echo_request(bool v6, std::uint16_t ident, std::uint16_t sequence, std::size_t payload = 32) {
  std::vector<std::uint8_t> icmp(8 + payload, 0x5a);
  icmp[0] = v6 ? 128 : 8;
  icmp[1] = icmp[2] = icmp[3] = 0;
  store_be16(&icmp[4], ident);
  store_be16(&icmp[6], sequence);
  if (!v6) store_be16(&icmp[2], static_cast<std::uint16_t>(~naive_sum(icmp)));
  return icmp;
}

struct Got {
  std::int64_t length = 0;
  std::vector<std::uint8_t> bytes{};
  socket::RawControl control{};
};
inline Got read(RawSocket& socket) {
  Got got;
  got.bytes.resize(70000);
  got.length = socket.receive_from(got.bytes, got.control);
  got.bytes.resize(got.length > 0 ? static_cast<std::size_t>(got.length) : 0);
  return got;
}

}  // namespace millrace::test
