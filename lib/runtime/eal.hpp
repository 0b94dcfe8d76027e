// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::runtime {

/// How DPDK's environment layer is started when the application has not done so itself.
struct EalConfig {
  std::uint32_t memory_mb = 256;     ///< for all packet pools and rings of the process
  bool hugepages = false;            ///< true: reserved 2 MB pages, no mount needed; twice as fast, and leaves no files
  std::string log_level = "error";   ///< emergency, alert, critical, error, warning, notice, info or debug
  std::vector<std::string> pci_devices{};  ///< the PCI addresses that DPDK may probe ("0000:01:00.0"); of others it does not know
  std::vector<std::string> extra{};  ///< further EAL arguments, after ours
};

/// Starts EAL once per process. When it is already up, by an earlier call or by the application's own rte_eal_init,
/// the call succeeds and `config` has no effect: EAL cannot be started twice or with other memory. One EAL lcore (id 0)
/// is taken by the calling thread, whose CPU affinity and name stay as they were; Millrace's own threads register
/// with ThreadRegistration. Of PCI devices only `pci_devices` are probed; drivers hot-plug all else that they open. EAL is never cleaned up.
/// Any thread may call. Errors name the cause and what to change; after one, EAL cannot be tried again in this process.
[[nodiscard]] Result<void> eal_start(const EalConfig& config);

/// Gives the calling thread DPDK's per-thread caches for as long as it lives: a pool's alloc and free then cost a
/// fifth. Made and destroyed by the same thread, after eal_start. A thread that has an lcore id already keeps it.
class ThreadRegistration {
 public:
  ThreadRegistration();
  ~ThreadRegistration();
  ThreadRegistration(const ThreadRegistration&) = delete;
  ThreadRegistration& operator=(const ThreadRegistration&) = delete;

  /// False when DPDK had no lcore id left (RTE_MAX_LCORE): the thread works all the same, without caches.
  [[nodiscard]] bool has_cache() const { return has_cache_; }

 private:
  bool has_cache_ = false;
  bool registered_here_ = false;
};

}  // namespace millrace::runtime
