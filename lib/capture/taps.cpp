// SPDX-License-Identifier: BSD-3-Clause
// Who watches an lcore's packets. Called by tap() and drop() of lib/env at each point of the path; calls the filters and Tap.
#include <millrace/capture/taps.hpp>

#include <algorithm>

namespace millrace::capture {
namespace {

// Puts back in front what was taken off a frame on its way up; the bytes are still there.
class WholeFrame {
 public:
  WholeFrame(pkt::Packet& packet, TapPoint point) : packet_(packet) {
    const std::uint16_t begin = packet.meta().frame_offset;
    const std::uint16_t now = packet.headroom();
    if (point == TapPoint::driver || point == TapPoint::out) return;
    is_known_ = begin != 0 && begin <= now;
    if (is_known_) taken_off_ = static_cast<std::uint16_t>(now - begin);
    packet_.prepend(taken_off_);
  }
  ~WholeFrame() { packet_.trim_front(taken_off_); }
  WholeFrame(const WholeFrame&) = delete;
  WholeFrame& operator=(const WholeFrame&) = delete;
  [[nodiscard]] bool is_known() const { return is_known_; }

 private:
  pkt::Packet& packet_;
  std::uint16_t taken_off_ = 0;
  bool is_known_ = true;
};

}  // namespace

void Taps::add(Tap& tap, const Interest& interest) {
  members_.push_back({&tap, interest});
  count_points();
}

void Taps::remove(const Tap& tap) {
  std::erase_if(members_, [&](const Member& member) { return member.tap == &tap; });
  count_points();
}

void Taps::count_points() {
  points = 0;
  for (const Member& member : members_) points |= member.interest.points;
  env_.tap = members_.empty() ? nullptr : this;
}

void Taps::see(pkt::Packet& packet, TapPoint point, stats::DropReason reason) {
  const WholeFrame whole(packet, point);
  if (!whole.is_known()) return;
  const std::uint8_t here = static_cast<std::uint8_t>(1u << static_cast<unsigned>(point));
  const std::uint64_t interface = std::uint64_t{1} << (packet.meta().ifindex & 63);
  for (const Member& member : members_)
    if ((member.interest.points & here) != 0 && (member.interest.interfaces & interface) != 0)
      show(member, packet, {.time = env_.now, .point = point, .reason = reason, .lcore = env_.lcore});
}

void Taps::show(const Member& member, const pkt::Packet& frame, Sighting sighting) {
  if (member.interest.filter != nullptr) {
    sighting.most_bytes = member.interest.filter->run(frame);
    if (sighting.most_bytes == 0) return env_.stats->tap.add(stats::Tap::filtered);
  }
  const bool is_kept = member.tap->record(frame, frame.meta().ifindex - 1u, sighting);
  env_.stats->tap.add(is_kept ? stats::Tap::recorded : stats::Tap::dropped);
}

}  // namespace millrace::capture
