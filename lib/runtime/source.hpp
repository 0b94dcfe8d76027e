// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::runtime {

/// Something that hands an lcore work through rings of its own; the lcore looks once a pass. Added and removed on the
/// lcore (through its inbox).
class Source {
 public:
  virtual ~Source() = default;
  /// Does what is there; returns whether there was something.
  virtual bool run() = 0;
  [[nodiscard]] virtual bool has_work() const = 0;
};

}  // namespace millrace::runtime
