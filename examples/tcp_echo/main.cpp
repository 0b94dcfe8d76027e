// SPDX-License-Identifier: BSD-3-Clause
// A TCP echo server on every lcore. Usage: tcp_echo config.yaml [port]
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

// Sends back what has come, as far as there is room to send: what is not read stays in the receive window.
void echo(millrace::Stream& stream) {
  std::array<std::uint8_t, 16384> bytes;
  while (const std::size_t room = std::min(bytes.size(), stream.writable())) {
    const std::int64_t n = stream.read({bytes.data(), room});
    if (n == 0) return stream.close();  // the peer has closed, everything is echoed
    if (n < 0) return;
    stream.write({bytes.data(), static_cast<std::size_t>(n)});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: tcp_echo config.yaml [port]\n"), 2;
  const auto loaded = millrace::config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", millrace::config::to_string(loaded.error()).c_str()), 1;
  const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 7);

  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  auto engine = millrace::Engine::create(*loaded);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
  for (const char* any : {"0.0.0.0", "::"}) {
    auto listening = (*engine)->listen({*millrace::IpAddress::parse(any), port}, [](millrace::Stream& stream) {
      stream.on_readable(echo);
      stream.on_writable(echo);
    });
    if (!listening) return std::fprintf(stderr, "%s\n", listening.error().message.c_str()), 1;
  }
  if (auto started = (*engine)->start(); !started) return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;
  std::puts("ready");
  std::fflush(stdout);
  int signal;
  sigwait(&stop_signals, &signal);
}
