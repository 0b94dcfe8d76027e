// SPDX-License-Identifier: BSD-3-Clause
// Messages for the person who runs the program. Called from control paths everywhere; writes by spdlog, without a time
// stamp, so that two runs from one seed say the same.
#include <millrace/base/log.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace millrace {
namespace {

std::atomic<LogLevel> least{LogLevel::warn};

constexpr std::array to_spdlog{spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

/// Where messages go, made at the first one and never destroyed: static destructors of the application may still log.
struct Output {
  std::mutex lock;
  LogSink sink;
  spdlog::logger stderr_logger{"millrace", std::make_shared<spdlog::sinks::stderr_sink_st>()};
};

Output& output() {
  static Output* const o = [] {
    auto* made = new Output;
    made->stderr_logger.set_level(spdlog::level::trace);
    made->stderr_logger.set_pattern("%n: %l: %v");
    return made;
  }();
  return *o;
}

}  // namespace

void log(LogLevel level, std::string_view message) {
  if (level < log_level() || level >= LogLevel::off) return;
  Output& out = output();
  const std::lock_guard hold(out.lock);
  if (out.sink) {
    out.sink(level, message);
  } else {
    out.stderr_logger.log(to_spdlog[static_cast<std::size_t>(level)],
                          spdlog::string_view_t(message.data(), message.size()));
  }
}

void set_log_level(LogLevel level) { least.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return least.load(std::memory_order_relaxed); }

void set_log_sink(LogSink sink) {
  Output& out = output();
  const std::lock_guard hold(out.lock);
  out.sink = std::move(sink);
}

}  // namespace millrace
