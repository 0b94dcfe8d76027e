// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <poll.h>

namespace millrace::test {

using Socket = ThreadQueue::Socket;
using What = ThreadQueue::What;

inline const Endpoint server = endpoint("10.77.0.2:80");

inline bool readable(const ThreadQueue& queue) {
  pollfd p{queue.fd(), POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

/// A queue of b's, used by the thread that also steps both hosts.
struct QueueWorld {
  explicit QueueWorld(const TwoEngines::Options& options = {}) : hosts(options) {
    auto attached = hosts.b->attach_thread();
    if (!attached) FAIL(attached.error().message);
    queue = std::move(*attached);
    queue->set_step([this](Instant until) { return hosts.step(until); });
  }
  /// Steps until the queue has an event; fails when it gets none.
  ThreadQueue::Event event() {
    std::optional<ThreadQueue::Event> found;
    REQUIRE(hosts.run_until([&] {
      found = queue->next_event();
      return found.has_value();
    }));
    return *found;
  }
  void expect(What what, Socket socket) {
    const auto e = event();
    CHECK(e.what == what);
    CHECK(e.socket == socket);
  }
  /// A connection from a, accepted by the queue.
  Socket accepted() {
    REQUIRE(queue->listen(server));
    client.join(**TwoEngines::sockets(*hosts.a).connect(server));
    const auto e = event();
    REQUIRE(e.what == What::accepted);
    return e.socket;
  }
  std::string read(Socket socket, std::size_t most = SIZE_MAX) {
    std::string text;
    std::array<std::uint8_t, 1000> part;
    while (text.size() < most) {
      const std::int64_t n = queue->read(socket, {part.data(), std::min(part.size(), most - text.size())});
      if (n <= 0) break;
      text.append(part.begin(), part.begin() + n);
    }
    return text;
  }

  Conversation client;
  TwoEngines hosts;
  std::unique_ptr<ThreadQueue> queue;
};

}  // namespace millrace::test
