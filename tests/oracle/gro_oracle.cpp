// SPDX-License-Identifier: BSD-3-Clause
// Merges by receive_path.md D10, D12, E4-E14, X18 and X19, one condition a line. Called by the differential test; calls
// nothing of lib/.
#include "tests/oracle/gro_oracle.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::oracle {
namespace {

using Reasons = std::vector<std::string>;
constexpr std::uint16_t not_held = tcp_flag::urg | tcp_flag::psh | tcp_flag::rst | tcp_flag::syn | tcp_flag::fin;

constexpr std::array<std::pair<std::uint16_t, const char*>, 13> fourth_word{{
    {0x8000, "header length"},
    {0x4000, "header length"},
    {0x2000, "header length"},
    {0x1000, "header length"},
    {0x0800, "reserved bit 4"},
    {0x0400, "reserved bit 5"},
    {0x0200, "reserved bit 6"},
    {0x0100, "AE"},
    {tcp_flag::ece, "ECE"},
    {tcp_flag::urg, "URG"},
    {tcp_flag::ack, "ACK"},
    {tcp_flag::rst, "RST"},
    {tcp_flag::syn, "SYN"},
}};

std::string side(const char* what, std::int64_t difference) {
  const std::int64_t far = std::abs(difference);
  return std::string(what) + (difference < 0 ? " lower" : " higher") + (far == 1 ? " by 1" : "");
}

void compare(Reasons& why, const char* what, std::int64_t held, std::int64_t fresh) {
  if (held != fresh) why.push_back(side(what, fresh - held));
}

/// E4.
void compare_links(Reasons& why, const GroOracle::Held& held, const Frame& frame, const Reading& r) {
  const Bytes &a = held.head.l2, &b = r.l2;
  if (!std::equal(a.begin(), a.begin() + 6, b.begin())) why.emplace_back("E4 destination MAC");
  if (!std::equal(a.begin() + 6, a.begin() + 12, b.begin() + 6)) why.emplace_back("E4 source MAC");
  if (!std::equal(a.begin() + 12, a.end(), b.begin() + 12, b.end())) why.emplace_back("E4 tag in the frame");
  if (held.first.stripped_tci.has_value() != frame.stripped_tci.has_value())
    why.emplace_back("E4 tag taken off by the port, or none");
  else if (held.first.stripped_tci != frame.stripped_tci)
    why.emplace_back("E4 tag that the port took off");
  if (held.first.hash != frame.hash) why.emplace_back("E4 hash of the port");
}

/// E6. With one segment held, the second decides whether IP IDs count or stand still.
void compare_v4(Reasons& why, const GroOracle::Held& held, const Reading& r) {
  compare(why, "E6 TTL", held.head.ttl, r.ttl);
  if (held.head.tos != r.tos) why.emplace_back("E6 TOS");
  if (held.head.df != r.df) why.emplace_back(r.df ? "E6 DF set" : "E6 DF clear");
  const auto steps = static_cast<std::uint16_t>(r.id - held.head.id);
  const bool counts = steps == held.count, stands = steps == 0;
  if (held.count == 1 ? counts || stands : held.fixed_id ? stands : counts) return;
  if (held.count > 1 && stands)
    why.emplace_back("E6 ID stands still after counting");
  else if (held.count > 1 && counts)
    why.emplace_back("E6 ID counts after standing still");
  else
    why.push_back(side("E6 ID", static_cast<std::int16_t>(steps - held.count)));
}

/// E7.
void compare_v6(Reasons& why, const GroOracle::Held& held, const Reading& r) {
  if (held.head.flow_label != r.flow_label) why.emplace_back("E7 flow label");
  if (held.head.tos != r.tos) why.emplace_back("E7 traffic class");
  compare(why, "E7 hop limit", held.head.ttl, r.ttl);
  if (held.head.extensions.size() != r.extensions.size())
    why.emplace_back("E7 extension headers, more or fewer");
  else if (held.head.extensions != r.extensions)
    why.emplace_back("E7 extension headers, other bytes");
}

/// E8, the header. E13 wants the segments back bit by bit, so the urgent pointer has to be equal too.
void compare_tcp(Reasons& why, const GroOracle::Held& held, const Reading& r) {
  const auto differ = static_cast<std::uint16_t>(held.head.offset_flags ^ r.offset_flags);
  if ((differ & tcp_flag::cwr) != 0)
    why.emplace_back((r.offset_flags & tcp_flag::cwr) != 0 ? "E8 CWR on the new" : "E8 CWR on the held");
  if ((differ & 0xf000) != 0)
    why.emplace_back("E8 header length");
  else if (held.head.options != r.options)
    why.emplace_back("E8 options");
  for (const auto& [bit, name] : fourth_word)
    if ((differ & bit & 0x0fff) != 0) why.push_back(std::string("E8 ") + name);
  compare(why, "E8 window", held.head.window, r.window);
  compare(why, "E8 acknowledgement", 0, static_cast<std::int32_t>(r.ack - held.head.ack));
  if (held.head.urgent != r.urgent) why.emplace_back("E8 urgent pointer");
}

std::size_t ip_length(const GroOracle::Held& held) { return held.head.payload_at - held.head.l3 + held.payload; }

}  // namespace

