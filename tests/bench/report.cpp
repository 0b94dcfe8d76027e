// SPDX-License-Identifier: BSD-3-Clause
// Writes figures, for people and for programs. Called by the benchmarks and main.
#include "tests/bench/report.hpp"

#include <cstdio>

namespace millrace::bench {
namespace {

/// Four digits that mean something, and never an exponent.
std::string text_of(double number) {
  char text[32];
  std::snprintf(text, sizeof text, std::abs(number) >= 1000 ? "%.0f" : "%.4g", number);
  return text;
}

}  // namespace

void Report::figure(Figure f) {
  // Whoever quotes the line quotes this with it.
  if (load_.is_shared()) f.name += ",load:shared";
  const char* verdict = "skip";
  if (!f.skip.empty()) {
    ++skipped_;
  } else if (f.goal.is_met(f.ours, f.ratio, f.added)) {
    verdict = "met";
    ++met_;
  } else {
    verdict = "short";
    ++short_;
  }
  std::printf("BENCH %s %s unit=%s ours=%s peer=%s peer_name=%s ratio=%s goal=%s %s\n", f.id.c_str(), f.name.c_str(),
              f.unit, text_of(f.ours).c_str(), text_of(f.peer).c_str(), f.peer_name, text_of(f.ratio).c_str(),
              f.goal.text().c_str(), verdict);
  if (!f.skip.empty()) std::printf("  skip: %s\n", f.skip.c_str());
  std::fflush(stdout);
}

void Report::comparison(Figure f, const Comparison& c) {
  const Summary& s = c.summary;
  std::printf("\n%s %s\n", f.id.c_str(), f.name.c_str());
  std::printf("  ours %.2f %s (least %.2f), %s %.2f (least %.2f)\n", s.ours, f.unit, s.ours_min, f.peer_name, s.peer,
              s.peer_min);
  std::printf("  ratio %.2f, half of the rounds in %.2f..%.2f, least/least %.2f; added %.2f %s (%.2f..%.2f, 95 %%)\n", s.ratio, s.ratio_low,
              s.ratio_high, s.ratio_of_minima, s.added, f.unit, s.added_low, s.added_high);
  std::printf("  %s\n", c.dropped_text().c_str());
  f.ours = s.ours;
  f.peer = s.peer;
  f.ratio = s.ratio;
  f.added = s.added;
  if (f.skip.empty() && !c.is_sound()) {
    f.skip = "the machine was not steady enough: fewer than " + std::to_string(Comparison::rounds_needed) +
             " rounds are left of " + std::to_string(c.rounds_run);
  }
  figure(std::move(f));
}

void Report::failure(const std::string& id, const std::string& name, const std::string& why) {
  ++failed_;
  std::printf("\n%s %s\n  FAILED, not timed: %s\n", id.c_str(), name.c_str(), why.c_str());
  std::fflush(stdout);
}

void Report::note(const std::string& text) { std::printf("  %s\n", text.c_str()); }

void Report::sum_up() const {
  std::printf("\n%u met, %u short, %u skipped, %u failed\n", met_, short_, skipped_, failed_);
  std::printf("load: %s\n", load_.text().c_str());
  if (load_.is_shared())
    std::printf(
        "WARNING: the machine was shared while this ran. The figures are marked load:shared; compare no others with "
        "them.\n");
}

}  // namespace millrace::bench
