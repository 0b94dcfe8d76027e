// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/env/env.hpp>

#include <cstdint>

namespace millrace::poll {

/// Linux's NAPI_POLL_WEIGHT: packets that one poll may take.
inline constexpr int default_weight = 64;

/// A source of packets that is polled in turn with others: a port's rx queue, an lcore's backlog. One lcore owns it
/// and calls everything here. Follows struct napi_struct (include/linux/netdevice.h) and its contract:
/// a poll that returns less than the weight it was given has called complete(); one that used the whole weight has
/// not, and the loop keeps it on its lists (receive_path D4).
class Napi {
 public:
  explicit Napi(int weight = default_weight) : weight_(weight) {}
  virtual ~Napi() = default;
  Napi(const Napi&) = delete;
  Napi& operator=(const Napi&) = delete;

  /// Handles up to `weight` packets and returns how many.
  virtual int poll(Env& env, int weight) = 0;
  /// The loop's word that a poll used its whole weight: old held packets go up now, since no completion will come
  /// (receive_path D10).
  virtual void weight_used(Env& env) {}

  [[nodiscard]] int weight() const { return weight_; }
  void set_weight(int weight) { weight_ = weight; }
  [[nodiscard]] bool is_scheduled() const { return scheduled_; }

  /// To be polled: at the end of `poll_list`, unless it is scheduled already; then the running poll is marked as
  /// having missed something. Returns whether it was linked, so that the caller raises NET_RX once.
  template <class PollList>
  bool schedule(PollList& poll_list) {
    if (disabled_) return false;
    if (scheduled_) {
      missed_ = true;
      return false;
    }
    scheduled_ = true;
    poll_list.push_back(*this);
    return true;
  }

  /// Ends polling from inside poll(). False when something was scheduled meanwhile: then it stays scheduled and the
  /// loop polls it again (receive_path D12).
  bool complete() {
    if (missed_) {
      missed_ = false;
      return false;
    }
    scheduled_ = false;
    return true;
  }

  void enable() { disabled_ = false; }
  /// No poll after the current one; owner lcore only.
  void disable() {
    disabled_ = true;
    if (hook.is_linked()) {
      hook.unlink();
      scheduled_ = false;
    }
  }
  [[nodiscard]] bool is_disabled() const { return disabled_; }

  ListHook hook;  ///< link of the poll list

 private:
  int weight_;
  bool disabled_ = true;  // until enable(), as netif_napi_add() leaves it
  bool scheduled_ = false;
  bool missed_ = false;
};

using NapiList = List<Napi, &Napi::hook>;

}  // namespace millrace::poll
