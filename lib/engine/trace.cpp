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

std::string_view name_of(runtime::TracePoint point) {
  switch (point) {
    case runtime::TracePoint::softirq_raise: return "softirq_raise";
    case runtime::TracePoint::softirq_entry: return "softirq_entry";
    case runtime::TracePoint::softirq_exit: return "softirq_exit";
  }
  return "?";
}

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
      all.events.push_back({record.when, id, name_of(record.point), record.vec, runtime::name_of(vector)});
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
    std::snprintf(line.data(), line.size(), "[%03u] %5" PRId64 ".%06" PRId64 ": %s: vec=%u [action=%s]\n", unsigned{event.lcore}, us / 1'000'000, us % 1'000'000,
                  event.name.data(), unsigned{event.vec}, event.action.data());
    text += line.data();
  }
  return text;
}

}  // namespace millrace
