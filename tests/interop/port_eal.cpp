// SPDX-License-Identifier: BSD-3-Clause
// Starting EAL: what it leaves alone, what a second start does, what a failed one says. Failures run in children, for a
// process gets one attempt.
#include <millrace/runtime/eal.hpp>

#include "tests/support/catch.hpp"

#include <rte_lcore.h>

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

using namespace millrace;
using runtime::eal_start;
using runtime::EalConfig;

namespace {

cpu_set_t affinity() {
  cpu_set_t set;
  pthread_getaffinity_np(pthread_self(), sizeof set, &set);
  return set;
}

std::array<void (*)(int), 65> handlers() {
  std::array<void (*)(int), 65> all{};
  for (int signal = 1; signal < 65; ++signal) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    all[static_cast<std::size_t>(signal)] = action.sa_handler;
  }
  return all;
}

/// The message of the error that `config` gives in a process of its own, after `before` there; "" on success.
std::string message_in_child(
    const EalConfig& config, const std::function<void()>& before = [] {}) {
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  const pid_t child = fork();
  if (child == 0) {
    before();
    close(STDERR_FILENO);
    const auto started = eal_start(config);
    const auto again = eal_start({});
    if (!started && write(fds[1], started.error().message.data(), started.error().message.size()) < 0) _exit(3);
    _exit(started.has_value() == again.has_value() ? 0 : 1);
  }
  close(fds[1]);
  std::string message(2000, 0);
  message.resize(static_cast<std::size_t>(read(fds[0], message.data(), message.size())));
  close(fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  return message;
}

}  // namespace

// First, for the children must come from a process without EAL.
TEST_CASE("a failed start names the cause and the remedy, and stays failed") {
  REQUIRE(rte_lcore_count() == 0);
  CHECK(message_in_child({}).empty());
  CHECK(message_in_child({.memory_mb = 2'000'000'000}).find("eal.memory_mb 2000000000") != std::string::npos);
  CHECK(message_in_child({.memory_mb = 1 << 24, .hugepages = true}).find("nr_hugepages") != std::string::npos);
  CHECK(message_in_child({.log_level = "shouting"}).find("shouting") != std::string::npos);
  if (geteuid() == 0) {
    // Nobody, without a directory that could be written to, is served all the same.
    CHECK(message_in_child({}, [] {
            setenv("XDG_RUNTIME_DIR", "/proc", 1);
            if (setuid(65534) != 0) _exit(2);
          }).empty());
  }
}

TEST_CASE("EAL starts with one lcore and leaves affinity, thread name and signals as they were") {
  const cpu_set_t before = affinity();
  const auto handlers_before = handlers();
  std::array<char, 32> name_before{};
  pthread_getname_np(pthread_self(), name_before.data(), name_before.size());
  const auto started = eal_start({});
  if (!started) FAIL(started.error().message);
  const cpu_set_t after = affinity();
  CHECK(CPU_EQUAL(&before, &after));
  CHECK(handlers() == handlers_before);
  std::array<char, 32> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  CHECK(name == name_before);
  CHECK(rte_lcore_count() == 1);
  CHECK(eal_start({.memory_mb = 2'000'000'000}).has_value());
}

TEST_CASE("a registered thread has caches while it is registered") {
  REQUIRE(eal_start({}));
  std::thread([] {
    const unsigned none = rte_lcore_id();
    {
      const runtime::ThreadRegistration registration;
      if (!registration.has_cache() || rte_lcore_id() == LCORE_ID_ANY) std::abort();
      const runtime::ThreadRegistration nested;
      if (!nested.has_cache()) std::abort();
    }
    if (none != LCORE_ID_ANY || rte_lcore_id() != LCORE_ID_ANY) std::abort();
  }).join();
  // The thread that started EAL is an lcore already and stays one.
  { CHECK(runtime::ThreadRegistration().has_cache()); }
  CHECK(rte_lcore_id() == 0);
}
