// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/mcs_lock.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <thread>
#include <vector>

using namespace millrace;
using runtime::McsLock;

TEST_CASE("O5: the lock is had in the order of coming, whoever runs first") {
  constexpr std::size_t threads = 16;
  McsLock lock;
  std::array<McsLock::Place, threads> places;
  McsLock::Place mine;
  lock.enqueue(mine);
  lock.wait(mine);
  for (auto& place : places) lock.enqueue(place);
  std::vector<std::size_t> order;  // written by who holds the lock
  std::vector<std::thread> waiting;
  for (std::size_t i = threads; i-- > 0;)  // the last to come is the first to wait
    waiting.emplace_back([&, i] {
      lock.wait(places[i]);
      order.push_back(i);
      lock.leave(places[i]);
    });
  lock.leave(mine);
  for (auto& thread : waiting) thread.join();
  REQUIRE(order.size() == threads);
  for (std::size_t i = 0; i < threads; ++i) CHECK(order[i] == i);
  CHECK(lock.contended() == threads);
}

TEST_CASE("O4: who meets a free lock is not counted, who waits is, and nothing is lost between 16 threads") {
  McsLock lock;
  for (int i = 0; i < 100; ++i) const McsLock::Guard alone(lock);
  CHECK(lock.contended() == 0);
  {
    McsLock::Place first, second;
    lock.enqueue(first);
    lock.enqueue(second);
    std::thread waiter([&] {
      lock.wait(second);
      lock.leave(second);
    });
    lock.leave(first);
    waiter.join();
  }
  CHECK(lock.contended() == 1);

  constexpr int each = 2000;
  std::uint64_t sum = 0;
  std::array<std::thread, 16> threads;
  for (std::thread& thread : threads)
    thread = std::thread([&] {
      for (int i = 0; i < each; ++i) {
        const McsLock::Guard guard(lock);
        ++sum;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(sum == 16u * each);
}
