// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/devmodel/choices.hpp"
#include "tests/devmodel/subject.hpp"

#include <memory>

namespace millrace::fuzz {

/// What a target adds to a device model: how it attacks the driver that runs on it.
class Attacker {
 public:
  explicit Attacker(devmodel::Subject& on) : subject(on) {}
  virtual ~Attacker() = default;
  /// What is asked of the port; its name, rings and pools are the session's.
  [[nodiscard]] virtual ethdev::Options options() const { return {}; }
  /// Whether the driver lets go of all its buffers, and of no others, when it is stopped in the midst of an attack, with a pool that may be dry.
  [[nodiscard]] virtual bool can_be_stopped(bool /*is_dry*/) const { return true; }
  /// One more thing is about to go wrong.
  virtual void strike(const devmodel::Choices& choices) = 0;
  /// What an attack has kept back happens now.
  virtual void release_late() { subject.slot.faults().release_late(); }
  /// All goes well from now on.
  virtual void mend() { subject.slot.faults().clear(); }
  /// What other threads have to do with it is done.
  virtual void settle() {}

  devmodel::Subject& subject;
};

/// The target's own.
[[nodiscard]] std::unique_ptr<Attacker> make_attacker(devmodel::Subject& subject);

}  // namespace millrace::fuzz
