// SPDX-License-Identifier: BSD-3-Clause
// The application's calls on a listener. Called by socket/; the SYN side is listen.cpp. receive_path K5.
#include <millrace/stack/tcp/listener.hpp>

#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

Connection* Listener::accept() {
  Tcb* tcb = accept_queue_.pop_front();
  if (tcb == nullptr) return nullptr;
  --accept_length_;
  auto& c = tcp_.connection(*tcb);
  c.listener_ = nullptr;
  c.held = true;
  return &c;
}

void Listener::close() { tcp_.close(*this); }

}  // namespace millrace::tcp
