// SPDX-License-Identifier: BSD-3-Clause
// The demo where no TAP device can be had: the same server, and a client of our own, between two in-memory ports. The
// client is an ordinary thread with a ThreadQueue. Called by run.
#include "apps/httpd/content.hpp"
#include "apps/httpd/exchange.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace {

using namespace millrace;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(20);

struct Host {
  const char* v4;
  const char* v6;
  std::uint64_t seed;
  std::size_t lcores;
};
constexpr Host server_host{"10.77.0.2", "fd00:77::2", 2, 2};
constexpr Host client_host{"10.77.0.1", "fd00:77::1", 1, 1};

Config config_of(const Host& host) {
  Config config;
  config.seed = host.seed;
  config.lcores.resize(host.lcores);
  config::Port port;
  port.name = "p0";
  for (std::size_t i = 0; i < host.lcores && host.lcores > 1; ++i) port.rps_cpus.set(i);
  config.ports.push_back(port);
  config.stacks.push_back({.name = "demo",
                           .interfaces = {{.port = "p0",
                                           .name = "eth0",
                                           .addresses = {{*IpAddress::parse(host.v4), 24}, {*IpAddress::parse(host.v6), 64}}}},
                           .routes = {}});
  return config;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// One thread's blocking HTTP and UDP over a ThreadQueue.
class Client {
 public:
  explicit Client(Engine& engine) : queue_(must(engine.attach_thread())) {}

  // Sends `head` and `size` bytes of the endless file, gives the answer's body to `body`.
  void exchange(const char* server, const std::string& head, std::uint64_t size, const std::function<void(std::span<const std::uint8_t>)>& body);
  void echo(const char* server, std::uint32_t count);

 private:
  // Repeats a call that says -EAGAIN until it says something else.
  template <class Call>
  std::int64_t until_ready(Call&& call) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
      const std::int64_t n = call();
      if (n != -EAGAIN) return n;
      if (Clock::now() > deadline) throw std::runtime_error("the other side said nothing for 20 s");
      while (const auto event = queue_->next_event())
        if (event->what == ThreadQueue::What::closed && event->error != 0) throw std::runtime_error(std::strerror(event->error));
      const std::int64_t again = call();
      if (again != -EAGAIN) return again;
      queue_->wait(10ms);
    }
  }
  void send(ThreadQueue::Socket socket, std::span<const std::uint8_t> bytes);

  std::unique_ptr<ThreadQueue> queue_;
};

