// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::runtime {

/// The NUMA node of a CPU, or -1 on a machine that does not say.
[[nodiscard]] int node_of_cpu(std::uint32_t cpu);

/// Pins the calling thread to `cpu` and has its memory come from that CPU's node first. Fails with EINVAL when the
/// process may not run there, naming the CPUs that it may use.
[[nodiscard]] Result<void> pin_this_thread(std::uint32_t cpu);

/// Whether the process may run on `cpu` at all (its affinity, as taskset and cgroups set it).
[[nodiscard]] bool may_run_on(std::uint32_t cpu);

/// Zeroed memory of whole pages on a NUMA node, resident at once; node -1, or a machine without nodes: wherever the
/// calling thread is. Never null: without memory the process ends, as with operator new.
[[nodiscard]] void* allocate_on_node(std::size_t bytes, int node);
void free_on_node(void* memory, std::size_t bytes);
/// The node on which a page that has been touched lies; -1 where the kernel does not say.
[[nodiscard]] int node_of_memory(const void* memory);

}  // namespace millrace::runtime
