// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace millrace::wire {

/// A packet, or part of one, in the order of its bytes: what is long lies in several buffers. Borrowed for the call.
using Pieces = std::span<const std::span<const std::uint8_t>>;

/// What gro_receive() makes of one received packet.
struct GroReceived {
  enum class Action : std::uint8_t {
    pass,     ///< it goes up alone, behind what is held of its flow
    merge,    ///< it may begin a merged packet, or join one that gro_follows() lets it join
    consume,  ///< it has served: it ends here, behind what is held of its flow, and is counted (GRO's CONSUMED)
  };
  Action action = Action::pass;
  std::uint64_t flow = 0;    ///< packets of equal flow (and addresses, with IP) stay in order, and are merged with each other alone
  std::uint16_t header = 0;  ///< merge: bytes at the front that each packet has and a merged one has once; payload follows
  bool is_last = false;      ///< merge: nothing may join behind it
};

/// Packets that were merged. All have the same size of payload, but the last may have less.
struct GroTrain {
  std::span<std::uint8_t> header;  ///< the first packet's, to be brought up to date
  std::uint16_t segments = 0;
  std::uint16_t size = 0;          ///< payload of the first packet, bytes
  std::uint32_t payload = 0;       ///< of all, bytes
};

/// One segment of a packet that is cut.
struct GsoSegment {
  std::uint32_t index = 0;   ///< from 0
  std::uint32_t offset = 0;  ///< payload in front of it, bytes
  std::uint16_t size = 0;    ///< of each segment's payload but the last
  bool is_last = false;
  Pieces payload;            ///< its own
};

/// How GRO and GSO deal with a protocol of the application's own: Linux's struct packet_offload (by EtherType) and
/// net_offload (by IP protocol number). Each callback sees the protocol from its own header on; of what lies in front,
/// Ethernet and IP, Millrace takes care: packets are merged only if it is equal (and IPv4's identification counts up or
/// stands still), lengths, identifications and the IPv4 header checksum of what comes out are right. IP packets with
/// options, extension headers, fragments or padding go up alone.
///
/// The callbacks are called on every lcore at once, and must not throw or block. An Ethernet device pads a frame to 60
/// bytes: gro_receive() answers `pass` to a packet that is longer than its header says.
struct PacketOffload {
  enum class Key : std::uint8_t { ethertype, ip_proto };
  Key key = Key::ethertype;
  std::uint16_t type = 0;
  /// Where several are registered for a type, the first that has the callback is asked: that of the lowest priority,
  /// and of equal ones the earliest.
  std::uint16_t priority = 0;

  /// Looks at a received packet, whose header lies in the first piece if it was not scattered. Null: nothing is merged.
  std::function<GroReceived(Pieces packet)> gro_receive{};
  /// Whether a packet, given by its header, may be appended to `held` of its flow. If so, this may take flags over from its
  /// header, which is gone then, into that of `held`. Null: never.
  std::function<bool(const GroTrain& held, std::span<const std::uint8_t> header)> gro_follows{};
  /// Brings the header of a merged packet up to date: its length. Null: it stays the first packet's.
  std::function<void(const GroTrain& train)> gro_complete{};
  /// Brings the header of a segment up to date, which is the whole packet's until then. Null: a merged packet that is sent
  /// on is dropped (gso_malformed).
  std::function<void(std::span<std::uint8_t> header, const GsoSegment& segment)> gso_segment{};
};

/// Those of an engine; never changed once lcores read it.
class PacketOffloads {
 public:
  /// EINVAL: no type that can be registered, or no callback; the message says what would be valid.
  [[nodiscard]] Result<void> add(PacketOffload offload);
  /// Whose gro_receive() is asked of packets of this type; null: nobody's.
  [[nodiscard]] const PacketOffload* receiving(PacketOffload::Key key, std::uint16_t type) const;
  /// Whose gso_segment() is.
  [[nodiscard]] const PacketOffload* segmenting(PacketOffload::Key key, std::uint16_t type) const;

 private:
  std::vector<std::shared_ptr<const PacketOffload>> sorted_;  ///< by priority; shared with the copies that follow this one
};

}  // namespace millrace::wire
