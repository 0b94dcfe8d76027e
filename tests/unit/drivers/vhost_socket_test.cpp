// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/vhost_socket.hpp"

#include <millrace/base/log.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace millrace;

namespace {

/// What check_vhost_socket() says of a socket in a folder of its own.
struct Bench {
  Bench() {
    set_log_sink([this](LogLevel, std::string_view text) { said = text; });
  }
  ~Bench() { set_log_sink({}); }
  /// A socket that is bound there, and listens until it is closed.
  [[nodiscard]] int listen_there() const {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(fd, 1) == 0);
    return fd;
  }
  [[nodiscard]] Error refused(const std::string& more) const {
    const auto done = ethdev::check_vhost_socket("net_virtio_user0", "path=" + path + more);
    REQUIRE_FALSE(done);
    return done.error();
  }
  [[nodiscard]] bool passes(const std::string& more) const { return ethdev::check_vhost_socket("net_virtio_user0", "path=" + path + more).has_value(); }

  const test::TemporaryFolder folder;
  const std::string path = folder.path() / "socket";
  std::string said;
};

}  // namespace

TEST_CASE("vhost socket: a virtio-user device that connects needs one that is there") {
  Bench bench;
  CHECK(bench.refused(",queues=2").code == ENOENT);
  const int fd = bench.listen_there();
  CHECK(bench.passes(",queues=2"));
  CHECK(bench.said.empty());
  close(fd);
}

TEST_CASE("vhost socket: one that listens takes the place of one that was left behind, and says that it waits") {
  Bench bench;
  CHECK(bench.passes(",server=1"));
  close(bench.listen_there());
  REQUIRE(std::filesystem::exists(bench.path));
  CHECK(bench.passes(",server=1"));
  CHECK_FALSE(std::filesystem::exists(bench.path));
  CHECK(bench.said == "port 'net_virtio_user0': waits for a backend to connect to the socket " + bench.path);
}

TEST_CASE("vhost socket: what another process listens on, and what is no socket, stays") {
  Bench bench;
  const int fd = bench.listen_there();
  CHECK(bench.refused(",server=1").code == EADDRINUSE);
  CHECK(std::filesystem::exists(bench.path));
  close(fd);
  std::filesystem::remove(bench.path);
  std::ofstream(bench.path) << "a file";
  CHECK(bench.refused(",server=1").code == ECONNREFUSED);
  CHECK(std::filesystem::exists(bench.path));
}

TEST_CASE("vhost socket: an argument is what stands between two commas, wherever such words are in a path") {
  const auto refused = ethdev::check_vhost_socket("net_virtio_user0", "queues=1,path=/nowhere/server=1/at.all");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ENOENT);
  CHECK(refused.error().message.find("nobody listens on the socket /nowhere/server=1/at.all") != std::string::npos);
}

TEST_CASE("vhost socket: other devices have none") {
  CHECK(ethdev::check_vhost_socket("net_vhost0", "iface=/nowhere/at.all").has_value());
  CHECK(ethdev::check_vhost_socket("net_tap0", "iface=mr0").has_value());
}
