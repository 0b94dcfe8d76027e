// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/assert.hpp>
#include <millrace/env/env.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/timer/wheel.hpp>

#include <rte_eal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::fuzz {

/// The buffers of a fuzz target; starts EAL at the first call.
inline pkt::Pool& pool() {
  static const std::unique_ptr<pkt::Pool> the_pool = [] {
    std::array<std::string, 7> args{"fuzz", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m64", "--log-level=error"};
    std::array<char*, args.size()> argv;
    for (std::size_t i = 0; i < args.size(); ++i) argv[i] = args[i].data();
    MR_ASSERT(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0);
    auto made = pkt::Pool::create({.name = "fuzz", .packets = 2047});
    MR_ASSERT(made);
    return std::move(*made);
  }();
  return *the_pool;
}

/// Virtual time goes on, timer by timer.
inline void advance(Env& env, timer::Wheel& wheel, Duration by) {
  const Instant end = env.now + by;
  for (Instant next; (next = wheel.next_expiry()) <= end;) {
    env.now = std::max(env.now, next);
    wheel.advance(env.now);
  }
  env.now = end;
}

/// The input as a source of decisions; zeros when it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return at_ >= size_; }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : data_[at_++]; }
  /// Below `bound`.
  std::uint32_t choose(std::uint32_t bound) {
    std::uint32_t value = byte();
    if (bound > 256) value = value << 8 | byte();
    return value % bound;
  }
  /// The next n bytes, or what is left.
  std::vector<std::uint8_t> take(std::size_t n) {
    std::vector<std::uint8_t> bytes;
    while (bytes.size() < n && !empty()) bytes.push_back(byte());
    return bytes;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace millrace::fuzz
