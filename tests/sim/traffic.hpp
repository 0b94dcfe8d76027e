// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/sim/plan.hpp"
#include "tests/sim/trace.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

/// The applications of both hosts: each stream is filled, drained and compared byte by byte at both ends, and each
/// datagram that arrives is judged. Outlives the engines.
class Traffic {
 public:
  Traffic(const Plan& plan, const std::array<Engine*, 2>& engines, Trace& trace);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// Posts the first calls to the lcores.
  void begin();
  /// Every stream has ended at both ends and every datagram was sent.
  [[nodiscard]] bool is_done() const;
  /// What was wrong first; empty when nothing was.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  /// Grows with everything that the applications achieve.
  [[nodiscard]] std::uint64_t progress() const { return progress_; }
  [[nodiscard]] std::uint64_t bytes_delivered() const { return bytes_delivered_; }
  [[nodiscard]] std::uint64_t datagrams_delivered() const { return datagrams_delivered_; }
  /// How far each end of each stream has come.
  [[nodiscard]] std::string to_string() const;

 private:
  class StreamEnd;
  struct Flow;

  void complain(const std::string& what);
  [[nodiscard]] Instant now() const { return engines_[0]->now(); }
  void open(std::size_t index);
  void listen(std::size_t index);
  void bind(std::size_t index);
  void send_datagrams(Flow& flow);
  void receive_datagrams(std::size_t host, UdpSocket& socket);
  void judge_datagram(std::size_t host, std::span<const std::uint8_t> datagram, const Endpoint& from);
  [[nodiscard]] std::uint32_t datagram_bytes(const Flow& flow, std::uint32_t number) const;

  const Plan& plan_;
  std::array<Engine*, 2> engines_;
  Trace& trace_;
  Rng rng_;
  std::vector<std::unique_ptr<StreamEnd>> ends_;  ///< of stream i: 2 i of host 0, 2 i + 1 of host 1
  std::vector<std::unique_ptr<Flow>> flows_;      ///< as in plan_.datagrams
  std::vector<std::uint8_t> block_;
  std::string complaint_;
  std::uint64_t progress_ = 0;
  std::uint64_t bytes_delivered_ = 0;
  std::uint64_t datagrams_delivered_ = 0;
};

}  // namespace millrace::test
