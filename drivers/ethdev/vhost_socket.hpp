// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <string>

namespace millrace::ethdev {

/// Looks at the socket of a virtio-user device before DPDK does, which says of whatever is wrong with it that the driver fails. Where the
/// device connects, there has to be one; where it listens (server=1), one that nobody listens on any more is removed. Does nothing for
/// other devices. `args` are the device's arguments.
[[nodiscard]] Result<void> check_vhost_socket(const std::string& name, const std::string& args);

}  // namespace millrace::ethdev
