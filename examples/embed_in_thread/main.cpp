// SPDX-License-Identifier: BSD-3-Clause
// Millrace inside a program that has a main loop of its own: one epoll waits for standard input and for sockets that
// the lcores serve. Every line typed is sent to every connection. Usage: embed_in_thread config.yaml [port]
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>

using millrace::ThreadQueue;

namespace {

// Prints what has come; false when the peer has nothing more to say.
bool print(ThreadQueue& queue, ThreadQueue::Socket socket) {
  std::array<std::uint8_t, 4096> bytes;
  std::int64_t n;
  while ((n = queue.read(socket, bytes)) > 0) std::fwrite(bytes.data(), 1, static_cast<std::size_t>(n), stdout);
  std::fflush(stdout);
  return n == -EAGAIN;
}

void serve(ThreadQueue& queue, std::set<ThreadQueue::Socket>& sockets) {
  while (const auto event = queue.next_event()) {
    switch (event->what) {
      case ThreadQueue::What::accepted:
        sockets.insert(event->socket);
        break;
      case ThreadQueue::What::readable:
        if (print(queue, event->socket)) break;
        [[fallthrough]];
      case ThreadQueue::What::closed:
        sockets.erase(event->socket);
        queue.close(event->socket);
        break;
      default:
        break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: embed_in_thread config.yaml [port]\n"), 2;
  const auto loaded = millrace::config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", millrace::config::to_string(loaded.error()).c_str()), 1;
  auto engine = millrace::Engine::create(*loaded);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
  if (auto started = (*engine)->start(); !started) return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;
  auto queue = (*engine)->attach_thread();
  if (!queue) return std::fprintf(stderr, "%s\n", queue.error().message.c_str()), 1;
  const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 7000);
  if (auto listening = (*queue)->listen({*millrace::IpAddress::parse("0.0.0.0"), port}); !listening)
    return std::fprintf(stderr, "%s\n", listening.error().message.c_str()), 1;
  std::puts("ready");
  std::fflush(stdout);

  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {STDIN_FILENO, (*queue)->fd()}) {
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
  }
  std::set<ThreadQueue::Socket> sockets;
  for (;;) {
    serve(**queue, sockets);
    epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1 || event.data.fd != STDIN_FILENO) continue;
    std::array<char, 4096> line;
    const ssize_t n = read(STDIN_FILENO, line.data(), line.size());
    if (n <= 0) break;
    for (const ThreadQueue::Socket socket : sockets) (*queue)->write(socket, {reinterpret_cast<std::uint8_t*>(line.data()), static_cast<std::size_t>(n)});
  }
  close(epoll);
}
