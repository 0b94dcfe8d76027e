// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/capture/tap.hpp>
#include <millrace/env/env.hpp>

#include <cstdint>

namespace millrace::runtime {

/// Where frames may be copied for a capture: the receive or the transmit side of one lcore.
struct CapturePoint {
  capture::Tap* tap = nullptr;             ///< null: no capture
  const std::uint64_t* interfaces = nullptr; ///< bit i: interface i is captured

  void record(const Env& env, const pkt::Packet& frame, capture::Direction direction) const {
    const std::uint16_t ifindex = frame.meta().ifindex;
    if (tap == nullptr || (*interfaces >> (ifindex & 63) & 1) == 0) return;
    tap->record(frame, ifindex - 1u, direction, env.now);
  }
};

}  // namespace millrace::runtime
