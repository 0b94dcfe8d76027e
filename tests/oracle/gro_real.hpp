// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/oracle/gro_run.hpp"

#include <memory>
#include <optional>
#include <string>

namespace millrace::oracle {

/// Gives runs to millrace::gro::Gro and to the oracle.
class Differential {
 public:
  Differential();
  ~Differential();
  Differential(const Differential&) = delete;
  Differential& operator=(const Differential&) = delete;

  /// Compares what both pass up after each event. Returns what differs first, in words, or nothing. `step`, if given,
  /// is set to the number of that event.
  [[nodiscard]] std::optional<std::string> first_difference(const Run& run, std::size_t* step = nullptr);
  /// The same difference with as few events as leaving some out can do.
  [[nodiscard]] Run shortest(Run run);

 private:
  struct Lcore;
  std::unique_ptr<Lcore> lcore_;
};

/// A run's events, a line each, frames in hexadecimal.
[[nodiscard]] std::string print(const Run& run);

}  // namespace millrace::oracle
