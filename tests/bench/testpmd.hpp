// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/thread_time.hpp"

#include <millrace/base/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace millrace::bench {

/// DPDK's testpmd with one device, in a process of its own, forwarding in io mode when it is told to: what a port receives goes out on it, in
/// bursts of 32, and nobody looks at it. One thread of it forwards, on the CPU that our loops run on, and sleeps while it has nothing to
/// forward. What goes wrong after the start is said by an exception.
class Testpmd {
 public:
  static constexpr const char* peer_name = "testpmd_io";

  struct Options {
    std::string device{};                  ///< "net_ring0"
    std::vector<std::string> arguments{};  ///< of testpmd's own
    std::vector<std::string> under{};      ///< the program that runs it, and that program's arguments
    std::chrono::seconds patience{20};
  };
  /// Waits until it takes commands. The error says why there is none.
  [[nodiscard]] static Result<std::unique_ptr<Testpmd>> start(const Bench& bench, const Options& options);
  ~Testpmd();
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;

  /// A command, to its end; what it printed.
  std::string command(const std::string& line);
  /// Ends it in peace.
  void quit();

  /// It forwards from this command on, "start" or what begins so.
  void begin(const std::string& start = "start");
  /// What was forwarded, and how, until this.
  struct Forwarded {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;     ///< received, and not taken by the device
    double ticks_of_a_packet = 0;  ///< of the TSC, around calls that received something; 0 unless "set record-core-cycles on"
    double ns = 0;                 ///< CPU time of the thread that forwards
    bool preempted = false;        ///< that thread had to wait for its CPU
  };
  [[nodiscard]] Forwarded stop();

 private:
  explicit Testpmd(std::chrono::seconds patience) : patience_(patience) {}
  void run(const std::vector<std::string>& words);
  /// What it says until it asks for a command; false: it ended, or took too long.
  bool read_to_prompt(std::string& said);
  void find_worker();

  const std::chrono::seconds patience_;
  pid_t pid_ = -1;
  int socket_ = -1;
  std::string worker_;  ///< its folder in /proc
  ThreadTime before_start_, after_start_;
};

}  // namespace millrace::bench
