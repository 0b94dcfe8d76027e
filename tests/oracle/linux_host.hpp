// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

using Bytes = std::vector<std::uint8_t>;

/// The kernel of this machine as a host on a TAP device, in a network namespace of this process's own: 10.77.0.2/24 and
/// fd00:77::2/64, with permanent neighbours 10.77.0.1 and fd00:77::1. What a frame causes it does before deliver() returns.
class LinuxHost {
 public:
  /// Null and a reason in `why_not` when a right is missing. Before EAL starts.
  [[nodiscard]] static std::optional<LinuxHost> make(std::string& why_not);

  /// Gives it a frame and returns what it sends in answer.
  [[nodiscard]] std::vector<Bytes> deliver(std::span<const std::uint8_t> frame);
  [[nodiscard]] static std::string read(const std::string& path);

 private:
  explicit LinuxHost(int fd, std::vector<int> sockets) : fd_(fd), sockets_(std::move(sockets)) {}
  [[nodiscard]] std::vector<Bytes> take() const;
  int fd_;
  std::vector<int> sockets_;  ///< UDP, on port 7
};

}  // namespace millrace::test
