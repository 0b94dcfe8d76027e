// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/sim/traffic.hpp"

namespace millrace::test {

/// One end of one stream: sends its bytes in pieces of any size, reads and compares the other's, closes in order.
class Traffic::StreamEnd {
 public:
  StreamEnd(Traffic& traffic, std::size_t stream, std::size_t host);

  /// From the lcore that owns it.
  void attach(Stream& stream);
  /// The active opener waits for on_connected.
  void begin_writing() { write(); }
  [[nodiscard]] bool is_done() const { return done_; }
  [[nodiscard]] bool is_attached() const { return attached_; }
  [[nodiscard]] std::string to_string() const;

 private:
  void read();
  bool take(std::span<const std::uint8_t> bytes);
  void write();
  void close_if_finished();
  void closed(int error);
  void complain(const std::string& what);
  void note(const char* what, std::uint64_t value);
  template <class Resume>
  void pause(bool& paused, Resume resume);

  Traffic& traffic_;
  const std::size_t stream_index_;
  const std::size_t host_;
  const std::uint32_t to_send_;
  const std::uint32_t to_receive_;
  const std::uint64_t key_out_;
  const std::uint64_t key_in_;
  Rng rng_;
  const bool closes_first_;  ///< lets go once it has sent and read all, instead of waiting for on_closed
  Stream* stream_ = nullptr;
  std::uint32_t sent_ = 0;
  std::uint32_t received_ = 0;
  bool attached_ = false;
  bool shut_ = false;
  bool at_end_ = false;
  bool done_ = false;
  bool reading_paused_ = false;
  bool writing_paused_ = false;
};

}  // namespace millrace::test
