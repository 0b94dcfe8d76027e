// SPDX-License-Identifier: BSD-3-Clause
// What a run prints. Called by main.
#include "apps/iperf/report.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>

namespace millrace::iperf {
namespace {

std::string interval_text(const Options& options, const Interval& interval) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "[  1] %6.2f-%-6.2f sec %8.3f GBytes %8.3f Gbits/sec", interval.begin, interval.end,
                static_cast<double>(interval.moved.received_bytes) / (1 << 30), interval.gbit_per_second());
  std::string line = text.data();
  if (!options.udp) return line;
  const std::uint64_t lost = interval.moved.sent_datagrams - std::min(interval.moved.received_datagrams, interval.moved.sent_datagrams);
  std::snprintf(text.data(), text.size(), "  %llu/%llu lost", static_cast<unsigned long long>(lost), static_cast<unsigned long long>(interval.moved.sent_datagrams));
  return line.append(text.data());
}

nlohmann::json sum_of(const Options& options, const Interval& interval) {
  nlohmann::json sum{{"start", interval.begin},
                     {"end", interval.end},
                     {"seconds", interval.end - interval.begin},
                     {"bytes", interval.moved.received_bytes},
                     {"bits_per_second", interval.gbit_per_second() * 1e9}};
  if (options.udp) {
    sum["packets"] = interval.moved.sent_datagrams;
    sum["lost_packets"] = interval.moved.sent_datagrams - std::min(interval.moved.received_datagrams, interval.moved.sent_datagrams);
  }
  return sum;
}

}  // namespace

std::string heading(const Options& options) {
  return std::string{options.udp ? "UDP" : "TCP"}.append(" over lo, ").append(std::to_string(options.streams)).append(options.streams == 1 ? " stream, " : " streams, ") +
         std::to_string(options.lcores) + (options.lcores == 1 ? " lcore\n" : " lcores\n") + "[ ID]  Interval          Transfer        Bitrate\n";
}

std::string line_of(const Options& options, const Interval& interval) { return interval_text(options, interval) + "\n"; }

std::string last_lines(const Options& options, const Interval& whole, const std::vector<StageShare>& shares) {
  std::string text = "- - - - - - - - - - - - - - - - - - - - - - - - -\n" + interval_text(options, whole) + "  receiver\n\nstage        percent of the lcores' time\n";
  std::uint32_t sum = 0;
  std::array<char, 64> line{};
  for (const StageShare& share : shares) {
    sum += share.hundredths;
    std::snprintf(line.data(), line.size(), "%-11s %7.2f\n", share.stage.c_str(), share.hundredths / 100.0);
    text.append(line.data());
  }
  std::snprintf(line.data(), line.size(), "%-11s %7.2f\n", "sum", sum / 100.0);
  return text.append(line.data());
}

std::string json_of(const Options& options, const std::vector<Interval>& intervals, const Interval& whole, const std::vector<StageShare>& shares) {
  nlohmann::json json{{"start", {{"test_start", {{"protocol", options.udp ? "UDP" : "TCP"}, {"num_streams", options.streams}, {"lcores", options.lcores}}}}}};
  json["intervals"] = nlohmann::json::array();
  for (const Interval& interval : intervals) json["intervals"].push_back({{"sum", sum_of(options, interval)}});
  json["end"] = {{"sum_received", sum_of(options, whole)}};
  for (const StageShare& share : shares) json["stages"][share.stage] = share.hundredths / 100.0;
  return json.dump(2) + "\n";
}

}  // namespace millrace::iperf
