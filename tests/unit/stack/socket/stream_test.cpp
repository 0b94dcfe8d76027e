// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/packet.hpp>
#include <millrace/stack/socket/stream.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <cerrno>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::pattern;
using test::TwoEngines;

namespace {

/// A client on a and what b accepted, connected.
struct Connected {
  explicit Connected(const TwoEngines::Options& options = {}, const char* server = "10.77.0.2:80") : world(options) {
    accept_into(*world.b, {server[0] == '[' ? IpAddress{} : IpAddress::v4(0, 0, 0, 0), 80}, accepted);
    client.join(**TwoEngines::sockets(*world.a).connect(endpoint(server)));
    REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
  }
  Conversation& server() { return *accepted.front(); }
  std::vector<std::unique_ptr<Conversation>> accepted;
  Conversation client;
  TwoEngines world;
};

void fill(Stream& stream, std::string_view text, std::size_t& sent) {
  while (sent < text.size()) {
    const std::int64_t n = stream.write(bytes(text.substr(sent)));
    if (n < 0) {
      CHECK(n == -EAGAIN);
      return;
    }
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace

TEST_CASE("bytes cross a connection both ways, over both versions, and each side sees the other's end") {
  for (const char* to : {"10.77.0.2:80", "[fd00:77::2]:80"}) {
    Connected c({}, to);
    CHECK(c.client.stream->remote() == endpoint(to));
    CHECK(c.server().stream->local() == endpoint(to));
    CHECK(c.server().stream->remote() == c.client.stream->local());
    CHECK(c.client.stream->write(bytes("question")) == 8);
    c.client.stream->shutdown_write();
    CHECK(c.client.stream->write(bytes("more")) == -EPIPE);
    REQUIRE(c.world.run_until([&] { return c.server().ended; }));
    CHECK(c.server().received == "question");
    CHECK(c.server().closed == -1);
    CHECK(c.server().stream->at_end());
    CHECK(c.server().stream->write(bytes("answer")) == 6);
    c.server().stream->shutdown_write();
    REQUIRE(c.world.run_until([&] { return c.client.closed == 0 && c.server().closed == 0; }));
    CHECK(c.client.received == "answer");
    CHECK(c.client.ended);
    c.world.check_pools();
  }
}

TEST_CASE("a large transfer waits for room: short writes, EAGAIN, on_writable") {
  Connected c({.there = {.delay = 5ms}, .back = {.delay = 5ms}});
  const std::string text = pattern(1 << 20);
  std::size_t sent = 0;
  fill(*c.client.stream, text, sent);
  CHECK(sent < text.size());
  CHECK(c.client.stream->writable() == 0);
  CHECK(c.client.stream->write(bytes("x")) == -EAGAIN);
  c.client.stream->on_writable([&](Stream& stream) {
    ++c.client.writable;
    fill(stream, text, sent);
    if (sent == text.size()) stream.shutdown_write();
  });
  REQUIRE(c.world.run_until([&] { return c.server().ended; }));
  CHECK(c.server().received == text);
  CHECK(c.client.writable > 1);
}

TEST_CASE("a reader that does not read stops its peer; then everything comes") {
  Connected c;
  const std::string text = pattern(16 << 20);
  c.server().stream->on_readable(nullptr);
  std::size_t sent = 0;
  c.client.stream->on_writable([&](Stream& stream) { fill(stream, text, sent); });
  fill(*c.client.stream, text, sent);
  c.world.run_for(30s);
  CHECK(sent < text.size());
  CHECK(c.server().stream->readable() > 0);
  c.server().stream->on_readable([&](Stream&) { c.server().read_all(); });  // told of what waits already
  REQUIRE(c.world.run_until([&] { return c.server().received.size() == text.size(); }, 600s));
  CHECK(c.server().received == text);
}

TEST_CASE("read_packet gives the bytes in the buffers that they came in") {
  Connected c;
  c.server().stream->on_readable(nullptr);
  const std::string text = pattern(10000);
  c.client.stream->write(bytes(text));
  c.world.run_for(1s);
  std::string got;
  while (pkt::Packet packet = c.server().stream->read_packet()) {
    packet.for_each_segment([&](std::span<const std::uint8_t> part) { got.append(part.begin(), part.end()); });
    pkt::consume(std::move(packet));
  }
  CHECK(got == text);
  CHECK(c.server().stream->readable() == 0);
  CHECK_FALSE(c.server().stream->at_end());
}

TEST_CASE("close with unread data is a reset, without it a FIN") {
  SECTION("unread") {
    Connected c;
    c.server().stream->on_readable(nullptr);
    c.client.stream->write(bytes("nobody reads this"));
    c.world.run_for(1s);
    c.server().stream->close();
    REQUIRE(c.world.run_until([&] { return c.client.closed >= 0; }));
    CHECK(c.client.closed == ECONNRESET);
    CHECK_FALSE(c.client.ended);
    CHECK(c.server().closed == -1);  // on_closed is not for those who closed themselves
    c.world.check_pools();
  }
  SECTION("read") {
    Connected c;
    c.client.stream->write(bytes("read"));
    c.world.run_for(1s);
    c.server().stream->close();
    REQUIRE(c.world.run_until([&] { return c.client.ended; }));
    CHECK(c.client.closed == -1);
    c.client.stream->close();
    c.world.check_pools();
  }
}

TEST_CASE("abort resets at once: what the congestion window had held back is never sent") {
  Connected c;
  const std::int64_t taken = c.client.stream->write(bytes(test::pattern(100'000)));
  c.client.stream->abort();
  REQUIRE(c.world.run_until([&] { return c.server().closed >= 0; }));
  CHECK(c.server().closed == ECONNRESET);
  CHECK(static_cast<std::int64_t>(c.server().received.size()) < taken);
  c.world.check_pools();
}

TEST_CASE("on_closed tells why, and what came before can be read inside it") {
  Connected c;
  std::string last_words;
  c.server().stream->on_readable(nullptr);
  c.server().stream->on_closed([&](Stream& stream, int error) {
    c.server().closed = error;
    std::array<std::uint8_t, 64> part;
    const std::int64_t n = stream.read(part);
    if (n > 0) last_words.assign(part.begin(), part.begin() + n);
  });
  c.client.stream->write(bytes("last words"));
  c.world.run_for(1s);
  c.client.stream->abort();
  REQUIRE(c.world.run_until([&] { return c.server().closed >= 0; }));
  CHECK(c.server().closed == ECONNRESET);
  CHECK(last_words == "last words");
}

TEST_CASE("an echo that reads no more than it can send goes on when there is room") {
  TwoEngines world;
  REQUIRE(world.b->listen(endpoint("0.0.0.0:80"), [](Stream& stream) {
    stream.on_readable(test::echo);
    stream.on_writable(test::echo);
  }));
  const std::string text = pattern(4 << 20);
  std::size_t sent = 0;
  Conversation client;
  Stream& stream = **TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80"));
  client.join(stream);
  CHECK(stream.writable() == 0);  // as good as a short write
  stream.on_writable([&](Stream& s) { fill(s, text, sent); });
  stream.on_readable(nullptr);
  world.run_for(5s);
  CHECK(sent < text.size());  // both directions are full
  stream.on_readable([&](Stream&) { client.read_all(); });
  REQUIRE(world.run_until([&] { return client.received.size() == text.size(); }, 600s));
  CHECK((client.received == text));
}

TEST_CASE("a callback may close its stream: then every call says so") {
  Connected c;
  c.server().stream->on_readable([](Stream& stream) {
    std::array<std::uint8_t, 64> part;
    stream.read(part);
    stream.close();
    CHECK(stream.read(part) == -EBADF);
    CHECK(stream.write(part) == -EBADF);
    CHECK(stream.readable() == 0);
    CHECK(stream.writable() == 0);
    CHECK(stream.at_end());
    CHECK(stream.local() == Endpoint{});
    stream.close();
    stream.abort();
    stream.shutdown_write();
    stream.set_no_delay(true);
    CHECK_FALSE(stream.read_packet());
    stream.on_readable([](Stream&) { FAIL("called after close"); });
  });
  c.client.stream->write(bytes("x"));
  REQUIRE(c.world.run_until([&] { return c.client.ended; }));
  c.client.stream->close();
  c.world.check_pools();
}

TEST_CASE("on_connected may abort") {
  TwoEngines world;
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*world.b, endpoint("0.0.0.0:80"), accepted);
  Stream* stream = *TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80"));
  stream->on_connected([](Stream& s) { s.abort(); });
  stream->on_closed([](Stream&, int) { FAIL("not for those who aborted"); });
  world.run_for(1s);
  CHECK(accepted.empty());  // the reset came before the handshake was complete
  CHECK(world.b->stats().total("tcp", "AttemptFails") == 1);
  world.check_pools();
}

TEST_CASE("on_closed may close its stream and another") {
  Connected c;
  Conversation second;
  second.join(**TwoEngines::sockets(*c.world.a).connect(endpoint("10.77.0.2:80")));
  REQUIRE(c.world.run_until([&] { return second.connected && c.accepted.size() == 2; }));
  c.client.stream->on_closed([&](Stream& stream, int) {
    c.client.closed = 1;
    stream.close();
    second.stream->close();
  });
  c.server().stream->abort();
  REQUIRE(c.world.run_until([&] { return c.accepted[1]->ended; }));
  CHECK(c.client.closed == 1);
  c.accepted[1]->stream->close();
  c.world.check_pools();
}

TEST_CASE("a callback may replace itself, and still use what it captured") {
  Connected c;
  std::string seen;
  const auto read_one = [&seen](Stream& stream) {
    std::array<std::uint8_t, 64> part;
    const std::int64_t n = stream.read(part);
    seen.append(part.begin(), part.begin() + std::max<std::int64_t>(n, 0));
  };
  const auto guard = std::make_shared<std::string>("first:");
  c.server().stream->on_readable([&, guard](Stream& stream) {
    stream.on_readable([&](Stream& s) {
      seen += "second:";
      read_one(s);
    });
    seen += *guard;
    read_one(stream);
  });
  c.client.stream->write(bytes("a"));
  c.world.run_for(1s);
  CHECK(guard.use_count() == 1);
  c.client.stream->write(bytes("b"));
  c.world.run_for(1s);
  CHECK(seen == "first:asecond:b");
}

TEST_CASE("a callback keeps what it captured by value, and may be taken away by itself") {
  Connected c;
  std::vector<int> counts;
  c.server().stream->on_readable([&counts, count = 0](Stream& stream) mutable {
    std::array<std::uint8_t, 64> part;
    stream.read(part);
    counts.push_back(++count);
    stream.on_writable(nullptr);
    if (count == 3) stream.on_readable(nullptr);
  });
  for (int i = 0; i < 5; ++i) {
    c.client.stream->write(bytes("x"));
    c.world.run_for(1s);
  }
  CHECK(counts == std::vector<int>{1, 2, 3});
}

TEST_CASE("on_readable set while something waits is told of it, but does not call itself for ever") {
  Connected c;
  c.server().stream->on_readable(nullptr);
  c.client.stream->write(bytes("early"));
  c.world.run_for(1s);
  int calls = 0;
  c.server().stream->on_readable([&](Stream& stream) {
    ++calls;
    stream.on_readable([&](Stream&) { ++calls; });  // reads nothing
  });
  c.world.run_for(1s);
  CHECK(calls == 1);
  c.client.stream->shutdown_write();
  c.world.run_for(1s);
  CHECK(calls == 2);
  // The end of the stream waits, too.
  c.server().stream->on_readable(nullptr);
  c.server().read_all();
  CHECK(c.server().ended);
  c.server().stream->on_readable([&](Stream& stream) { calls += stream.at_end() ? 10 : 0; });
  c.world.run_for(1s);
  CHECK(calls == 12);
}

TEST_CASE("a context dies with its stream, and may then close others, dead or alive") {
  struct Pair {
    std::vector<Stream*> streams;
    int* destroyed = nullptr;
    ~Pair() {
      for (Stream* stream : streams) stream->close();
      ++*destroyed;
    }
  };
  Connected c;
  Conversation other;
  other.join(**TwoEngines::sockets(*c.world.a).connect(endpoint("10.77.0.2:80")));
  REQUIRE(c.world.run_until([&] { return c.accepted.size() == 2; }));
  int destroyed = 0;
  {
    const auto pair = std::make_shared<Pair>();
    pair->streams = {c.client.stream, other.stream};
    pair->destroyed = &destroyed;
    c.client.stream->set_context(pair);
    other.stream->on_closed([pair](Stream&, int) {});
    CHECK(c.client.stream->context<Pair>().streams.size() == 2);
  }
  SECTION("one after the other") {
    c.client.stream->context<Pair>().streams = {other.stream};
    c.client.stream->close();
    c.world.run_for(1s);
    CHECK(destroyed == 0);
    other.stream->close();
    c.world.run_for(1s);
    CHECK(destroyed == 1);
  }
  SECTION("both in one burst") {
    other.stream->close();
    c.client.stream->close();
    c.world.run_for(1s);
    CHECK(destroyed == 1);
  }
  SECTION("with the engine") {
    c.world.a.reset();
    CHECK(destroyed == 1);
  }
}

TEST_CASE("set_no_delay sends short segments without waiting for an ACK") {
  Connected c({.there = {.delay = 50ms}, .back = {.delay = 50ms}});
  const auto segments_of_ten_writes = [&](bool no_delay) {
    c.client.stream->set_no_delay(no_delay);
    const std::uint64_t before = c.world.a->stats().total("tcp", "OutSegs");
    for (int i = 0; i < 10; ++i) {
      c.client.stream->write(bytes("x"));
      c.world.run_for(1ms);
    }
    return c.world.a->stats().total("tcp", "OutSegs") - before;
  };
  CHECK(segments_of_ten_writes(true) == 10);
  c.world.run_for(1s);
  CHECK(segments_of_ten_writes(false) == 1);
}

TEST_CASE("L4: a stream's filter, and one of what listens, come and go") {
  const std::array nothing{bpf::Instruction{.code = 0x06, .k = 0}};
  Connected c;
  Stream& server = *c.server().stream;
  CHECK(server.detach_filter() == -ENOENT);
  REQUIRE(server.attach_filter(nothing));
  CHECK(server.attach_filter({}).error().code == EINVAL);  // the first stays
  CHECK(c.client.stream->write(bytes("text")) == 4);
  c.world.run_for(1ms);
  CHECK(c.server().received.empty());
  CHECK(c.world.b->stats().total("drop", "socket_filter") == 1);
  CHECK(server.detach_filter() == 0);
  REQUIRE(c.world.run_until([&] { return c.server().received == "text"; }));

  Sockets& sockets = TwoEngines::sockets(*c.world.b);
  CHECK(sockets.attach_filter(endpoint("0.0.0.0:81"), nothing).error().code == ENOENT);
  REQUIRE(sockets.attach_filter(endpoint("0.0.0.0:80"), nothing));
  Conversation late;
  late.join(**TwoEngines::sockets(*c.world.a).connect(endpoint("10.77.0.2:80")));
  c.world.run_for(100ms);
  CHECK_FALSE(late.connected);
  CHECK(sockets.detach_filter(endpoint("0.0.0.0:80")) == 0);
  CHECK(sockets.detach_filter(endpoint("0.0.0.0:80")) == -ENOENT);
  REQUIRE(c.world.run_until([&] { return late.connected; }));
}
