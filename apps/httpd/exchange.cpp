// SPDX-License-Identifier: BSD-3-Clause
// HTTP over a Stream. Called by the listener's accept callback; calls http-parser, the content and the stream.
#include "apps/httpd/exchange.hpp"

#include "apps/httpd/range.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <strings.h>

namespace millrace::httpd {
namespace {

constexpr std::size_t longest_url = 4096;
constexpr std::size_t longest_value = 1024;
constexpr std::uint64_t largest_resource = 1ull << 40;

const char* reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 206: return "Partial Content";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 431: return "Request Header Fields Too Large";
    default: return "Internal Server Error";
  }
}

bool is_sink_method(unsigned method) { return method == HTTP_PUT || method == HTTP_POST; }

}  // namespace

void Exchange::begin(Engine& engine, Stream& stream) {
  auto exchange = std::make_shared<Exchange>(engine, stream);
  stream.set_context(exchange);
  stream.set_no_delay(true);
  stream.on_readable([](Stream& s) { s.context<Exchange>().on_readable(); });
  stream.on_writable([](Stream& s) { s.context<Exchange>().on_writable(); });
  stream.on_closed([](Stream& s, int) { s.context<Exchange>().stream_ = nullptr; });
}

Exchange::Exchange(Engine& engine, Stream& stream) : engine_(engine), stream_(&stream) {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

void Exchange::on_readable() {
  std::array<std::uint8_t, 64 * 1024> bytes;
  while (!answering_) {
    if (!unparsed_.empty()) {
      const std::vector<std::uint8_t> held = std::exchange(unparsed_, {});
      unparsed_.assign(held.begin() + static_cast<std::ptrdiff_t>(parse(held)), held.end());
      continue;
    }
    const std::int64_t n = stream_->read(bytes);
    if (n == 0) return stream_->close();
    if (n < 0) return;
    const std::span<const std::uint8_t> read(bytes.data(), static_cast<std::size_t>(n));
    const std::size_t parsed = parse(read);
    unparsed_.assign(read.begin() + static_cast<std::ptrdiff_t>(parsed), read.end());
  }
}

void Exchange::on_writable() {
  if (answering_ && write_answer()) on_readable();
}

// Returns how much was used: less than given when a request is complete and its answer comes first.
std::size_t Exchange::parse(std::span<const std::uint8_t> bytes) {
  const std::size_t used = http_parser_execute(&parser_, &settings(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (error == HPE_PAUSED) {
    http_parser_pause(&parser_, 0);
    if (refused_ || write_answer()) return refused_ ? bytes.size() : used;
    return used;
  }
  if (error != HPE_OK || parser_.upgrade) {
    fail(error == HPE_HEADER_OVERFLOW ? 431 : 400);
    return bytes.size();
  }
  return bytes.size();
}

// Sends as much of the answer as there is room for. True when it is all sent and the connection goes on.
bool Exchange::write_answer() {
  if (waiting_) return false;
  std::array<std::uint8_t, 64 * 1024> block;
  while (!body_.done()) {
    std::span<const std::uint8_t> part;
    if (body_.text_sent < body_.text.size()) {
      part = {reinterpret_cast<const std::uint8_t*>(body_.text.data()) + body_.text_sent, body_.text.size() - body_.text_sent};
    } else {
      const std::size_t room = std::min({block.size(), std::max<std::size_t>(stream_->writable(), 1), static_cast<std::size_t>(body_.length)});
      fill(body_.offset, {block.data(), room});
      part = {block.data(), room};
    }
    const std::int64_t n = stream_->write(part);
    if (n == -EAGAIN) return false;
    if (n < 0) return stream_->abort(), false;
    if (body_.text_sent < body_.text.size()) {
      body_.text_sent += static_cast<std::size_t>(n);
    } else {
      body_.offset += static_cast<std::uint64_t>(n);
      body_.length -= static_cast<std::uint64_t>(n);
    }
  }
  if (!keep_alive_) return stream_->close(), false;
  answering_ = false;
  return true;
}

const http_parser_settings& Exchange::settings() {
  static const http_parser_settings s = [] {
    http_parser_settings set;
    http_parser_settings_init(&set);
    set.on_message_begin = [](http_parser* p) {
      Exchange& e = self(p);
      e.url_.clear();
      e.field_.clear();
      e.value_.clear();
      e.range_.clear();
      e.expects_continue_ = false;
      return 0;
    };
    set.on_url = [](http_parser* p, const char* at, std::size_t n) {
      self(p).url_.append(at, std::min(n, longest_url + 1 - std::min(longest_url, self(p).url_.size())));
      return 0;
    };
    set.on_header_field = [](http_parser* p, const char* at, std::size_t n) {
      Exchange& e = self(p);
      if (e.field_done_) e.field_.clear(), e.value_.clear();
      e.field_done_ = false;
      if (e.field_.size() < longest_value) e.field_.append(at, n);
      return 0;
    };
    set.on_header_value = [](http_parser* p, const char* at, std::size_t n) {
      Exchange& e = self(p);
      e.field_done_ = true;
      if (e.value_.size() < longest_value) e.value_.append(at, n);
      if (strcasecmp(e.field_.c_str(), "range") == 0) e.range_ = e.value_;
      if (strcasecmp(e.field_.c_str(), "expect") == 0) e.expects_continue_ = strcasecmp(e.value_.c_str(), "100-continue") == 0;
      return 0;
    };
    set.on_headers_complete = [](http_parser* p) { return self(p).head_complete(), 0; };
    set.on_body = [](http_parser* p, const char* at, std::size_t n) {
      if (self(p).sink_) self(p).sink_->update({reinterpret_cast<const std::uint8_t*>(at), n});
      return 0;
    };
    set.on_message_complete = [](http_parser* p) { return self(p).request_complete(), 0; };
    return set;
  }();
  return s;
}

void Exchange::head_complete() {
  sink_.reset();
  if (!is_sink_method(parser_.method)) return;
  if (url_ != "/sink") {
    fail(404);
    return http_parser_pause(&parser_, 1);
  }
  sink_.emplace();
  if (!expects_continue_) return;
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_->write({reinterpret_cast<const std::uint8_t*>(go_on.data()), go_on.size()});
}

void Exchange::request_complete() {
  keep_alive_ = http_should_keep_alive(&parser_) != 0;
  answering_ = true;
  http_parser_pause(&parser_, 1);
  if (is_sink_method(parser_.method)) {
    const std::string digest = sink_->finish() + "\n";
    sink_.reset();
    return answer(200, digest);
  }
  if (parser_.method != HTTP_GET && parser_.method != HTTP_HEAD) return answer(405, {}, "Allow: GET, HEAD, PUT, POST\r\n");
  answer_get();
}

void Exchange::answer_get() {
  if (url_.size() > longest_url) return answer(414, {});
  const std::string_view path = std::string_view(url_).substr(0, url_.find('?'));
  if (path == "/") return answer(200, "Millrace: Linux's receive path in user space.\n");
  if (path == "/stats") return answer(200, engine_.stats().to_json(), "Content-Type: application/json\r\n");
  for (const std::string_view prefix : {"/bytes/", "/sha256/"}) {
    if (!path.starts_with(prefix)) continue;
    const auto size = parse_number(path.substr(prefix.size()));
    if (!size || *size > largest_resource) return answer(404, "a decimal number of bytes up to 2^40 is expected\n");
    return prefix == "/bytes/" ? answer_bytes(*size) : answer_sha256(*size);
  }
  answer(404, {});
}

void Exchange::answer_bytes(std::uint64_t size) {
  Range range{0, size};
  switch (parse_range(range_, size, range)) {
    case RangeVerdict::unsatisfiable:
      return answer(416, {}, "Content-Range: bytes */" + std::to_string(size) + "\r\n");
    case RangeVerdict::satisfiable:
      head(206, range.length, "application/octet-stream",
           "Content-Range: bytes " + std::to_string(range.first) + "-" + std::to_string(range.first + range.length - 1) + "/" +
               std::to_string(size) + "\r\n");
      break;
    case RangeVerdict::none:
      head(200, size, "application/octet-stream", "Accept-Ranges: bytes\r\n");
      break;
  }
  if (parser_.method != HTTP_GET) return;
  body_.offset = range.first;
  body_.length = range.length;
}

// Hashing a large file would hold up the lcore: it runs elsewhere, and the answer follows when it is done.
void Exchange::answer_sha256(std::uint64_t size) {
  waiting_ = true;
  auto computed = std::make_shared<std::string>();
  engine_.offload(
      stream_->sockets(), [digest = computed, size] { *digest = content_sha256(size) + "\n"; },
      [weak = weak_from_this(), digest = computed] {
        const auto exchange = weak.lock();
        if (!exchange || exchange->stream_ == nullptr) return;
        exchange->waiting_ = false;
        exchange->answer(200, *digest);
        exchange->on_writable();
      });
}

void Exchange::answer(int status, std::string_view body, std::string_view extra_headers) {
  head(status, body.size(), "text/plain", extra_headers);
  if (parser_.method != HTTP_HEAD) body_.text += body;
}

void Exchange::fail(int status) {
  keep_alive_ = false;
  refused_ = answering_ = true;
  answer(status, {});
  write_answer();
}

void Exchange::head(int status, std::uint64_t length, std::string_view type, std::string_view extra_headers) {
  body_ = {};
  body_.text = "HTTP/1.1 " + std::to_string(status) + " " + reason(status) + "\r\nContent-Length: " + std::to_string(length) + "\r\n";
  if (extra_headers.find("Content-Type:") == std::string_view::npos) body_.text += "Content-Type: " + std::string(type) + "\r\n";
  body_.text += extra_headers;
  body_.text += keep_alive_ ? "\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace millrace::httpd