std::vector<std::string> GroOracle::why_not(const Held& held, const Frame& frame, const Reading& r) const {
  Reasons why;
  compare_links(why, held, frame, r);
  r.is_v6 ? compare_v6(why, held, r) : compare_v4(why, held, r);
  compare_tcp(why, held, r);
  const auto ahead = static_cast<std::int32_t>(r.seq - held.head.seq - static_cast<std::uint32_t>(held.payload));
  compare(why, "E8 sequence", 0, ahead);
  if (frame.merged_segs > 1) {
    if (frame.merged_size != held.mss) why.emplace_back("E8 merged input of another mss");
  } else {
    if (r.payload == 0) why.emplace_back("E8 no payload");
    if (r.payload > held.mss)
      why.emplace_back(r.payload == held.mss + 1 ? "E8 longer than mss by 1" : "E8 longer than mss");
  }
  const std::size_t together = ip_length(held) + r.payload;
  if (together >= rules_.max_size)
    why.emplace_back(together == rules_.max_size ? "E8 size is gro_max_size" : "E8 size above gro_max_size");
  return why;
}

/// E9, and E8's rule for input that is merged already: nothing may follow this segment.
bool GroOracle::ends(const Frame& frame, const Reading& r, std::size_t mss) {
  const bool is_short =
      frame.merged_segs > 1 ? r.payload != std::size_t{frame.merged_segs} * frame.merged_size : r.payload < mss;
  return is_short || (r.offset_flags & not_held) != 0;
}

/// E9: what may be held when it joins nothing.
bool GroOracle::may_begin(const Frame& frame, const Reading& r) {
  Reasons why;
  for (const auto& [bit, name] :
       {std::pair(tcp_flag::urg, "URG"), std::pair(tcp_flag::psh, "PSH"), std::pair(tcp_flag::rst, "RST"),
        std::pair(tcp_flag::syn, "SYN"), std::pair(tcp_flag::fin, "FIN")})
    if ((r.offset_flags & bit) != 0) why.push_back(std::string("E9 not held: ") + name);
  if (r.payload == 0)
    why.emplace_back("E9 not held: no payload");
  else if (frame.merged_segs > 1 && ends(frame, r, 0))
    why.emplace_back("E9 not held: merged input with a short tail");
  if (why.size() == 1) coverage_.met(why[0]);
  return why.empty();
}

void GroOracle::note_joined(const Held& held, const Frame& frame, const Reading& r) {
  const auto met = [this](bool condition, const char* name) {
    if (condition) coverage_.met(name);
  };
  met(!held.head.l2.empty() && held.head.l2.size() > 14, "E4 = tag in the frame");
  met(frame.stripped_tci.has_value(), "E4 = tag that the port took off");
  met(frame.hash.has_value(), "E4 = hash of the port");
  met(!r.is_v6 && r.id != held.head.id, "E6 = ID counts");
  met(!r.is_v6 && r.id < held.head.id, "E6 = ID counts across 65535");
  met(!r.is_v6 && r.id == held.head.id && r.df, "E6 = ID stands still, DF");
  met(!r.is_v6 && r.id == held.head.id && !r.df, "E6 = ID stands still, no DF");
  met(r.is_v6, "E7 = IPv6");
  met(r.extensions.size() > 1, "E7 = extension headers");
  met(!r.options.empty(), "E8 = options");
  met(r.seq < held.head.seq, "E8 = sequence across 2^32");
  met(r.payload == held.mss, "E8 = mss");
  met(r.payload + 1 == held.mss, "E8 = mss less 1");
  met(r.payload == 1 && held.mss > 1, "E8 = 1 byte");
  met(ip_length(held) + r.payload + 1 == rules_.max_size, "E8 = size is gro_max_size less 1");
  met(frame.merged_segs > 1, "E8 = merged input");
  met(held.first.merged_segs > 1 && frame.merged_segs == 1, "E8 = a segment on merged input");
  met((r.offset_flags & tcp_flag::psh) != 0, "E9 = PSH");
  met((r.offset_flags & tcp_flag::fin) != 0, "E9 = FIN");
  met(frame.sum == Sum::good, "E10 = good");
  met(frame.sum == Sum::partial, "E10 = partial");
  met(frame.sum == Sum::unknown, "E10 = computed");
}

