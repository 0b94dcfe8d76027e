// SPDX-License-Identifier: BSD-3-Clause
// Sends standard input to a TCP server and prints what comes back. Usage: tcp_client config.yaml address:port
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <cstdio>
#include <cstring>
#include <future>
#include <iterator>
#include <iostream>
#include <string>

namespace {

struct Session {
  std::string to_send;
  std::size_t sent = 0;
  std::promise<int> finished;
};

void send(millrace::Stream& stream) {
  auto& session = stream.context<Session>();
  while (session.sent < session.to_send.size()) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(session.to_send.data()) + session.sent;
    const std::int64_t n = stream.write({bytes, session.to_send.size() - session.sent});
    if (n < 0) return;  // on_writable will call again
    session.sent += static_cast<std::size_t>(n);
  }
  stream.shutdown_write();
}

void receive(millrace::Stream& stream) {
  std::array<std::uint8_t, 16384> bytes;
  for (std::int64_t n; (n = stream.read(bytes)) > 0;) std::fwrite(bytes.data(), 1, static_cast<std::size_t>(n), stdout);
  if (stream.at_end()) {
    stream.context<Session>().finished.set_value(0);
    stream.close();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto server = argc == 3 ? millrace::Endpoint::parse(argv[2]) : std::nullopt;
  if (!server) return std::fprintf(stderr, "usage: tcp_client config.yaml address:port\n"), 2;
  const auto loaded = millrace::config::load_yaml(argv[1]);
  if (!loaded) return std::fprintf(stderr, "%s\n", millrace::config::to_string(loaded.error()).c_str()), 1;
  auto engine = millrace::Engine::create(*loaded);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
  if (auto started = (*engine)->start(); !started) return std::fprintf(stderr, "%s\n", started.error().message.c_str()), 1;

  auto session = std::make_shared<Session>();
  session->to_send.assign(std::istreambuf_iterator<char>(std::cin), {});
  std::future<int> finished = session->finished.get_future();
  (*engine)->post(0, [&](millrace::Sockets& sockets) {
    auto stream = sockets.connect(*server);
    if (!stream) {
      std::fprintf(stderr, "%s\n", stream.error().message.c_str());
      return session->finished.set_value(1);
    }
    (*stream)->set_context(session);
    (*stream)->on_connected(send);
    (*stream)->on_writable(send);
    (*stream)->on_readable(receive);
    (*stream)->on_closed([session](millrace::Stream&, int error) {
      if (error != 0) std::fprintf(stderr, "%s\n", std::strerror(error));
      session->finished.set_value(error == 0 ? 0 : 1);
    });
  });
  return finished.get();
}
