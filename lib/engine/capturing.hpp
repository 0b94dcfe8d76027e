// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/capture/tap.hpp>
#include <millrace/capture/writer.hpp>
#include <millrace/config/config.hpp>
#include <millrace/runtime/capture_point.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace millrace {

/// A running capture: one tap an lcore, and the thread that brings their frames to the file. Under the manual clock
/// there is no thread: run_once() calls write().
class Capturing {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Capturing>> open(const Config& config, std::size_t lcores, bool manual);
  /// Writes what the taps still hold and closes the file; every lcore has stopped.
  ~Capturing();
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

  [[nodiscard]] runtime::CapturePoint point(std::size_t lcore, capture::Direction direction) const;
  /// Moves what the taps hold to the file; returns how many frames.
  std::size_t write() { return capture::drain(tap_list_, *writer_); }

 private:
  explicit Capturing(std::unique_ptr<capture::Writer> writer) : writer_(std::move(writer)) {}
  void run();

  std::unique_ptr<capture::Writer> writer_;
  config::CaptureDirection directions_ = config::CaptureDirection::both;
  std::uint64_t interfaces_ = 0;   ///< bit by ifindex
  std::vector<std::unique_ptr<capture::Tap>> taps_;
  std::vector<capture::Tap*> tap_list_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace millrace
