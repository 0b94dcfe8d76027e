// SPDX-License-Identifier: BSD-3-Clause
// The twin of top: shares of the lcores' time between two snapshots. Called by applications, which take the snapshots.
#include <millrace/engine/top.hpp>

#include <millrace/engine/time_spent.hpp>

#include <array>
#include <cstdio>

namespace millrace {

std::vector<LcoreTime> lcore_times(const Stats& before, const Stats& after) {
  const Stats::Counter* const any = after.find("softnet", "time_idle_ns");
  std::vector<LcoreTime> times(any != nullptr ? any->by_lcore.size() : 0);
  for (std::size_t lcore = 0; lcore < times.size(); ++lcore) {
    const auto ns = [&](std::string_view name) { return static_cast<double>(time_spent(before, after, name, lcore)); };
    const double all = ns("time_app_ns") + ns("time_softirq_ns") + ns("time_idle_ns");
    const auto share = [&](std::string_view name) { return all > 0 ? 100 * ns(name) / all : 0; };
    times[lcore] = {.us = share("time_app_ns"),
                    .si = share("time_softirq_ns"),
                    .id = share("time_idle_ns"),
                    .rx = share("time_rx_ns"),
                    .gro = share("time_gro_ns"),
                    .steer = share("time_steer_ns"),
                    .proto = share("time_proto_ns")};
  }
  return times;
}

std::string top(const Stats& before, const Stats& after) {
  std::string text = "lcore     us     si     id   of si:   rx    gro  steer  proto\n";
  std::size_t lcore = 0;
  for (const LcoreTime& t : lcore_times(before, after)) {
    std::array<char, 96> line{};
    std::snprintf(line.data(), line.size(), "%5zu %6.1f %6.1f %6.1f       %6.1f %6.1f %6.1f %6.1f\n", lcore++, t.us, t.si, t.id, t.rx, t.gro, t.steer, t.proto);
    text += line.data();
  }
  return text;
}

}  // namespace millrace
