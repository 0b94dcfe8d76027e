// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/env/env.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/address.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace millrace::ip {

/// A received fragment: which datagram it belongs to, and which of its bytes it brings.
struct Fragment {
  struct Key {
    IpAddress source;
    IpAddress destination;
    std::uint32_t id = 0;
    std::uint8_t proto = 0;  ///< IPv4 only (RFC 791 section 3.2); 0 in IPv6 (RFC 8200 section 4.5)
    bool operator==(const Key&) const = default;
  };
  Key key;
  std::uint32_t begin = 0;  ///< of its bytes within the datagram's, headers not counted
  std::uint32_t end = 0;
  std::uint16_t header_bytes =
      0;  ///< what lies in front of them, from data(): IP's, in IPv6 up to the Fragment header's end
  bool more = false;
  std::uint8_t ecn = 0;  ///< the two bits of the traffic class
};

/// Incomplete datagrams of one version of IP on one lcore. Buffers are chained, never copied. What fragments and their
/// datagrams take is charged by truesize and never exceeds high_thresh: whoever would go beyond it makes the oldest
/// datagrams go until low_thresh is reached, so that a flood costs the old and not the new. One thread.
class Reassembly {
 public:
  /// The defaults are IPv4's: net.ipv4.ipfrag_high_thresh, ipfrag_low_thresh, ipfrag_time.
  struct Options {
    std::uint64_t high_thresh = 4u << 20;  ///< bytes; 0: nothing is reassembled
    std::uint64_t low_thresh = 3u << 20;
    Duration timeout = std::chrono::seconds(30);
  };
  /// A datagram of more fragments is given up: 65535 bytes in the pieces of a link of 296 bytes (RFC 1144) fit.
  static constexpr std::size_t most_fragments = 256;

  /// Hears of datagrams that did not become whole in time.
  class Timeouts {
   public:
    virtual ~Timeouts() = default;
    /// `first`, the first fragment, begins at the IP header. Not called when it did not come (RFC 792, RFC 8200
    /// section 4.5).
    virtual void on_reassembly_timeout(const pkt::Packet& first) = 0;
  };

  struct Whole {
    pkt::Packet packet;    ///< the first fragment with its headers as they came, then all other bytes; or null
    std::uint8_t ecn = 0;  ///< to be set in its traffic class (RFC 3168 section 5.3)
  };

  Reassembly(Env& env, Timeouts& timeouts, bool v4) : env_(env), timeouts_(timeouts), v4_(v4) {}
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;
  /// Drops what is incomplete.
  ~Reassembly();

  void configure(const Options& options) { options_ = options; }

  /// Takes a fragment, data() at its IP header, `fragment` read from it. Returns the datagram that it completes. Counts
  /// ReasmReqds, ReasmOKs, ReasmFails, ReasmTimeout and ReasmOverlaps.
  [[nodiscard]] Whole add(pkt::Packet packet, const Fragment& fragment);

  /// What fragments take now, bytes; FRAG: memory of /proc/net/sockstat.
  [[nodiscard]] std::uint64_t memory() const { return memory_; }
  /// Incomplete datagrams; FRAG: inuse.
  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  struct Piece {
    std::uint32_t begin;
    std::uint32_t end;
    pkt::Packet packet;  ///< its bytes alone; the first one's headers still lie in front of data()
  };
  struct Datagram {
    explicit Datagram(Reassembly& all) : owner(&all), timer(&Reassembly::time_out, this) {}
    Reassembly* owner;
    timer::Timer timer;
    ListHook by_key;
    ListHook by_age;
    Fragment::Key key;
    std::vector<Piece> pieces;  // by begin, without overlap
    std::uint64_t cost = 0;
    std::uint32_t received = 0;      // bytes
    std::uint32_t end = 0;           // as far as is known
    std::uint16_t header_bytes = 0;  // of the first fragment
    bool has_end = false;            // `end` is the datagram's
    std::uint8_t ecn_seen = 0;       // bit n: a fragment had ECN n
  };
  using Chain = List<Datagram, &Datagram::by_key>;
  static constexpr std::size_t buckets = 512;

  void count(stats::Ip v4, stats::Ip6 v6);
  [[nodiscard]] Chain& chain(const Fragment::Key& key);
  [[nodiscard]] Datagram& find_or_create(const Fragment::Key& key);
  [[nodiscard]] Datagram& create(const Fragment::Key& key, Chain& chain);
  [[nodiscard]] bool is_too_long(std::uint32_t end, std::uint32_t header_bytes) const;
  [[nodiscard]] static bool reaches(const std::vector<Piece>& pieces, std::uint32_t from, std::vector<Piece>::const_iterator next, std::uint32_t end);
  [[nodiscard]] std::optional<stats::DropReason> objection(const Datagram& datagram, const Fragment& fragment) const;
  [[nodiscard]] bool make_room(const pkt::Packet& packet, std::uint64_t cost);
  void discard(Datagram& datagram, stats::DropReason reason);
  void fail(Datagram& datagram, stats::DropReason reason);
  void insert(Datagram& datagram, pkt::Packet packet, const Fragment& fragment, std::uint64_t cost);
  void release(Datagram& datagram);
  [[nodiscard]] Whole finish(Datagram& datagram);
  void pull_headers(Datagram& datagram);
  static void time_out(void* datagram, Instant now);

  Env& env_;
  Timeouts& timeouts_;
  const bool v4_;
  Options options_{};
  std::uint64_t memory_ = 0;
  std::uint32_t size_ = 0;
  Datagram* last_ = nullptr;  // to which the last fragment belonged, while it is here
  std::deque<Datagram> datagrams_;  // all that were ever needed at once
  Chain free_;
  List<Datagram, &Datagram::by_age> by_age_;  // the oldest first
  std::array<Chain, buckets> by_key_;
};

}  // namespace millrace::ip
