// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rng.hpp>
#include <millrace/base/time.hpp>
#include <millrace/wire/flow_rule.hpp>
#include <millrace/wire/rss.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::sim {

/// What one direction of a link does to the frames it carries. Probabilities are in [0, 1]; the names and the default
/// bound are those of netem.
struct Impairments {
  double loss = 0;
  double duplicate = 0;  ///< a second copy follows the first
  double corrupt = 0;    ///< one bit of an IP packet flips; Ethernet headers and ARP are spared, as the frame check
                         ///< sequence of a real link would have caught that
  double reorder = 0;    ///< a frame is held back until 1..reorder_packets later ones have passed it, or
  std::uint32_t reorder_packets = 3;
  Duration reorder_delay = 1ms;  ///< for so long if too few come; one frame at a time is held back
  Duration delay{0};
  Duration jitter{0};                 ///< up to so much is added to the delay; never overtakes an earlier frame
  std::uint64_t rate_bits_per_s = 0;  ///< serialisation of the frame's own bytes; 0: takes no time
  std::uint32_t limit = 1000;         ///< frames on the way at most; one more is dropped
};

/// What a channel has done so far.
struct ChannelStats {
  std::uint64_t sent = 0;  ///< frames offered by the sender
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;  ///< frames that a later one overtook
  std::uint64_t corrupted = 0;
  std::uint64_t overflowed = 0;  ///< dropped because `limit` frames were on the way
};

/// A frame between two hosts.
struct Frame {
  std::vector<std::uint8_t> bytes{};
  bool corrupted = false;
  std::uint16_t sum_offset = 0;  ///< not 0: the checksum found here covers the pseudo header only,
  std::uint16_t final_sum = 0;   ///< and this is what a device that finishes it would write
  std::uint32_t rss_hash = 0;    ///< set by the receiving end, if
  bool has_hash = false;         ///< it hashed the frame by all that tells flows apart
  Instant arrival{};             ///< when it reached the receiving end; set there

  /// Finishes the checksum, as the frame would be seen on a cable.
  void finish_checksum();
};

/// One direction of a link: decides at send() when, where and in which state a frame arrives, from its own seeded
/// generator and the sender's clock alone. Every call takes the channel's lock, so the two ends, and the queues of
/// one end, may be driven by different threads; in one thread a run repeats exactly.
class Channel {
 public:
  Channel(std::uint64_t seed, const Impairments& impairments, std::uint16_t queues);

  void set_impairments(const Impairments& impairments);
  /// Is told of each frame: when it is sent (whatever then happens to it), and when it is taken at the far end. It must
  /// not call the channel. Before the first frame.
  using Watch = std::function<void(Instant now, bool arrived, std::span<const std::uint8_t> frame)>;
  void watch(Watch watch) { watch_ = std::move(watch); }
  /// Receive queues of the end that this channel leads to, all with their equal share of flows; while no frame is on
  /// the way.
  void set_queues(std::uint16_t queues);
  /// How that end spreads the frames that are sent from now on. The entries of the RETA are queues that are there.
  void set_rss(const wire::Rss& rss);
  [[nodiscard]] wire::Rss rss() const;
  /// Frames of that flow that are sent from now on go to the rule's queue, which is there, and come without a hash. False
  /// when the flow has a rule already.
  bool add_rule(const wire::FlowRule& rule);
  void remove_rule(const FlowKey& flow);
  /// Copies the frame. `now` must not run backwards.
  void send(Instant now, const Frame& frame);
  /// Moves the earliest frame that has arrived at `queue` by `now` into `frame`; false when there is none. The
  /// storage that `frame` had is kept for later frames.
  bool take(Instant now, std::uint16_t queue, Frame& frame);
  /// The same over all queues, in order of arrival.
  bool take_any(Instant now, Frame& frame);
  /// Frames that have arrived at `queue` or are on the way there.
  [[nodiscard]] int waiting(std::uint16_t queue) const;
  /// When the next frame arrives, at whatever queue; may lie in the past; `never` when none is on the way.
  [[nodiscard]] Instant next_arrival() const;
  [[nodiscard]] ChannelStats stats() const;
  /// Whether a byte takes its time on the line: rate_bits_per_s is not 0.
  [[nodiscard]] bool has_rate() const;
  /// Bytes that wait for the line or are on it, by rate_bits_per_s; and when only `left` of them will.
  [[nodiscard]] std::uint64_t in_flight(Instant now) const;
  [[nodiscard]] Instant drained_to(std::uint64_t left, Instant now) const;

 private:
  struct Pending {
    Instant arrival;
    std::uint64_t order;
    std::uint32_t slot;
    bool operator>(const Pending& o) const { return arrival != o.arrival ? arrival > o.arrival : order > o.order; }
  };
  struct Held {
    std::uint32_t slot;
    std::uint32_t passes_left;
    bool overtaken;
    Instant until;
  };
  using Heap = std::vector<Pending>;

  void put(Instant now, const Frame& frame);
  Instant schedule(Instant now, std::size_t bytes);
  void push(Instant arrival, std::uint32_t slot);
  std::uint16_t place(Frame& frame) const;
  void release_held(Instant arrival);
  bool pop(Instant now, Heap& heap, Frame& frame);
  std::uint32_t store(const Frame& frame);
  void corrupt(Frame& frame);

  mutable std::mutex mutex_;
  Rng rng_;
  Impairments impairments_;
  std::vector<Frame> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<Heap> heaps_;  // one a receive queue
  wire::Rss rss_;
  std::optional<wire::RssSpread> spread_;
  std::map<FlowKey, std::uint16_t> rules_;
  std::optional<Held> held_;
  std::uint64_t order_ = 0;
  Instant line_free_{};
  Instant last_arrival_{};
  ChannelStats stats_;
  Watch watch_;
};

}  // namespace millrace::sim