void GroOracle::join(Held& held, const Frame& frame, const Reading& r) {
  note_joined(held, frame, r);
  if (held.count == 1 && !r.is_v6 && r.id == held.head.id) held.fixed_id = true;
  held.flags |= r.offset_flags & (tcp_flag::fin | tcp_flag::psh);
  held.payload += r.payload;
  held.count += frame.merged_segs;
  held.more.insert(held.more.end(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(r.payload_at),
                   frame.bytes.begin() + static_cast<std::ptrdiff_t>(r.payload_at + r.payload));
}

/// E4, E6, E8: a flow is another one when one of these differs, and what is held stays.
void GroOracle::note_other_flow(const Reading& r) {
  for (const Held& h : held_) {
    const FlowId &a = h.head.flow, &b = r.flow;
    Reasons differ;
    if (a.ifindex != b.ifindex) differ.emplace_back("E4 = another interface");
    if (a.vlan != b.vlan) differ.emplace_back("E4 = another VLAN");
    if (a.source != b.source) differ.emplace_back(r.is_v6 ? "E7 = another source" : "E6 = another source");
    if (a.destination != b.destination)
      differ.emplace_back(r.is_v6 ? "E7 = another destination" : "E6 = another destination");
    if (a.source_port != b.source_port) differ.emplace_back("E8 = another source port");
    if (a.destination_port != b.destination_port) differ.emplace_back("E8 = another destination port");
    if (differ.size() == 1) coverage_.met(differ[0]);
  }
}

Fate GroOracle::receive(const Frame& frame, std::uint64_t number, std::int64_t now) {
  if (!rules_.enabled) return pass_alone(frame, number), Fate::normal;
  const Reading r = read(frame);
  // X18: whatever becomes of the frame, what is held of its flow goes up first.
  const auto concerns = [&r](const Held& h) {
    return r.kind == Reading::Kind::pair ? h.head.flow.same_pair(r.flow)
                                         : r.kind != Reading::Kind::foreign && h.head.flow == r.flow;
  };
  std::vector<std::size_t> concerned;
  for (std::size_t i = 0; i < held_.size(); ++i)
    if (concerns(held_[i])) concerned.push_back(i);
  if (r.kind != Reading::Kind::mergeable) {
    if (r.why.size() == 1)
      coverage_.met(r.why[0] + (r.kind == Reading::Kind::foreign || concerned.empty() ? "" : ", behind held ones"));
    if (concerned.size() > 1) coverage_.met("X18 several held packets between its addresses");
    for (std::size_t done = 0; done < concerned.size(); ++done) close(concerned[done] - done);
    return pass_alone(frame, number), Fate::normal;
  }
  if (concerned.empty()) note_other_flow(r);
  if (!concerned.empty()) {
    Held& held = held_[concerned[0]];
    const Reasons why = why_not(held, frame, r);
    if (why.empty()) {
      const std::size_t mss = held.mss;
      join(held, frame, r);
      held.frames.push_back(number);
      held.active = now;
      if (ends(frame, r, mss)) close(concerned[0]);
      return Fate::merged;
    }
    if (why.size() == 1) coverage_.met(why[0]);
    close(concerned[0]);
  }
  if (!may_begin(frame, r)) return pass_alone(frame, number), Fate::normal;
  held_.push_back({.first = frame,
                   .head = r,
                   .flags = r.offset_flags,
                   .mss = frame.merged_segs > 1 ? frame.merged_size : r.payload,
                   .payload = r.payload,
                   .count = frame.merged_segs,
                   .begun = now,
                   .active = now,
                   .frames = {number}});
  return Fate::held;
}

/// E13: a packet of one frame is as it came; the headers of a merged one are made right.
void GroOracle::close(std::size_t index) {
  Held held = std::move(held_[index]);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
  Passed out{.bytes = std::move(held.first.bytes), .sum_at = held.head.l4 + 16, .frames = std::move(held.frames)};
  out.gso_segs = static_cast<std::uint16_t>(held.count);
  out.gso_size = held.count > 1 ? static_cast<std::uint16_t>(held.mss) : std::uint16_t{0};
  out.is_merged = held.count > 1;
  out.fixed_id = held.fixed_id;
  out.accecn = (held.head.offset_flags & tcp_flag::cwr) != 0;
  if (out.is_merged && out.accecn) coverage_.met("E8 CWR on both");
  if (out.is_merged) {
    const std::size_t l3 = held.head.l3, l4 = held.head.l4;
    out.bytes.insert(out.bytes.end(), held.more.begin(), held.more.end());
    const auto total = static_cast<std::uint32_t>(out.bytes.size() - l3);
    if (held.head.is_v6) {
      store(out.bytes, l3 + 4, 2, total - 40);
    } else {
      store(out.bytes, l3 + 2, 2, total);
      store(out.bytes, l3 + 10, 2, 0);
      store(out.bytes, l3 + 10, 2, static_cast<std::uint16_t>(~sum_of(part(out.bytes, l3, 20))));
    }
    store(out.bytes, l4 + 12, 2, held.flags);
    store(out.bytes, l4 + 16, 2, pseudo_sum(held.head.flow, out.bytes.size() - l4));
  }
  coverage_.met(out.is_merged ? "E13 merged" : "E13 one frame, untouched");
  pass(std::move(out), held.count);
}

void GroOracle::pass_alone(const Frame& frame, std::uint64_t number) {
  // Linux counts what was never held as one, whatever it is.
  pass({.bytes = frame.bytes, .gso_size = frame.merged_size, .gso_segs = frame.merged_segs, .frames = {number}}, 1);
}

/// E14: the batch counts segments.
void GroOracle::pass(Passed packet, std::size_t segments) {
  normal_segments_ += segments;
  normal_.push_back(std::move(packet));
  if (normal_segments_ < rules_.normal_batch) return;
  coverage_.met("E14 the batch is full");
  end_poll();
}

void GroOracle::end_poll() {
  up_.insert(up_.end(), std::make_move_iterator(normal_.begin()), std::make_move_iterator(normal_.end()));
  normal_.clear();
  normal_segments_ = 0;
}

void GroOracle::complete(std::int64_t now) {
  for (std::size_t i = 0; i < held_.size();) {
    const bool is_active = now - held_[i].active < rules_.poll_hold;
    const bool is_of_this_tick = held_[i].begun / rules_.tick == now / rules_.tick;
    if (rules_.poll_hold != 0) {
      if (is_active && is_of_this_tick) coverage_.met("X19 kept");
      if (!is_active && is_of_this_tick) coverage_.met("X19 idle");
      if (is_active && !is_of_this_tick) coverage_.met("X19 its tick is over");
    }
    if (rules_.poll_hold != 0 && is_active && is_of_this_tick)
      ++i;
    else
      close(i);
  }
  end_poll();
}

void GroOracle::flush_old(std::int64_t now) {
  const bool all = rules_.tick > 1'000'000;
  for (std::size_t i = 0; i < held_.size();) {
    const bool is_old = held_[i].begun / rules_.tick != now / rules_.tick;
    coverage_.met(all ? "D10 a tick above 1 ms" : is_old ? "D10 an earlier tick" : "D10 this tick");
    if (all || is_old)
      close(i);
    else
      ++i;
  }
  end_poll();
}

void GroOracle::flush_all() {
  while (!held_.empty()) close(0);
  end_poll();
}

std::vector<Passed> GroOracle::take() { return std::exchange(up_, {}); }

const GroOracle::Held* GroOracle::held(const FlowId& flow) const {
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Held& h) { return h.head.flow == flow; });
  return found == held_.end() ? nullptr : &*found;
}

}  // namespace millrace::oracle
