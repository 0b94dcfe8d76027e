// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/socket/stream.hpp>
#include <millrace/stack/tcp/connection.hpp>

namespace millrace::socket {

/// Brings a connection's events to the callbacks of its Stream.
class Stream::Events final : public tcp::Events {
 public:
  explicit Events(Stream& stream) : stream_(stream) {}
  void on_connected(tcp::Connection&) override { stream_.on_connected_(stream_); }
  void on_readable(tcp::Connection&) override {
    in_readable = true;
    stream_.tell_readable();
    in_readable = false;
  }
  void on_writable(tcp::Connection&) override { stream_.on_writable_(stream_); }
  void on_closed(tcp::Connection&, int error) override {
    stream_.on_closed_(stream_, error);
    if (stream_.connection_ != nullptr) stream_.close();
  }

  bool in_readable = false;  ///< its callback is running

 private:
  Stream& stream_;
};

}  // namespace millrace::socket
