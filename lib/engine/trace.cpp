// SPDX-License-Identifier: BSD-3-Clause
// Reads the lcores' trace rings. Called by applications through Engine; asks the lcores that trace for a copy.
#include <millrace/engine/trace.hpp>

#include <millrace/engine/impl.hpp>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace millrace {
namespace {

std::string_view name_of(TracePoint point) {
  switch (point) {
    case TracePoint::softirq_raise: return "softirq_raise";
    case TracePoint::softirq_entry: return "softirq_entry";
    case TracePoint::softirq_exit: return "softirq_exit";
    case TracePoint::tcp_sendmsg: return "tcp_sendmsg";
    case TracePoint::tcp_write_xmit: return "tcp_write_xmit";
    case TracePoint::tcp_transmit_skb: return "tcp_transmit_skb";
    case TracePoint::ip_queue_xmit: return "ip_queue_xmit";
    case TracePoint::ip_finish_output2: return "ip_finish_output2";
    case TracePoint::dev_queue_xmit: return "dev_queue_xmit";
    case TracePoint::dev_hard_start_xmit: return "dev_hard_start_xmit";
  }
  return "?";
}

bool is_softirq(TracePoint point) { return point <= TracePoint::softirq_exit; }

}  // namespace

Trace Engine::trace() const {
  Trace all;
  for (std::uint16_t id = 0; id < lcores(); ++id) {
    const runtime::TraceRing* const ring = impl_->lcores.shared(id)->trace();
    if (ring == nullptr) continue;
    runtime::TraceRing copy(static_cast<std::uint32_t>(ring->capacity()));  // the lcore is not to allocate
    impl_->control(id, [&] { copy = *ring; });
    all.written += copy.written();
    for (const runtime::TraceRecord& record : copy.newest()) {
      const auto vector = static_cast<runtime::Vector>(record.vec);
      all.events.push_back({record.when, id, name_of(record.point), record.vec, is_softirq(record.point) ? runtime::name_of(vector) : std::string_view()});
    }
  }
  std::stable_sort(all.events.begin(), all.events.end(), [](const Trace::Event& a, const Trace::Event& b) { return a.when < b.when; });
  return all;
}

std::string Trace::to_text() const {
  std::string text = "# entries-in-buffer/entries-written: " + std::to_string(events.size()) + "/" + std::to_string(written) + "\n";
  for (const Event& event : events) {
    const std::int64_t us = event.when.time_since_epoch() / 1us;
    std::array<char, 128> line{};
    if (event.action.empty()) {
      std::snprintf(line.data(), line.size(), "[%03u] %5" PRId64 ".%06" PRId64 ": %s\n", unsigned{event.lcore}, us / 1'000'000, us % 1'000'000, event.name.data());
      text += line.data();
      continue;
    }
    std::snprintf(line.data(), line.size(), "[%03u] %5" PRId64 ".%06" PRId64 ": %s: vec=%u [action=%s]\n", unsigned{event.lcore}, us / 1'000'000, us % 1'000'000,
                  event.name.data(), unsigned{event.vec}, event.action.data());
    text += line.data();
  }
  return text;
}

}  // namespace millrace
