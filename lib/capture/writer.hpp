// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/capture/frame.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::capture {

/// Writes frames to a pcapng file (draft-ietf-opsawg-pcapng): one section, Ethernet interfaces with nanoseconds, one
/// enhanced packet block a frame. Our own and not rte_pcapng, which names packets by ethdev port id and stamps them by
/// its own clock: in-memory ports have no such id, and a virtual clock is not the machine's.
/// For one control thread; blocks when the file does.
class Writer {
 public:
  struct Options {
    std::vector<std::string> interfaces;  ///< names of the ports
    std::uint64_t max_bytes = 64 << 20;   ///< no block that would end behind this is written, nor any after it
    std::uint32_t snaplen = 0;            ///< as the taps cut frames; 0: whole
    Duration unix_epoch{};                ///< Unix time of the engine clock's zero; 0 under a virtual clock
  };
  /// Frames offered end in exactly one of these, once flush() has run.
  struct Totals {
    std::uint64_t written = 0;
    std::uint64_t over_limit = 0;  ///< not written, since max_bytes was reached
    std::uint64_t failed = 0;      ///< not written, since the file could not take them
    std::uint64_t bytes = 0;       ///< in the file
  };

  /// Creates or empties the file. Fails with the errno of open(), naming the file.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> open(const std::string& path, const Options& options);
  /// Writes to a descriptor (a file, pipe or socket), which it now owns.
  Writer(int fd, const Options& options);
  /// Flushes and closes.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Adds a frame; the bytes are copied. False when it is not kept: the limit was reached or the file failed.
  bool write(const Frame& frame);
  /// Brings everything so far to the file. Fails with the errno of the first write() that failed.
  Result<void> flush();
  /// Nothing will be written any more.
  [[nodiscard]] bool is_full() const { return full_ || error_ != 0; }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  void write_headers(const Options& options);
  void append_number(std::uint32_t value);
  void append_padded(const void* bytes, std::size_t size);
  void append_option(std::uint16_t code, const void* bytes, std::size_t size);
  std::size_t begin_block(std::uint32_t type);
  void end_block(std::size_t begin);
  bool write_out();

  const int fd_;
  const std::uint64_t max_bytes_;
  const Duration unix_epoch_;
  std::vector<std::uint8_t> buffer_;  ///< whole blocks that are not in the file yet
  std::uint64_t pending_ = 0;         ///< frames among them
  Totals totals_;
  bool full_ = false;
  int error_ = 0;
};

}  // namespace millrace::capture
