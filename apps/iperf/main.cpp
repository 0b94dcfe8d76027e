// SPDX-License-Identifier: BSD-3-Clause
// iperf in one process: client and server over the lo of one stack, what went through each second, and where the lcores'
// time went, as a table, folded stacks and a flame graph (receive_path M5).
#include "apps/iperf/report.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

namespace {

using namespace millrace;
using namespace millrace::iperf;
using Clock = std::chrono::steady_clock;

int fail(const Error& error) {
  std::fprintf(stderr, "iperf: %s\n", error.message.c_str());
  return 1;
}

// The sim port is there because a stack wants an interface; nothing is attached to it.
Config config_of(const Options& options) {
  Config config;
  config.lcores.resize(options.lcores);
  config.ports.push_back({.name = "unused"});
  config.stacks.push_back({.name = "iperf", .interfaces = {{.port = "unused", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  return config;
}

Totals difference(const Totals& after, const Totals& before) {
  return {after.sent_bytes - before.sent_bytes, after.received_bytes - before.received_bytes, after.sent_datagrams - before.sent_datagrams,
          after.received_datagrams - before.received_datagrams};
}

Result<void> write_file(const std::string& name, const std::string& text) {
  if (name.empty()) return {};
  std::ofstream file(name, std::ios::binary);
  file << text;
  file.close();
  if (file) return {};
  return failure(EIO, std::string{name}.append(" could not be written"));
}

Interval joined(const std::vector<Interval>& intervals) {
  Interval whole;
  for (const Interval& interval : intervals) {
    whole.end = interval.end;
    whole.moved.sent_bytes += interval.moved.sent_bytes;
    whole.moved.received_bytes += interval.moved.received_bytes;
    whole.moved.sent_datagrams += interval.moved.sent_datagrams;
    whole.moved.received_datagrams += interval.moved.received_datagrams;
  }
  return whole;
}

/// Looks at the counters once an interval, and prints what it sees.
std::vector<Interval> watch(const Traffic& traffic, const Options& options) {
  std::vector<Interval> intervals;
  const auto start = Clock::now();
  const auto since_start = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  Totals before = traffic.totals();
  double at = 0;
  while (at < options.seconds) {
    const double until = std::min(options.seconds, static_cast<double>(intervals.size() + 1) * options.interval);
    std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(until)));
    const Totals now = traffic.totals();
    intervals.push_back({.begin = at, .end = since_start(), .moved = difference(now, before)});
    at = intervals.back().end;
    before = now;
    if (!options.json) std::printf("%s", line_of(options, intervals.back()).c_str());
    std::fflush(stdout);
  }
  return intervals;
}

int run(const Options& options) {
  auto engine = Engine::create(config_of(options));
  if (!engine) return fail(engine.error());
  Traffic traffic(**engine, options);
  if (const auto begun = traffic.begin(); !begun) return fail(begun.error());
  if (!options.json) std::printf("%s", heading(options).c_str());
  if (const auto started = (*engine)->start(); !started) return fail(started.error());
  const Stats before = (*engine)->stats();
  const std::vector<Interval> intervals = watch(traffic, options);
  const Stats after = (*engine)->stats();
  (*engine)->stop();
  const std::vector<TimeStack> stacks = time_stacks(before, after);
  const std::vector<StageShare> shares = stage_shares(stacks);
  const Interval whole = joined(intervals);
  std::printf("%s", options.json ? json_of(options, intervals, whole, shares).c_str() : last_lines(options, whole, shares).c_str());
  char title[96];
  std::snprintf(title, sizeof title, "%s over lo: %.3f Gbits/sec", options.udp ? "UDP" : "TCP", whole.gbit_per_second());
  if (const auto written = write_file(options.folded_file, folded_text(stacks)); !written) return fail(written.error());
  if (const auto written = write_file(options.flame_file, flame_svg(stacks, title)); !written) return fail(written.error());
  engine->reset();  // its sockets' callbacks are the traffic's
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures what goes over Millrace's lo, from a client to a server in one process");
  app.add_flag("-u,--udp", options.udp, "datagrams, as many as can be sent; else a TCP stream");
  app.add_option("-t,--time", options.seconds, "seconds")->check(CLI::Range(0.1, 86400.0))->capture_default_str();
  app.add_option("-i,--interval", options.interval, "seconds between two lines")->check(CLI::Range(0.1, 3600.0))->capture_default_str();
  app.add_option("-l,--length", options.length, "bytes of a write (default 131072) or a datagram (default 1472)")->check(CLI::Range(1u, 1u << 24));
  app.add_option("-P,--parallel", options.streams, "streams")->check(CLI::Range(1, 128))->capture_default_str();
  app.add_option("--lcores", options.lcores, "2: client and server each have one")->check(CLI::Range(1, 2))->capture_default_str();
  app.add_flag("-6", options.v6, "over ::1");
  app.add_flag("-J,--json", options.json, "print one JSON object instead");
  app.add_option("--folded", options.folded_file, "write where the time went, as folded stacks");
  app.add_option("--flame", options.flame_file, "write the same as a flame graph (SVG)");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
