// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/gro.hpp>

namespace millrace::gro {

/// Takes a burst through GRO. Frames of the common shape (Ethernet, IPv4 or IPv6 without options, TCP, one buffer, a
/// checksum that was verified) that begin a held packet or join one go the short way here; every other frame, and
/// every answer that the short way is not sure of, goes through Gro::receive(), whose rules it shares.
struct FastPath {
  /// One function for each Variant.
  static void scalar(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up);
  static void sse(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up);
  static void avx2(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up);
  static void avx512(Gro& gro, Env& env, pkt::Burst& burst, const Arrival& arrival, pkt::PacketList& up);

  template <class Simd>
  class Pass;  ///< one burst
};

}  // namespace millrace::gro
