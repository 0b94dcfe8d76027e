// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::runtime {

// Sleeping and waking without a lost wake-up (receive_path X20), and unmasking an interrupt without a lost arrival
// (B3), as steps over whatever memory the flag lies in: an atomic here (Waker, Lcore, RxPoller), a model with store
// buffers in tests/model, which goes through every interleaving of these very lines.

/// Sleeper: the flag is visible before anything is looked at again.
template <class Flag>
void announce_sleep(Flag& asleep) {
  asleep.store(true);
  asleep.fence();
}

/// Producer, after publishing: what was published is visible before the flag is looked at.
template <class Flag>
bool must_wake(Flag& asleep) {
  asleep.fence();
  return asleep.load();
}

/// Announces, arms, looks again. Whether to wait: if not, everything is undone.
template <class Sleeper>
bool prepare_to_sleep(Sleeper& sleeper) {
  sleeper.announce();
  sleeper.arm();
  if (!sleeper.has_work()) return true;
  sleeper.disarm();
  sleeper.retract();
  return false;
}

/// Arms an interrupt and looks again, since what came before makes none. Whether something had come: then it is masked
/// again, and to be polled.
template <class Queue>
bool unmask_and_look(Queue& queue) {
  queue.arm();
  if (!queue.look()) return false;
  queue.disarm();
  return true;
}

}  // namespace millrace::runtime
