// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace millrace {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

/// Says something to the person who runs the program: control path and rare events only, for it takes a lock and may
/// write. Goes to stderr as "millrace: warning: text" unless set_log_sink() says otherwise. Any thread.
void log(LogLevel level, std::string_view message);

/// Messages below `level` are not said; `warn` at first. Any thread.
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();

/// Takes the messages in place of stderr; an empty function gives them back to stderr. The sink is called by whichever
/// thread logs, one call at a time, and must not log itself.
using LogSink = std::function<void(LogLevel, std::string_view)>;
void set_log_sink(LogSink sink);

/// Lets `burst` messages through in each `interval`, as Linux's ___ratelimit() with its defaults; one place that may
/// complain often keeps one. It is told the time, since nothing below runtime/ reads a clock. Not for several threads.
class LogRateLimit {
 public:
  explicit LogRateLimit(Duration interval = 5s, std::uint32_t burst = 10) : interval_(interval), burst_(burst) {}

  [[nodiscard]] bool allow(Instant now) {
    if (now - begin_ >= interval_ || !begun_) {
      begin_ = now;
      begun_ = true;
      said_ = 0;
    }
    if (said_ < burst_) {
      ++said_;
      return true;
    }
    ++suppressed_;
    return false;
  }
  /// Messages not let through since the last call, to be named in the next one that is.
  [[nodiscard]] std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  Duration interval_;
  std::uint32_t burst_;
  std::uint32_t said_ = 0;
  bool begun_ = false;
  Instant begin_{};
  std::uint64_t suppressed_ = 0;
};

}  // namespace millrace