void Client::send(ThreadQueue::Socket socket, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::int64_t n = until_ready([&] { return queue_->write(socket, bytes); });
    if (n < 0) throw std::runtime_error(std::strerror(static_cast<int>(-n)));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void Client::exchange(const char* server, const std::string& head, std::uint64_t size,
                      const std::function<void(std::span<const std::uint8_t>)>& body) {
  const auto socket = must(queue_->connect({*IpAddress::parse(server), 80}));
  send(socket, {reinterpret_cast<const std::uint8_t*>(head.data()), head.size()});
  std::vector<std::uint8_t> block(64 * 1024);
  for (std::uint64_t at = 0; at < size; at += block.size()) {
    const std::span part(block.data(), std::min<std::uint64_t>(block.size(), size - at));
    httpd::fill(at, part);
    send(socket, part);
  }
  std::string seen;  // of the head, until it is complete
  bool in_body = false;
  for (;;) {
    const std::int64_t n = until_ready([&] { return queue_->read(socket, block); });
    if (n < 0) throw std::runtime_error(std::strerror(static_cast<int>(-n)));
    if (n == 0) break;
    std::span<const std::uint8_t> part(block.data(), static_cast<std::size_t>(n));
    if (!in_body) {
      seen.append(reinterpret_cast<const char*>(part.data()), part.size());
      const std::size_t end = seen.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      if (seen.substr(9, 3) != "200") throw std::runtime_error("the server answered " + seen.substr(0, seen.find('\r')));
      in_body = true;
      body({reinterpret_cast<const std::uint8_t*>(seen.data()) + end + 4, seen.size() - end - 4});
      continue;
    }
    body(part);
  }
  queue_->close(socket);
}

void Client::echo(const char* server, std::uint32_t count) {
  const Endpoint local{*IpAddress::parse(std::strchr(server, ':') != nullptr ? client_host.v6 : client_host.v4), 40007};
  const auto socket = must(queue_->bind_udp(local));
  const Endpoint to{*IpAddress::parse(server), 7};
  std::array<std::uint8_t, 512> out{};
  std::array<std::uint8_t, 2048> in;
  for (std::uint32_t i = 0; i < count; ++i) {
    store_be32(out.data(), i);
    until_ready([&] { return queue_->send_to(socket, out, to); });
    Endpoint from;
    const std::int64_t n = until_ready([&] { return queue_->receive_from(socket, in, from); });
    if (n != static_cast<std::int64_t>(out.size()) || std::memcmp(in.data(), out.data(), out.size()) != 0)
      throw std::runtime_error("a datagram came back changed");
  }
  queue_->close(socket);
}

double gbit_per_s(std::uint64_t bytes, Clock::duration took) {
  return static_cast<double>(bytes) * 8e-9 / std::chrono::duration<double>(took).count();
}

void work(Client& client, const char* server, std::uint64_t size) {
  const std::string expected = httpd::content_sha256(size);
  httpd::Sha256 received;
  auto begin = Clock::now();
  client.exchange(server, "GET /bytes/" + std::to_string(size) + " HTTP/1.1\r\nConnection: close\r\n\r\n", 0,
                  [&](std::span<const std::uint8_t> part) { received.update(part); });
  if (received.finish() != expected) throw std::runtime_error(std::string("a download from ") + server + " has the wrong hash");
  std::printf("downloaded %.2f GiB from %s, %.2f Gbit/s, hash matches\n", static_cast<double>(size) / (1 << 30), server,
              gbit_per_s(size, Clock::now() - begin));

  std::string answer;
  begin = Clock::now();
  client.exchange(server, "PUT /sink HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n", size,
                  [&](std::span<const std::uint8_t> part) { answer.append(part.begin(), part.end()); });
  if (answer != expected + "\n") throw std::runtime_error(std::string("an upload to ") + server + " was hashed as " + answer);
  std::printf("uploaded %.2f GiB to %s, %.2f Gbit/s, hash matches\n", static_cast<double>(size) / (1 << 30), server,
              gbit_per_s(size, Clock::now() - begin));

  client.echo(server, 20000);
  std::printf("UDP echo: 20000 datagrams came back whole from %s\n", server);
  std::fflush(stdout);
}

void run(std::uint64_t size) {
  auto [here, there] = make_link(1);
  auto server = must(Engine::create(config_of(server_host), {{"p0", there}}));
  auto client = must(Engine::create(config_of(client_host), {{"p0", here}}));
  for (const char* any : {"0.0.0.0", "::"}) {
    must(server->listen({*IpAddress::parse(any), 80}, [&](Stream& stream) { httpd::Exchange::begin(*server, stream); }));
    must(server->bind_udp({*IpAddress::parse(any), 7}, [](UdpSocket& socket) {
      socket.on_readable([](UdpSocket& s) {
        std::array<std::uint8_t, 2048> datagram;
        Endpoint from;
        for (std::int64_t n; (n = s.receive_from(datagram, from)) >= 0;) s.send_to({datagram.data(), static_cast<std::size_t>(n)}, from);
      });
    }));
  }
  must(server->start());
  must(client->start());
  {
    Client user(*client);
    for (const char* address : {server_host.v4, server_host.v6}) work(user, address, size);
  }
  client->stop();
  server->stop();
  std::printf("\nthe server's counters\n%s", server->stats().to_text().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t size = 1 << 30;
  CLI::App app("Millrace's demo between two in-memory ports");
  app.add_option("--size", size, "bytes of each transfer")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run(size);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "demo: %s\n", error.what());
    return 1;
  }
}
