// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>
#include <cstdio>
#include <span>

namespace millrace::test {

/// What happened in a world, a line an event. Nothing in it may depend on anything but the seed.
class Trace {
 public:
  /// Null: nothing is written.
  explicit Trace(std::FILE* file) : file_(file) {}
  [[nodiscard]] bool is_on() const { return file_ != nullptr; }

  void frame(Instant at, std::size_t from, bool arrived, std::span<const std::uint8_t> bytes) {
    // FNV-1a.
    std::uint64_t hash = 14695981039346656037u;
    for (std::uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211u;
    std::fprintf(file_, "%lld frame %s %zu %zu bytes %016llx\n", number(at), arrived ? "received from" : "sent by", from, bytes.size(),
                 static_cast<unsigned long long>(hash));
  }
  void stream(Instant at, std::size_t host, std::size_t stream, const char* what, std::uint64_t value) {
    if (is_on()) std::fprintf(file_, "%lld stream %zu host %zu %s %llu\n", number(at), stream, host, what, static_cast<unsigned long long>(value));
  }
  void datagram(Instant at, std::size_t host, const char* what, std::uint32_t flow, std::uint32_t count) {
    if (is_on()) std::fprintf(file_, "%lld datagram host %zu %s %u.%u\n", number(at), host, what, flow, count);
  }

 private:
  static long long number(Instant at) { return at.time_since_epoch().count(); }
  std::FILE* file_;
};

}  // namespace millrace::test
