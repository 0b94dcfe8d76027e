// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/tcp/connection.hpp>

namespace millrace::tcp {

class Listener;

/// Who hears that connections wait. Called from Tcp::flush(); may call anything, Listener::close() included.
class AcceptEvents {
 public:
  virtual ~AcceptEvents() = default;
  /// At least one connection was added to the accept queue. accept() until it gives null.
  virtual void on_accept(Listener&) = 0;
};

/// A passive open: the SYN queue (half-open connections) and the accept queue (established ones that wait). Made by
/// Tcp::listen, valid until close().
class Listener {
 public:
  /// The connection that waits longest, or null. It belongs to the caller now, until its close() or abort(). It may
  /// have ended already; set_events() then tells.
  [[nodiscard]] Connection* accept();
  /// Stops listening; resets what was not accepted. Ends the pointer.
  void close();

  /// SO_ATTACH_FILTER, as a connection's; those that begin here from now on have it, too.
  void set_filter(std::shared_ptr<const bpf::Filter> filter);
  [[nodiscard]] bool has_filter() const { return filter_ != nullptr; }

  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] std::uint32_t waiting() const { return accept_length_; }
  [[nodiscard]] std::uint32_t half_open() const { return syn_length_; }

  /// Made by Tcp only.
  Listener(Tcp& tcp, const Endpoint& local, std::uint32_t backlog, AcceptEvents& events)
      : tcp_(tcp), local_(local), backlog_(backlog), events_(events) {}

 private:
  friend class Tcp;
  using Queue = List<Tcb, &Tcb::queue_hook>;

  /// Linux admits one more than the backlog.
  [[nodiscard]] bool accept_queue_full() const { return accept_length_ > backlog_; }

  Tcp& tcp_;
  Endpoint local_;
  std::uint32_t backlog_;
  AcceptEvents& events_;
  std::shared_ptr<const bpf::Filter> filter_;
  Queue syn_queue_;
  Queue accept_queue_;
  std::uint32_t syn_length_ = 0;
  std::uint32_t accept_length_ = 0;
  bool closed_ = false;
  ListHook ready_hook_;  ///< on Tcp's list of listeners whose on_accept is due
};

}  // namespace millrace::tcp
