// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::ethdev {

/// The link of the kernel's interface that a device is one end of (AF_PACKET, AF_XDP, pcap), of which its driver may know nothing. Made
/// where the device was: an interface's index is that of a network namespace, and a socket stays in the one that it was made in.
class KernelLink {
 public:
  explicit KernelLink(std::uint16_t port_id);
  ~KernelLink();
  KernelLink(const KernelLink&) = delete;
  KernelLink& operator=(const KernelLink&) = delete;

  /// Whether it can carry frames by now: it is up, and so is its other end; true, too, where the device has no such interface.
  [[nodiscard]] bool is_running() const;

 private:
  int index_ = 0;
  int socket_ = -1;
};

}  // namespace millrace::ethdev
