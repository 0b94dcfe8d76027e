// SPDX-License-Identifier: BSD-3-Clause
// The demo's application: an HTTP server and a UDP echo on every lcore, embedded through the library API.
#include "apps/httpd/exchange.hpp"

#include <millrace/config/loader.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <semaphore>
#include <thread>
#include <unistd.h>

namespace {

using namespace millrace;

struct Options {
  std::string config = "config/demo.yaml";
  std::string capture_file;
  std::uint16_t http_port = 80;
  std::uint16_t echo_port = 7;
};

void echo_datagrams(UdpSocket& socket) {
  std::array<std::uint8_t, 65536> datagram;
  Endpoint from;
  for (std::int64_t n; (n = socket.receive_from(datagram, from)) >= 0;) socket.send_to({datagram.data(), static_cast<std::size_t>(n)}, from);
}

Result<void> open_sockets(Engine& engine, const Options& options) {
  for (const char* any : {"0.0.0.0", "::"}) {
    const IpAddress address = *IpAddress::parse(any);
    auto listening = engine.listen({address, options.http_port}, [&engine](Stream& stream) { httpd::Exchange::begin(engine, stream); });
    if (!listening) return listening;
    auto bound = engine.bind_udp({address, options.echo_port}, [](UdpSocket& socket) { socket.on_readable(echo_datagrams); });
    if (!bound) return bound;
  }
  return {};
}

int fail(const Error& error) {
  std::fprintf(stderr, "httpd: %s\n", error.message.c_str());
  return error.code == EPERM ? 3 : 1;
}

/// SIGINT and SIGTERM. A thread waits for them, since Engine::create() lasts as long as a virtio-user port's backend does not come:
/// until then they end the program at once.
class Interruption {
 public:
  // Made before any other thread, so that all have them blocked.
  Interruption() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::thread([this] {
      int signal;
      sigwait(&signals_, &signal);
      if (!is_up_) _exit(128 + signal);
      came_.release();
    }).detach();
  }
  void begin() { is_up_ = true; }
  void wait() { came_.acquire(); }

 private:
  sigset_t signals_;
  std::atomic<bool> is_up_{false};
  std::binary_semaphore came_{0};
};

int serve(const Options& options) {
  auto config = config::load_yaml(options.config);
  if (!config) return fail({EINVAL, config::to_string(config.error())});
  if (!options.capture_file.empty()) {
    config->capture.enabled = true;
    config->capture.file = options.capture_file;
  }
  static Interruption interruption;
  auto engine = Engine::create(*config);
  if (!engine) return fail(engine.error());
  interruption.begin();
  if (auto opened = open_sockets(**engine, options); !opened) return fail(opened.error());
  if (auto started = (*engine)->start(); !started) return fail(started.error());
  std::printf("ready, seed %llu, %u packet buffers in use\n", static_cast<unsigned long long>((*engine)->seed()), (*engine)->packets_in_use());
  std::fflush(stdout);
  interruption.wait();
  (*engine)->stop();
  std::printf("stopped, %u packet buffers in use\n", (*engine)->packets_in_use());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Serves HTTP and UDP echo from Millrace until it is interrupted");
  app.add_option("config", options.config, "configuration, see doc/config.md")->capture_default_str();
  app.add_option("--http-port", options.http_port)->capture_default_str();
  app.add_option("--echo-port", options.echo_port)->capture_default_str();
  app.add_option("--capture", options.capture_file, "write a pcapng there, whatever the configuration says");
  CLI11_PARSE(app, argc, argv);
  return serve(options);
}
