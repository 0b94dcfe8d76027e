// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/log.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace millrace;

namespace {

/// Takes what is logged while it lives; the level is `warn` again afterwards.
struct Listener {
  Listener() {
    set_log_sink([this](LogLevel level, std::string_view text) { heard.emplace_back(level, text); });
  }
  ~Listener() {
    set_log_sink({});
    set_log_level(LogLevel::warn);
  }
  std::vector<std::pair<LogLevel, std::string>> heard;
};

}  // namespace

TEST_CASE("quiet by default: warnings and errors only") {
  Listener listener;
  CHECK(log_level() == LogLevel::warn);
  log(LogLevel::debug, "d");
  log(LogLevel::info, "i");
  log(LogLevel::warn, "w {}");
  log(LogLevel::error, "e");
  CHECK(listener.heard ==
        std::vector<std::pair<LogLevel, std::string>>{{LogLevel::warn, "w {}"}, {LogLevel::error, "e"}});
}

TEST_CASE("the level decides what is said, and off says nothing") {
  Listener listener;
  set_log_level(LogLevel::debug);
  log(LogLevel::debug, "d");
  CHECK(listener.heard.size() == 1);
  set_log_level(LogLevel::off);
  log(LogLevel::error, "e");
  log(LogLevel::off, "no level of a message");
  CHECK(listener.heard.size() == 1);
}

TEST_CASE("without a sink messages go to stderr, with their level and no time") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const int saved = ::dup(2);
  std::fflush(stderr);
  ::dup2(ends[1], 2);
  log(LogLevel::warn, "the disk is {full}");
  std::fflush(stderr);
  ::dup2(saved, 2);
  std::array<char, 200> text{};
  const ssize_t n = ::read(ends[0], text.data(), text.size());
  for (int fd : {ends[0], ends[1], saved}) ::close(fd);
  CHECK(std::string(text.data(), static_cast<std::size_t>(n > 0 ? n : 0)) == "millrace: warning: the disk is {full}\n");
}

TEST_CASE("a rate limit lets a burst through in each interval and counts the rest") {
  LogRateLimit limit(5s, 2);
  const Instant start = Instant(3s);
  CHECK(limit.allow(start));
  CHECK(limit.allow(start + 4s));
  CHECK(!limit.allow(start + 4s));
  CHECK(!limit.allow(start + 5s - 1ns));
  CHECK(limit.allow(start + 5s));
  CHECK(limit.take_suppressed() == 2);
  CHECK(limit.take_suppressed() == 0);
  CHECK(limit.allow(start + 9s));
  CHECK(!limit.allow(start + 9s));
  CHECK(limit.take_suppressed() == 1);
}
