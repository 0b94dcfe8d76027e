// SPDX-License-Identifier: BSD-3-Clause
// A program of somebody else's, who has nothing but the installed Millrace. Exits with 0 when what it uses works.
#include <millrace/base/rng.hpp>
#include <millrace/base/spsc_ring.hpp>
#include <millrace/wire/address.hpp>

#include <iostream>

namespace {

bool check(const char* what, bool holds) {
  std::cout << what << (holds ? " ok\n" : " FAILED\n");
  return holds;
}

bool addresses() {
  const auto endpoint = millrace::Endpoint::parse("[fd00:77::2]:80");
  return endpoint && endpoint->port == 80 && endpoint->to_string() == "[fd00:77::2]:80";
}

bool rings() {
  millrace::SpscRing<int> ring(4);
  int out = 0;
  return ring.enqueue(7) && ring.dequeue(&out, 1) == 1 && out == 7 && ring.empty();
}

bool seeds() { return millrace::Rng(1).next() == millrace::Rng(1).next(); }

}  // namespace

int main() {
  const bool all = check("addresses", addresses()) & check("rings", rings()) & check("seeds", seeds());
  return all ? 0 : 1;
}
