// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/ip/transport.hpp>

#include "tests/support/scripted_host.hpp"

#include <vector>

namespace millrace::test {

/// A transport that keeps what it is given.
struct Recorder final : ip::Transport {
  explicit Recorder(Env& host_env) : env(host_env) {}
  struct Datagram {
    Bytes bytes;
    ip::Delivery delivery;
  };
  struct Error {
    ip::ErrorReport report;
    Bytes header;
  };
  void receive(pkt::Packet datagram, const ip::Delivery& delivery) override {
    datagrams.push_back({bytes_of(datagram), delivery});
    consume(env, std::move(datagram), stats::Ledger::delivered);
  }
  void error(const ip::ErrorReport& report) override {
    errors.push_back({report, {report.transport_header.begin(), report.transport_header.end()}});
  }
  Env& env;
  std::vector<Datagram> datagrams;
  std::vector<Error> errors;
};

/// For experiments (RFC 3692): nobody else's.
inline constexpr std::uint8_t test_proto = 253;

/// A host with a Recorder for test_proto and the peer known.
struct RecordingHost : ScriptedHost {
  RecordingHost() {
    ip.add_protocol(test_proto, recorder);
    knows_peer();
  }
  Recorder recorder{env};
};

}  // namespace millrace::test
