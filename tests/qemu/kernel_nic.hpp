// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::qemu {

/// The other end of a device's cable: a NIC that the guest's kernel drives, by a packet socket. Frames are whole, without FCS.
class KernelNic {
 public:
  explicit KernelNic(const std::string& interface);
  ~KernelNic();
  KernelNic(const KernelNic&) = delete;
  KernelNic& operator=(const KernelNic&) = delete;

  void send(std::span<const std::uint8_t> frame);
  /// What has come since the last call.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> received();

 private:
  int fd_;
};

/// Pulls or puts back the cable of one of QEMU's NICs, by QEMU's monitor on the guest's second serial line. It is done when the call returns.
void set_link(const std::string& nic, bool up);

}  // namespace millrace::qemu
