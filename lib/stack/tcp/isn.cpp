// SPDX-License-Identifier: BSD-3-Clause
// Everything about a connection that an outsider must not guess. Called when one is opened. RFC 6528, 6056, 7323.
#include <millrace/stack/tcp/isn.hpp>

#include <millrace/base/siphash.hpp>

#include <array>
#include <cstring>

namespace millrace::tcp {
namespace {

enum class Purpose : std::uint8_t { isn = 1, timestamp, port };

std::uint64_t keyed_hash(const Env& env, const FlowKey& flow, Purpose purpose) {
  std::array<std::uint8_t, 40> bytes{};
  std::memcpy(bytes.data(), flow.local.bytes.data(), 16);
  std::memcpy(bytes.data() + 16, flow.remote.bytes.data(), 16);
  store_be16(bytes.data() + 32, flow.local_port);
  store_be16(bytes.data() + 34, flow.remote_port);
  store_be16(bytes.data() + 36, flow.stack);
  bytes[38] = flow.proto;
  bytes[39] = static_cast<std::uint8_t>(purpose);
  return siphash(env.secret, bytes);
}

}  // namespace

Seq initial_sequence(const Env& env, const FlowKey& flow) {
  const auto clock = static_cast<std::uint64_t>(env.now.time_since_epoch().count()) / 4000;
  return Seq(static_cast<std::uint32_t>(clock + keyed_hash(env, flow, Purpose::isn)));
}

std::uint32_t timestamp_offset(const Env& env, const FlowKey& flow) {
  return static_cast<std::uint32_t>(keyed_hash(env, flow, Purpose::timestamp));
}

std::uint32_t port_offset(const Env& env, const FlowKey& flow) {
  return static_cast<std::uint32_t>(keyed_hash(env, flow, Purpose::port));
}

std::uint32_t timestamp_clock(const Env& env) {
  return static_cast<std::uint32_t>(env.now.time_since_epoch() / Duration{1ms});
}

}  // namespace millrace::tcp
