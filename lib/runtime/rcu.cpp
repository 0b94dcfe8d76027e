// SPDX-License-Identifier: BSD-3-Clause
// Grace periods. Called by Lcore's loop (reader) and by the engine's control calls (who replaces); calls rte_rcu_qsbr.
#include <millrace/runtime/rcu.hpp>

#include <millrace/base/assert.hpp>

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <thread>

namespace millrace::runtime {

void Rcu::Free::operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }

Rcu::Rcu(std::uint16_t readers) {
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(readers);
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, (bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE)));
  MR_ASSERT(qsbr_ != nullptr && rte_rcu_qsbr_init(qsbr_.get(), readers) == 0);
  for (std::uint16_t reader = 0; reader < readers; ++reader) MR_ASSERT(rte_rcu_qsbr_thread_register(qsbr_.get(), reader) == 0);
}

Rcu::~Rcu() = default;

void Rcu::online(std::uint16_t reader) { rte_rcu_qsbr_thread_online(qsbr_.get(), reader); }
void Rcu::offline(std::uint16_t reader) { rte_rcu_qsbr_thread_offline(qsbr_.get(), reader); }
void Rcu::quiescent(std::uint16_t reader) { rte_rcu_qsbr_quiescent(qsbr_.get(), reader); }

std::uint64_t Rcu::start() { return rte_rcu_qsbr_start(qsbr_.get()); }

bool Rcu::is_over(std::uint64_t grace_period) const { return rte_rcu_qsbr_check(qsbr_.get(), grace_period, false) == 1; }

// rte_rcu_qsbr_synchronize() would spin: a pass may take as long as a handler of the application's.
void Rcu::synchronize() {
  for (const std::uint64_t grace_period = start(); !is_over(grace_period);) std::this_thread::yield();
}

}  // namespace millrace::runtime
