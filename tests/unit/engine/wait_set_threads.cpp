// SPDX-License-Identifier: BSD-3-Clause
// L1, L3, L5, X20: two threads play ping-pong with datagrams through one lcore and two stacks on a cable, 20,000 of them: one
// asleep in WaitSet::wait(), the other in an epoll of its own over the set's eventfd, first level-, then edge-triggered. A
// wake-up that is lost is a time-out here, one that is written for nobody a count. For ThreadSanitizer.
#include <millrace/engine/engine.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint32_t all_messages = 20000;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "wait_set_threads: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// One side: its queue, its socket, its set.
class Player {
 public:
  Player(Engine& engine, std::size_t stack, const char* own)
      : queue_(must(engine.attach_thread(stack))), socket_(must(queue_->bind_udp(*Endpoint::parse(own)))) {}
  ~Player() {
    if (epoll_ >= 0) close(epoll_);
  }
  void use_epoll() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, set_.fd(), &wanted) != 0) fail("the eventfd fits no epoll");
  }
  void watch(std::uint32_t events) {
    (void)set_.remove(socket_);
    if (set_.add(socket_, events) != 0) fail("the set takes no socket");
  }
  void give(const Endpoint& to, std::uint32_t number) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &number, 4);
    if (queue_->send_to(socket_, bytes, to) != 4) fail("a datagram did not fit");
  }
  Endpoint take(std::uint32_t expected) {
    std::array<std::uint8_t, 4> bytes;
    Endpoint from;
    while (queue_->receive_from(socket_, bytes, from) < 0) wait();
    std::uint32_t number;
    std::memcpy(&number, bytes.data(), 4);
    if (number != expected) fail("datagram " + std::to_string(number) + " in the place of " + std::to_string(expected));
    return from;
  }

 private:
  void wait() {
    std::array<WaitSet::Event, 4> found;
    epoll_event event;
    if (epoll_ < 0) {
      if (set_.wait(found, 1min) == 0) fail("no event within a minute: a wake-up was lost");
      return;
    }
    while (set_.wait(found, 0ns) == 0)
      if (epoll_wait(epoll_, &event, 1, 60000) == 0) fail("no event within a minute: the eventfd was not written");
  }

  std::unique_ptr<ThreadQueue> queue_;
  ThreadQueue::Socket socket_;
  WaitSet set_{*queue_};
  int epoll_ = -1;
};

/// What a game was like.
struct Played {
  Stats stats;
  std::vector<std::chrono::nanoseconds> round_trips;
  [[nodiscard]] long long us_at(double q) {
    std::sort(round_trips.begin(), round_trips.end());
    const auto at = static_cast<std::size_t>(q * static_cast<double>(round_trips.size() - 1));
    return std::chrono::duration_cast<std::chrono::microseconds>(round_trips[at]).count();
  }
};

/// The game, with net.core.busy_poll.
Played play(std::uint32_t messages, std::int64_t busy_poll_us) {
  Config config;
  config.sysctl.busy_poll = busy_poll_us;
  config.eal.pool_packets = 4095;
  auto [here, there] = make_link(1);
  for (const char* host : {"1", "2"}) {
    const std::string name = std::string("p") + host;
    config.ports.push_back({.name = name});
    config.stacks.push_back({.name = name,
                             .interfaces = {{name, "eth0", {*IpPrefix::parse(std::string("10.77.0.") + host + "/24")}}},
                             .routes = {}});
  }
  const auto engine = must(Engine::create(config, {{"p1", here}, {"p2", there}}));
  must(engine->start());
  Played played;
  std::promise<void> is_bound;
  std::thread second([&] {
    Player pong(*engine, 1, "10.77.0.2:7");
    is_bound.set_value();
    if (busy_poll_us == 0) pong.use_epoll();
    for (std::uint32_t i = 0; i < messages; i += 2) {
      if (i % (messages / 2) == 0) pong.watch(i == 0 ? EPOLLIN : EPOLLIN | EPOLLET);
      const Endpoint from = pong.take(i);
      pong.give(from, i + 1);
    }
    (void)pong.take(messages);
  });
  is_bound.get_future().wait();
  {
    Player ping(*engine, 0, "10.77.0.1:7");
    const Endpoint peer = *Endpoint::parse("10.77.0.2:7");
    for (std::uint32_t i = 0; i < messages; i += 2) {
      if (i % (messages / 2) == 0) ping.watch(i == 0 ? EPOLLIN | EPOLLET : EPOLLIN);
      const auto start = std::chrono::steady_clock::now();
      ping.give(peer, i);
      (void)ping.take(i + 1);
      played.round_trips.push_back(std::chrono::steady_clock::now() - start);
    }
    ping.give(peer, messages);
    second.join();
  }
  engine->stop();
  played.stats = engine->stats();
  return played;
}

}  // namespace

int main() {
  Played asleep = play(all_messages, 0);
  const std::uint64_t written = asleep.stats.total("socket", "wakeups");
  std::printf("%u datagrams, %llu eventfd writes, %llu spared\n", all_messages, static_cast<unsigned long long>(written),
              static_cast<unsigned long long>(asleep.stats.total("socket", "wakeups_skipped")));
  // Each message wakes its reader once at most, and so does each credit that its writer gets back.
  if (written > 2 * all_messages + 10) fail("more eventfds were written than there was news");
  // L5: who polls for ten seconds before it sleeps is always awake here.
  Played polling = play(all_messages / 20, 10000000);
  const std::uint64_t woken = polling.stats.total("socket", "wakeups");
  std::printf("busy polling: %llu eventfd writes\n", static_cast<unsigned long long>(woken));
  std::printf("round trip in us, p50 and p99: %lld, %lld asleep; %lld, %lld busy polling\n", asleep.us_at(0.5),
              asleep.us_at(0.99), polling.us_at(0.5), polling.us_at(0.99));
  if (woken > 10) fail("L5: a thread that was polling was woken");
}
