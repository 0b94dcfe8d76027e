// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::ip {

/// net.ipv4.conf.all.*: which redirects of IPv4 are believed.
struct RedirectPolicy {
  bool accept = true;         ///< accept_redirects
  bool secure = true;         ///< secure_redirects: only to default routers, where the medium is not shared
  bool shared_media = true;   ///< the new router need not have an address of the old one's prefix
};

/// Who forwards, and by which rules.
struct Forwarding {
  bool v4 = false;              ///< net.ipv4.ip_forward
  bool v6 = false;              ///< net.ipv6.conf.all.forwarding
  bool send_redirects = true;   ///< net.ipv4.conf.all.send_redirects
  std::uint8_t rp_filter = 0;   ///< net.ipv4.conf.all.rp_filter: 1 strict, 2 loose
};

}  // namespace millrace::ip
