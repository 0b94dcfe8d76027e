// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/socket/stream.hpp>
#include <millrace/stack/tcp/connection.hpp>

namespace millrace::socket {

/// Brings a connection's events to the callbacks of its Stream.
class Stream::Events final : public tcp::Events {
 public:
  explicit Events(Stream& stream) : stream_(stream) {}
  void on_connected(tcp::Connection&) override { call(stream_.on_connected_); }
  void on_readable(tcp::Connection&) override {
    in_readable = true;
    call(stream_.on_readable_);
    in_readable = false;
  }
  void on_writable(tcp::Connection&) override { call(stream_.on_writable_); }
  void on_closed(tcp::Connection&, int error) override {
    const Closed closed = stream_.on_closed_;
    if (closed) closed(stream_, error);
    if (stream_.connection_ != nullptr) stream_.close();
  }

  bool in_readable = false;  ///< its callback is running

 private:
  // A copy is called: the callback may replace itself.
  void call(const Callback& callback) {
    const Callback held = callback;
    if (held) held(stream_);
  }
  Stream& stream_;
};

}  // namespace millrace::socket
