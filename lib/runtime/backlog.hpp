// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/poll/napi.hpp>
#include <millrace/runtime/receive.hpp>

namespace millrace::runtime {

/// The NAPI of the packets that other lcores steered here: process_backlog() over one ring for each source, taken
/// in turn (receive_path F11, F14).
class Backlog final : public poll::Napi {
 public:
  Backlog(Receive& receive, WorkerRings& rings, std::uint16_t lcore, int dev_weight)
      : poll::Napi(dev_weight, poll::NapiKind::backlog), receive_(receive), rings_(rings), lcore_(lcore) {}

  [[nodiscard]] bool has_work() const { return rings_.waiting(lcore_) != 0; }
  int poll(Env& env, int weight) override;
  /// Delivers everything that one source has handed over so far, before a queue of it moves to another lcore (B7).
  void drain(Env& env, std::uint16_t source);
  /// flush_backlog(): drops what is queued here of an interface that goes away, and delivers the rest, in order
  /// (receive_path F17).
  void flush(Env& env, std::uint16_t ifindex);

 private:
  void count_delivered(Env& env, std::uint16_t source, std::uint32_t count);
  template <class End>
  void empty(Env& env, std::uint16_t source, End&& end);

  Receive& receive_;
  WorkerRings& rings_;
  std::uint16_t lcore_;
  std::uint16_t next_source_ = 0;
};

}  // namespace millrace::runtime
