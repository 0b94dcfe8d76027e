// SPDX-License-Identifier: BSD-3-Clause
// A UDP echo server on every lcore. Usage: udp_echo config.yaml [port]
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: udp_echo config.yaml [port]\n"), 2;
  const auto loaded = millrace::config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", millrace::config::to_string(loaded.error()).c_str()), 1;
  const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 7);

  // The application owns its signals: block them before the lcores' threads inherit the mask, wait for them below.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  auto engine = millrace::Engine::create(*loaded);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;

  for (const char* any : {"0.0.0.0", "::"}) {
    auto bound = (*engine)->bind_udp({*millrace::IpAddress::parse(any), port}, [](millrace::UdpSocket& socket) {
      socket.on_readable([](millrace::UdpSocket& s) {
        std::array<std::uint8_t, 65536> datagram;
        millrace::Endpoint from;
        for (std::int64_t n; (n = s.receive_from(datagram, from)) >= 0;) s.send_to({datagram.data(), static_cast<std::size_t>(n)}, from);
      });
    });
    if (!bound) return std::fprintf(stderr, "%s\n", bound.error().message.c_str()), 1;
  }
  if (auto started = (*engine)->start(); !started) return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;
  std::puts("ready");
  std::fflush(stdout);
  int signal;
  sigwait(&stop_signals, &signal);
  (*engine)->stop();
  std::fputs((*engine)->stats().to_text().c_str(), stdout);
}
