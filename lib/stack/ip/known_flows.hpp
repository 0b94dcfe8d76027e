// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/words.hpp>
#include <millrace/pkt/mbuf.hpp>
#include <millrace/wire/protocol.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::ip {

/// What was found out for the last datagram of each of the latest flows: that it is for this host, that its source may send
/// it, and which socket it is for. Early demux (receive_path H3) for sockets without a peer, too, which Linux leaves out: there
/// a socket keeps one route, here it is the flow that does. One thread.
class KnownFlows {
 public:
  /// Addresses, ports and interface, as a header without options or extensions has them.
  using Key = std::array<std::uint64_t, 5>;
  struct Flow {
    Key key{};
    std::uint64_t generation = 0;  ///< of routes and addresses when it was found out; 0: never
    void* socket = nullptr;        ///< null: nothing is known
  };

  /// `ip`: the header, and behind it the ports.
  [[nodiscard]] static Key key_v4(const std::uint8_t* ip, std::uint16_t ifindex) {
    return {load64(ip + 12), 0, 0, 0, ends(ip + 20, ifindex, 4)};
  }
  [[nodiscard]] static Key key_v6(const std::uint8_t* ip, std::uint16_t ifindex) {
    return {load64(ip + 8), load64(ip + 16), load64(ip + 24), load64(ip + 32), ends(ip + 40, ifindex, 6)};
  }
  /// Of a packet that is not at first sight of another kind.
  [[nodiscard]] static bool may_have(const pkt::Meta& meta) { return meta.l4_proto == wire::ip_proto::udp && meta.l4_offset != 0; }
  /// The one place where a flow can be; another may be there.
  [[nodiscard]] Flow& slot(const Key& key) {
    const std::uint64_t addresses = (key[0] ^ key[2]) * odd_0 ^ (key[1] ^ key[3]) * odd_1;
    return flows_[((addresses ^ key[4]) * odd_1) >> (64 - bits)];
  }
  /// A socket came, went or changed its ends.
  void clear() {
    for (Flow& flow : flows_) flow.generation = 0;
  }

 private:
  static constexpr unsigned bits = 6;
  static constexpr std::uint64_t odd_0 = 0x9e3779b97f4a7c15;
  static constexpr std::uint64_t odd_1 = 0xd6e8feb86659fd93;
  [[nodiscard]] static std::uint64_t ends(const std::uint8_t* ports, std::uint16_t ifindex, std::uint64_t family) {
    return load32(ports) | std::uint64_t{ifindex} << 32 | family << 48;
  }
  std::array<Flow, 1u << bits> flows_{};
};

}  // namespace millrace::ip
