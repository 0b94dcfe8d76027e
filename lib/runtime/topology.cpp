// SPDX-License-Identifier: BSD-3-Clause
// CPUs and NUMA nodes, through libnuma and the scheduler. Called by the engine when it makes pools and threads.
#include <millrace/runtime/topology.hpp>

#include <cerrno>
#include <cstring>
#include <new>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>

namespace millrace::runtime {
namespace {

std::string allowed_cpus(const cpu_set_t& set) {
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) text.append(text.empty() ? "" : ",").append(std::to_string(cpu));
  return text;
}

}  // namespace

int node_of_cpu(std::uint32_t cpu) {
  if (numa_available() < 0) return -1;
  return numa_node_of_cpu(static_cast<int>(cpu));
}

bool may_run_on(std::uint32_t cpu) {
  cpu_set_t set;
  return cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof set, &set) == 0 && CPU_ISSET(cpu, &set);
}

Result<void> pin_this_thread(std::uint32_t cpu) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &wanted);
  if (sched_setaffinity(0, sizeof wanted, &wanted) != 0) {
    return failure(errno, "cannot pin an lcore to cpu " + std::to_string(cpu) + ": " + std::strerror(errno) +
                              "; this process may use " + allowed_cpus(allowed));
  }
  if (const int node = node_of_cpu(cpu); node >= 0) numa_set_preferred(node);
  return {};
}

void* allocate_on_node(std::size_t bytes, int node) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  if (node >= 0 && numa_available() >= 0) numa_tonode_memory(memory, bytes, node);
  std::memset(memory, 0, bytes);  // a page is placed when it is touched
  return memory;
}

void free_on_node(void* memory, std::size_t bytes) { munmap(memory, bytes); }

int node_of_memory(const void* memory) {
  if (numa_available() < 0) return -1;
  int node = -1;
  void* page = const_cast<void*>(memory);
  if (numa_move_pages(0, 1, &page, nullptr, &node, 0) != 0) return -1;
  return node >= 0 ? node : -1;
}

}  // namespace millrace::runtime
