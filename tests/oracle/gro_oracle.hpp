// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/oracle/coverage.hpp"
#include "tests/oracle/gro_read.hpp"

#include <cstdint>
#include <vector>

namespace millrace::oracle {

/// The tunables, with their defaults; times in nanoseconds.
struct Rules {
  bool enabled = true;
  std::size_t normal_batch = 8;
  std::size_t max_size = 65536;
  std::int64_t tick = 1'000'000;
  std::int64_t poll_hold = 10'000;
};

/// A packet that GRO passes up.
struct Passed {
  Bytes bytes;
  std::uint16_t gso_size = 0;
  std::uint16_t gso_segs = 1;
  bool fixed_id = false;
  bool accecn = false;                ///< every segment has CWR
  bool is_merged = false;             ///< GRO wrote its headers: its TCP checksum field holds the pseudo header's sum
  std::size_t sum_at = 0;             ///< where that field is
  std::vector<std::uint64_t> frames;  ///< numbers of the frames in it
};

enum class Fate : std::uint8_t { normal, held, merged };

/// One receive queue's GRO: sections D, E and T of receive_path.md. The table of held packets has no bound here, so a
/// run that is to be compared has to stay within what one set of the real one holds (E11).
class GroOracle {
 public:
  /// `coverage` is borrowed and told of every condition that was met.
  GroOracle(const Rules& rules, Coverage& coverage) : rules_(rules), coverage_(coverage) {}

  /// A held packet: the headers of its first frame, the payload of all.
  struct Held {
    Frame first;
    Reading head;             ///< of `first`
    std::uint16_t flags = 0;  ///< head.offset_flags, with FIN and PSH of all
    std::size_t mss = 0;
    std::size_t payload = 0;
    std::size_t count = 1;
    bool fixed_id = false;
    Bytes more;  ///< payload behind the first frame's
    std::int64_t begun = 0, active = 0;
    std::vector<std::uint64_t> frames;
  };

  /// Number `number` at time `now`.
  Fate receive(const Frame& frame, std::uint64_t number, std::int64_t now);
  void complete(std::int64_t now);   ///< a poll below its weight (D12, X19)
  void flush_old(std::int64_t now);  ///< a poll that used its weight (D10, E12)
  void flush_all();

  /// What has been passed up since the last call, in order.
  [[nodiscard]] std::vector<Passed> take();
  /// What is held of a flow, or null.
  [[nodiscard]] const Held* held(const FlowId& flow) const;
  [[nodiscard]] std::size_t held_count() const { return held_.size(); }

 private:
  std::vector<std::string> why_not(const Held& held, const Frame& frame, const Reading& r) const;
  void join(Held& held, const Frame& frame, const Reading& r);
  bool ends(const Frame& frame, const Reading& r, std::size_t mss);
  bool may_begin(const Frame& frame, const Reading& r);
  void note_joined(const Held& held, const Frame& frame, const Reading& r);
  void note_other_flow(const Reading& r);
  void close(std::size_t index);
  void pass_alone(const Frame& frame, std::uint64_t number);
  void pass(Passed packet, std::size_t segments);
  void end_poll();

  Rules rules_;
  Coverage& coverage_;
  std::vector<Held> held_;      // in the order of their beginning
  std::vector<Passed> normal_;  // what waits for its batch (E14)
  std::size_t normal_segments_ = 0;
  std::vector<Passed> up_;
};

}  // namespace millrace::oracle
