// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/capture/taps.hpp>
#include <millrace/capture/writer.hpp>
#include <millrace/config/config.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace millrace {

/// A running capture: one tap an lcore, and the thread that brings their frames to the file. Under the manual clock
/// there is no thread: run_once() calls write().
class Capturing {
 public:
  /// Opens the file. `interfaces`: the names by ifindex - 1. EINVAL: the filter or an interface is wrong; or open()'s errno.
  [[nodiscard]] static Result<std::unique_ptr<Capturing>> open(const config::Capture& wanted, const std::vector<std::string>& interfaces,
                                                               std::size_t lcores, bool manual);
  /// Writes what the taps still hold and closes the file; no lcore has its tap any more.
  ~Capturing();
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

  [[nodiscard]] capture::Tap& tap(std::size_t lcore) { return *taps_[lcore]; }
  [[nodiscard]] const capture::Interest& interest() const { return interest_; }
  /// Moves what the taps hold to the file; returns how many frames.
  std::size_t write() { return capture::drain(tap_list_, *writer_); }
  /// Ends the thread and writes everything; what the file cannot take is logged, once.
  void finish();
  /// After finish(). `totals`: of the taps.
  [[nodiscard]] const capture::Writer& writer() const { return *writer_; }
  [[nodiscard]] capture::Tap::Totals tap_totals() const;

 private:
  Capturing(std::unique_ptr<capture::Writer> writer, std::string file) : writer_(std::move(writer)), file_(std::move(file)) {}
  void run();

  std::unique_ptr<capture::Writer> writer_;
  const std::string file_;
  bool is_failure_told_ = false;
  capture::Interest interest_;
  std::vector<std::unique_ptr<capture::Tap>> taps_;
  std::vector<capture::Tap*> tap_list_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace millrace
