// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/tcp/seq.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>

namespace millrace::tcp {

/// RFC 6528: ISN = M + F(4-tuple, secret), where M counts 4 us and F is SipHash.
[[nodiscard]] Seq initial_sequence(const Env& env, const FlowKey& flow);

/// What is added to the timestamp clock of this 4-tuple: secret, and the same for each of its incarnations, so that
/// timestamps keep growing over a reuse of the ports (RFC 7323 section 7.1).
[[nodiscard]] std::uint32_t timestamp_offset(const Env& env, const FlowKey& flow);

/// Where the search for a free port begins, without the counter (RFC 6056 section 3.3.3). The flow's local port is 0.
[[nodiscard]] std::uint32_t port_offset(const Env& env, const FlowKey& flow);

/// The timestamp clock: 1 kHz (RFC 7323 section 5.4).
[[nodiscard]] std::uint32_t timestamp_clock(const Env& env);

}  // namespace millrace::tcp
