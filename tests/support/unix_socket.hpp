// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fstream>
#include <string>

namespace millrace::test {

/// Whether somebody in this network namespace listens on the Unix socket: to be there is not enough, for bind() comes before listen().
inline bool is_listening(const std::string& path) {
  constexpr const char* accepts = " 00010000 ";  // __SO_ACCEPTCON
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);)
    if (line.ends_with(" " + path) && line.find(accepts) != std::string::npos) return true;
  return false;
}

}  // namespace millrace::test
