// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>

namespace millrace::ip {

/// What the extension headers of a received IPv6 packet lead to.
struct ExtHeaders {
  enum class Verdict : std::uint8_t {
    deliver,         ///< to `proto`, whose header is at `offset`
    fragment,        ///< needs reassembly: `proto` is what its Fragment header announces, `offset` lies behind that
    no_next_header,  ///< ends without an upper layer (RFC 8200 section 4.7)
    malformed,       ///< a header or option does not fit in the bytes, or there are too many
    discard,         ///< an option says so, silently
    misaddressed,    ///< the same of a routing header, which is not for groups
    report,          ///< drop and send a parameter problem with `code` and `pointer`
  };
  Verdict verdict = Verdict::malformed;
  std::uint8_t proto = 0;
  std::uint16_t offset = 0;    ///< from the IPv6 header's first byte
  std::uint16_t proto_at = 0;  ///< where `proto` stands, for a parameter problem about it
  std::uint8_t code = 0;
  std::uint16_t pointer = 0;
  bool has_atomic_fragment = false;  ///< a Fragment header was passed over, for the packet is whole (RFC 6946)
};

/// Judges hop-by-hop, destination options, routing and fragment headers as their destination does (RFC 8200 section
/// 4, RFC 5095, RFC 6946). `packet` begins at an IPv6 header that is whole; `to_group`: its destination is multicast; `is_ours`: its
/// frame came to this host alone.
[[nodiscard]] ExtHeaders judge_ext_headers(std::span<const std::uint8_t> packet, bool to_group, bool is_ours = true);
/// The same of hop-by-hop options alone, which concern everybody on the way: `deliver` where there are none, or they are right.
[[nodiscard]] ExtHeaders judge_hop_by_hop(std::span<const std::uint8_t> packet, bool to_group);

/// Whether the headers that begin with one of `proto` lie whole in `part`, that of the upper layer included: as they have to
/// in a first fragment (RFC 7112 section 5, RFC 8200 section 4.5).
[[nodiscard]] bool holds_header_chain(std::span<const std::uint8_t> part, std::uint8_t proto);

}  // namespace millrace::ip
