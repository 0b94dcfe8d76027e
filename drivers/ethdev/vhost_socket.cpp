// SPDX-License-Identifier: BSD-3-Clause
// The Unix socket between a virtio-user device and its backend. Called by Device before it is made.
#include "drivers/ethdev/vhost_socket.hpp"

#include "drivers/ethdev/device_args.hpp"

#include <millrace/base/log.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace millrace::ethdev {
namespace {

/// 0: somebody listens; ECONNREFUSED: nobody does any more; or what else is wrong.
int try_to_connect(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// The driver leaves the file behind in a process that is killed, and does not start where there is one.
Result<void> clear_way(const std::string& port, const std::string& path) {
  const int error = try_to_connect(path);
  if (error == 0) return failure(EADDRINUSE, port + "somebody listens on the socket " + path + " already: end that, or give another path");
  if (error == ECONNREFUSED && std::filesystem::is_socket(path) && unlink(path.c_str()) == 0) return {};
  if (error == ENOENT) return {};
  return failure(error, port + "cannot listen on " + path + ", which is there and is no socket that was left behind (" + std::strerror(error) + "): remove it, or give another path");
}

}  // namespace

Result<void> check_vhost_socket(const std::string& name, const std::string& args) {
  if (!name.starts_with("net_virtio_user")) return {};
  const std::string path = argument(args, "path"), port = "port '" + name + "': ";
  if (path.empty()) return {};
  if (argument(args, "server") != "1") {
    if (std::filesystem::exists(path)) return {};
    return failure(ENOENT, port + "nobody listens on the socket " + path + ": start the backend first, or add server=1 to the arguments and have the backend connect");
  }
  if (auto clear = clear_way(port, path); !clear) return clear;
  log(LogLevel::warn, port + "waits for a backend to connect to the socket " + path);
  return {};
}

}  // namespace millrace::ethdev
