// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "apps/httpd/content.hpp"

#include <millrace/engine/engine.hpp>

#include <http_parser.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::httpd {

/// One HTTP/1.1 connection (RFC 9112): requests one after the other, each answered before the next is read, so the
/// receive window holds back a client that pipelines. On the stream's lcore.
///   GET, HEAD /             a greeting            GET, HEAD /bytes/N      N pseudo-random letters, with ranges
///   GET, HEAD /stats        counters, as JSON     GET /sha256/N           the SHA-256 of /bytes/N
///   PUT, POST /sink         the SHA-256 of the body
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Engine& engine, Stream& stream);

  /// Sets the callbacks of a new connection; the exchange lives as long as the stream.
  static void begin(Engine& engine, Stream& stream);

 private:
  // What is left to send of the answer in progress.
  struct Body {
    std::string text;          // sent first: the head, and short bodies
    std::size_t text_sent = 0;
    std::uint64_t offset = 0;  // then this part of the endless file
    std::uint64_t length = 0;
    [[nodiscard]] bool done() const { return text_sent == text.size() && length == 0; }
  };

  void on_readable();
  void on_writable();
  bool write_answer();
  std::size_t parse(std::span<const std::uint8_t> bytes);
  void head_complete();
  void request_complete();
  void answer_get();
  void answer_bytes(std::uint64_t size);
  void answer_sha256(std::uint64_t size);
  void answer(int status, std::string_view body, std::string_view extra_headers = {});
  void fail(int status);
  void head(int status, std::uint64_t length, std::string_view type, std::string_view extra_headers);

  static const http_parser_settings& settings();
  static Exchange& self(http_parser* parser) { return *static_cast<Exchange*>(parser->data); }

  Engine& engine_;
  Stream* stream_;
  http_parser parser_;
  std::vector<std::uint8_t> unparsed_;   // read, but behind a request that is still being answered
  Body body_;
  std::string url_, field_, value_, range_;
  bool field_done_ = false;
  bool expects_continue_ = false;
  bool answering_ = false;
  bool waiting_ = false;                 // for a digest that is computed elsewhere
  bool keep_alive_ = false;
  bool refused_ = false;                 // answered before the request was complete: close after the answer
  std::optional<Sha256> sink_;
};

}  // namespace millrace::httpd
