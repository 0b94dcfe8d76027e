// SPDX-License-Identifier: BSD-3-Clause
// A server written as for epoll(7), in a thread outside the lcores: one epoll for descriptors of the kernel (here standard
// input) and for a WaitSet, which holds the sockets. TCP on port 7000 and UDP on port 7 echo until standard input ends.
// Usage: wait_set config.yaml
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <sys/epoll.h>
#include <unistd.h>

using millrace::ThreadQueue;
using millrace::WaitSet;

namespace {

using Socket = ThreadQueue::Socket;

void accept_new(ThreadQueue& queue, WaitSet& set) {
  while (const auto event = queue.next_event())
    if (event->what == ThreadQueue::What::accepted) set.add(event->socket, EPOLLIN | EPOLLRDHUP);
}

// Level-triggered: what is not read now is reported again. What finds no room is not sent; a client reads its echo.
void echo_stream(ThreadQueue& queue, Socket socket) {
  std::array<std::uint8_t, 4096> bytes;
  const std::int64_t n = queue.read(socket, bytes);
  if (n > 0) {
    queue.write(socket, {bytes.data(), static_cast<std::size_t>(n)});
  } else if (n != -EAGAIN) {
    queue.close(socket);  // leaves the set, too
  }
}

void echo_datagram(ThreadQueue& queue, Socket socket) {
  std::array<std::uint8_t, ThreadQueue::max_datagram> bytes;
  millrace::Endpoint from;
  millrace::socket::Control control;
  const std::int64_t n = queue.receive_from(socket, bytes, from, control);
  if (n < 0) return;
  queue.send_to(socket, {bytes.data(), static_cast<std::size_t>(n)}, from);
  std::int64_t lcore = -1;
  queue.get_option(socket, millrace::socket::Option::incoming_cpu, lcore);
  std::printf("%lld bytes from %s by lcore %lld, stamped %s\n", static_cast<long long>(n), from.to_string().c_str(),
              static_cast<long long>(lcore), control.timestamp ? "yes" : "no");
  std::fflush(stdout);
}

template <class T>
bool failed(const millrace::Result<T>& result) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return !result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: wait_set config.yaml\n"), 2;
  const auto loaded = millrace::config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", millrace::config::to_string(loaded.error()).c_str()), 1;
  auto engine = millrace::Engine::create(*loaded);
  if (failed(engine) || failed((*engine)->start())) return 1;
  auto attached = (*engine)->attach_thread();
  if (failed(attached)) return 1;
  ThreadQueue& queue = **attached;
  if (failed(queue.listen({*millrace::IpAddress::parse("0.0.0.0"), 7000}))) return 1;
  const auto udp = queue.bind_udp({*millrace::IpAddress::parse("0.0.0.0"), 7});
  if (failed(udp)) return 1;
  queue.set_option(*udp, millrace::socket::Option::timestampns, 1);

  WaitSet set(queue);
  set.add(*udp, EPOLLIN);
  set.add(WaitSet::queue_events, EPOLLIN);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {STDIN_FILENO, set.fd()}) {
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    epoll_event ready;
    if (epoll_wait(epoll, &ready, 1, -1) != 1) continue;
    if (ready.data.fd == STDIN_FILENO) break;
    std::array<WaitSet::Event, 64> events;
    const std::int64_t n = set.wait(events, std::chrono::nanoseconds(0));
    for (std::int64_t i = 0; i < n; ++i) {
      const Socket socket = events[static_cast<std::size_t>(i)].socket;
      if (socket == WaitSet::queue_events) {
        accept_new(queue, set);
      } else if (socket == *udp) {
        echo_datagram(queue, socket);
      } else {
        echo_stream(queue, socket);
      }
    }
  }
  close(epoll);
}
