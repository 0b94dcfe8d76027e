// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <millrace/stats/ledger.hpp>

namespace millrace::test {

/// The books of a test's lcore, balanced when it goes out of scope (receive_path P9): what its port received, what the
/// product made and what the test took from its pool by TestPool::packet() has ended sent, delivered, used up, joined to
/// another or dropped for one reason. In a fixture it stands before what holds packets.
class BalanceCheck {
 public:
  BalanceCheck(const stats::LcoreStats& stats, const TestPool& pool) : stats_(stats), pool_(pool) {}
  BalanceCheck(const BalanceCheck&) = delete;
  BalanceCheck& operator=(const BalanceCheck&) = delete;
  ~BalanceCheck() {
    INFO(text());
    CHECK(is_even());
  }

  [[nodiscard]] bool is_even() const {
    const stats::LcoreStats* lcore[] = {&stats_};
    const stats::PacketBalance balance = stats::packet_balance(lcore);
    return balance.begun + pool_.given() == balance.ended;
  }
  [[nodiscard]] std::string text() const {
    const stats::LcoreStats* lcore[] = {&stats_};
    return "given by the test " + std::to_string(pool_.given()) + "; " + stats::packet_balance_text(lcore);
  }

 private:
  const stats::LcoreStats& stats_;
  const TestPool& pool_;
};

}  // namespace millrace::test
