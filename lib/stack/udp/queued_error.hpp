// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>
#include <vector>

namespace millrace::udp {

/// An ICMP error as recvmsg(MSG_ERRQUEUE) tells it: struct sock_extended_err, and what it is about.
struct QueuedError {
  int error = 0;             ///< errno
  bool is_v6 = false;        ///< ee_origin: SO_EE_ORIGIN_ICMP6, else _ICMP
  std::uint8_t type = 0;     ///< of the ICMP message
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;     ///< ee_info, where a packet was too big
  IpAddress offender{};      ///< who sent the error
  Endpoint destination{};    ///< of the datagram
  std::vector<std::uint8_t> payload{};  ///< what was quoted of its payload
};

}  // namespace millrace::udp
