// SPDX-License-Identifier: BSD-3-Clause
// In-memory links for sim ports. Called by applications and by Engine::create; calls sim::Link.
#include <millrace/engine/link.hpp>

#include "drivers/sim/link.hpp"

namespace millrace {
namespace {

sim::Impairments impairments(const Impairment& wanted) {
  sim::Impairments result;
  result.loss = wanted.loss;
  result.duplicate = wanted.duplicate;
  result.reorder = wanted.reorder;
  result.corrupt = wanted.corrupt;
  result.delay = wanted.delay;
  result.jitter = wanted.jitter;
  result.rate_bits_per_s = wanted.rate_bps;
  result.limit = wanted.limit;
  return result;
}

}  // namespace

std::pair<LinkEnd, LinkEnd> make_link(std::uint64_t seed, const Impairment& there, const Impairment& back) {
  sim::LinkOptions options;
  options.seed = seed;
  options.a_to_b = impairments(there);
  options.b_to_a = impairments(back);
  auto link = std::make_shared<sim::Link>(options);
  return {LinkEnd{link, 0}, LinkEnd{link, 1}};
}

}  // namespace millrace
