// SPDX-License-Identifier: BSD-3-Clause
// The counters as text. Called by the engine's stats, the control socket and tests; calls for_each().
// softnet_seq_show() of Linux 6.18 net/core/net-procfs.c; Prometheus text exposition format 0.0.4.
#include <millrace/stats/export.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace millrace::stats {
namespace {

std::string full_name(const Sample& sample, const char* between) {
  return std::string(sample.group) + between + sample.info.name;
}

}  // namespace

std::string to_text(std::span<const LcoreStats* const> lcores, Show show) {
  std::vector<Sample> samples;
  for_each(lcores, [&](const Sample& s) {
    if (show == Show::all || s.value != 0) samples.push_back(s);
  });
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const Sample& s : samples) {
    name_width = std::max(name_width, full_name(s, ".").size());
    value_width = std::max(value_width, std::to_string(s.value).size());
  }
  std::string text;
  for (const Sample& s : samples) {
    const std::string name = full_name(s, ".");
    const std::string value = std::to_string(s.value);
    const std::size_t gap = name_width - name.size() + 2 + value_width - value.size();
    text.append(name).append(gap, ' ').append(value).append("  ").append(s.info.help).append("\n");
  }
  return text;
}

std::string to_json(std::span<const LcoreStats* const> lcores, int indent) {
  nlohmann::ordered_json json;
  for_each(lcores, [&](const Sample& s) { json[s.group][s.info.name] = s.value; });
  return json.dump(indent);
}

std::string to_prometheus(std::span<const LcoreStats* const> lcores) {
  std::string text;
  for_each(lcores, [&](const Sample& s) {
    const std::string name = "millrace_" + full_name(s, "_") + "_total";
    text += "# HELP " + name + " " + s.info.help + "\n";
    text += "# TYPE " + name + " counter\n";
    text += name + " " + std::to_string(s.value) + "\n";
  });
  return text;
}

std::string to_softnet_stat(std::span<const SoftnetRow> rows) {
  std::string text;
  for (const SoftnetRow& row : rows) {
    const auto count = [&](Softnet which) { return static_cast<std::uint32_t>(row.stats->softnet[which]); };
    const std::array<std::uint32_t, 15> columns{
        count(Softnet::processed), count(Softnet::dropped), count(Softnet::time_squeeze),
        0, 0, 0, 0, 0,  // was fastroute
        0,              // was cpu_collision
        count(Softnet::received_rps), count(Softnet::flow_limit_count),
        row.input_qlen + row.process_qlen, row.lcore, row.input_qlen, row.process_qlen};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      char cell[12];
      std::snprintf(cell, sizeof cell, i == 0 ? "%08x" : " %08x", columns[i]);
      text += cell;
    }
    text += '\n';
  }
  return text;
}

}  // namespace millrace::stats
