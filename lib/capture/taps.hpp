// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/bpf/filter.hpp>
#include <millrace/capture/tap.hpp>
#include <millrace/env/env.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::capture {

/// What a tap wants to see.
struct Interest {
  std::uint8_t points = 0;      ///< a bit for each TapPoint
  std::uint64_t interfaces = 0; ///< a bit for each ifindex
  std::shared_ptr<const bpf::Filter> filter{};  ///< of the frame from its Ethernet header on; null: every frame
};

/// The taps of one lcore. All of it on that lcore, or while it is stopped.
class Taps final : public PacketTap {
 public:
  explicit Taps(Env& env) : env_(env) {}
  ~Taps() override { env_.tap = nullptr; }
  Taps(const Taps&) = delete;
  Taps& operator=(const Taps&) = delete;

  /// From now on frames are copied for `tap`, which outlives that.
  void add(Tap& tap, const Interest& interest);
  void remove(const Tap& tap);
  void see(pkt::Packet& packet, TapPoint point, stats::DropReason reason) override;

 private:
  struct Member {
    Tap* tap;
    Interest interest;
  };
  void show(const Member& member, const pkt::Packet& frame, Sighting sighting);
  void count_points();

  Env& env_;
  std::vector<Member> members_;
};

}  // namespace millrace::capture
