// SPDX-License-Identifier: BSD-3-Clause
// A host that says what it came to have by itself, whenever that changes, until SIGTERM.
//   dhcp_host CONFIG
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>

namespace {

using namespace millrace;

// For whom an address is, and where the way out leads, the routes tell.
std::string text_of(const Engine& engine) {
  std::string text;
  for (const HostAddress& own : engine.addresses())
    if (own.dev != "lo" && own.state == AddressState::preferred) text += " " + own.address.to_string();
  text += " dns";
  for (const NameServer& server : engine.name_servers()) text += " " + server.address.to_string();
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: dhcp_host CONFIG\n"), 2;
  const auto loaded = config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", config::to_string(loaded.error()).c_str()), 1;
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  auto engine = Engine::create(*loaded);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
  if (auto started = (*engine)->start(); !started) return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;
  std::puts("ready");
  std::string said;
  const timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
  do {
    std::string now = text_of(**engine);
    if (now == said) continue;
    said = std::move(now);
    std::printf("has%s\n%s", said.c_str(), (*engine)->proc_net_route().c_str());
    std::fflush(stdout);
  } while (sigtimedwait(&stop_signals, nullptr, &pause) != SIGTERM);
  (*engine)->stop();
}
