// SPDX-License-Identifier: BSD-3-Clause
// Starts DPDK's environment layer without disturbing the process around it, and registers threads with it. Called by
// the engine before anything that needs packet buffers; calls rte_eal_init and rte_thread_register.
#include <millrace/runtime/eal.hpp>

#include <millrace/base/blocked_signal.hpp>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>

namespace millrace::runtime {
namespace {

/// The calling thread's CPUs as "0,1,5", or "" when they cannot be read.
std::string allowed_cpus(const cpu_set_t& set) {
  std::string cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.append(cpus.empty() ? "" : ",").append(std::to_string(cpu));
  return cpus;
}

std::vector<std::string> arguments(const EalConfig& config, const std::string& cpus) {
  std::vector<std::string> args{
      "millrace", "--no-telemetry", "-m", std::to_string(config.memory_mb), "--log-level", config.log_level};
  if (config.pci_devices.empty()) args.push_back("--no-pci");
  for (const std::string& device : config.pci_devices) args.insert(args.end(), {"-a", device});
  // One lcore, floating over the caller's CPUs: EAL would otherwise start a sleeping thread for every CPU.
  if (!cpus.empty()) args.insert(args.end(), {"--lcores", "0@(" + cpus + ")"});
  if (config.hugepages) {
    // Many small files would exceed the number of regions that a vhost-user backend accepts.
    args.insert(args.end(), {"--in-memory", "--single-file-segments"});
  } else {
    args.insert(args.end(), {"--no-huge", "--no-shconf"});
  }
  args.insert(args.end(), config.extra.begin(), config.extra.end());
  return args;
}

std::uint64_t free_hugepages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  std::uint64_t pages = 0;
  file >> pages;
  return pages;
}

/// EAL says little of why it failed, so the usual causes are looked for here.
Error explain(const EalConfig& config, int code) {
  const std::string what = "DPDK's EAL did not start (" + std::string(rte_strerror(code)) + ")";
  const std::uint64_t pages_needed = (config.memory_mb + 1) / 2;
  if (config.hugepages && free_hugepages() < pages_needed) {
    return {ENOMEM,
            what + ": eal.memory_mb " + std::to_string(config.memory_mb) + " needs " + std::to_string(pages_needed) +
                " hugepages, " + std::to_string(free_hugepages()) +
                " are free; write a larger number to /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, or "
                "set eal.hugepages to false"};
  }
  return {code != 0 ? code : EIO, what + ": check eal.memory_mb " + std::to_string(config.memory_mb) +
                                      " against the free memory and eal.extra; eal.log_level info makes EAL say more"};
}

bool is_log_level(const std::string& name) {
  static constexpr const char* names[] = {"emergency", "alert",  "critical", "error",
                                          "warning",   "notice", "info",     "debug"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Result<void> initialise(const EalConfig& config) {
  // EAL counts its lcores before anything else, so any at all means that the application has started it.
  if (rte_lcore_count() > 0) return {};
  // EAL itself would ignore a level that it does not know.
  if (!is_log_level(config.log_level))
    return failure(EINVAL, "eal.log_level '" + config.log_level +
                               "' is none of emergency, alert, critical, error, warning, notice, info, debug");
  cpu_set_t affinity;
  const bool affinity_known = pthread_getaffinity_np(pthread_self(), sizeof affinity, &affinity) == 0;
  std::vector<std::string> args = arguments(config, affinity_known ? allowed_cpus(affinity) : "");
  std::vector<char*> argv;
  argv.reserve(args.size());
  for (std::string& arg : args) argv.push_back(arg.data());
  rte_errno = 0;
  const auto [started, code] = [&] {
    const BlockedSignal in_its_threads(SIGPIPE);  // which write to sockets whose other end may have gone
    const int result = rte_eal_init(static_cast<int>(argv.size()), argv.data());
    return std::pair(result, rte_errno);
  }();
  if (affinity_known) pthread_setaffinity_np(pthread_self(), sizeof affinity, &affinity);
  if (started < 0) return tl::unexpected<Error>(explain(config, code));
  return {};
}

}  // namespace

Result<void> eal_start(const EalConfig& config) {
  static std::mutex mutex;
  static std::optional<Result<void>> outcome;
  const std::lock_guard lock(mutex);
  if (!outcome) outcome = initialise(config);
  return *outcome;
}

ThreadRegistration::ThreadRegistration() {
  if (rte_lcore_id() == LCORE_ID_ANY) registered_here_ = rte_thread_register() == 0;
  has_cache_ = rte_lcore_id() != LCORE_ID_ANY;
}

ThreadRegistration::~ThreadRegistration() {
  if (registered_here_) rte_thread_unregister();
}

}  // namespace millrace::runtime
