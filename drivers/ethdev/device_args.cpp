// SPDX-License-Identifier: BSD-3-Clause
// Reads a virtual device's arguments. Called by tap.cpp, vhost_socket.cpp and Device.
#include "drivers/ethdev/device_args.hpp"

#include <algorithm>

namespace millrace::ethdev {

std::string argument(const std::string& args, const std::string& key) {
  std::size_t at = 0;
  while (at < args.size()) {
    const std::size_t end = std::min(args.find(',', at), args.size());
    if (args.compare(at, key.size() + 1, key + "=") == 0)
      return args.substr(at + key.size() + 1, end - at - key.size() - 1);
    at = end + 1;
  }
  return {};
}

}  // namespace millrace::ethdev
