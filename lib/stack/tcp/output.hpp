// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

/// A segment about to be sent, but for its payload.
struct Tcp::Outgoing {
  FlowKey flow{};
  Seq seq{};
  Seq ack{};
  std::uint8_t flags = 0;
  std::uint16_t wnd = 0;
  std::uint32_t mss = 0;  ///< payload beyond it goes in segments of this size, cut behind the tx queue
  wire::TcpOptions options{};
  ip::RouteCache* route = nullptr;  ///< the connection's
  std::uint8_t traffic_class = 0;
};

}  // namespace millrace::tcp
