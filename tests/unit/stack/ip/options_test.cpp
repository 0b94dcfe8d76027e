// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/options.hpp>

#include "tests/support/catch.hpp"

#include <cstdint>
#include <vector>

using namespace millrace;
using Verdict = ip::OptionsVerdict;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// The octet of the header that is wrong, 0 when none is.
int fault_of(const Bytes& options) {
  const Verdict verdict = ip::judge_options(options);
  return verdict.kind == Verdict::malformed ? verdict.pointer : 0;
}

}  // namespace

TEST_CASE("RFC 791 3.1: what is well-formed is passed over, whatever follows the end of the list") {
  for (const Bytes& options : {Bytes{}, Bytes{1, 1, 1, 1}, Bytes{0, 148, 0, 0}, Bytes{148, 4, 0, 0}, Bytes{7, 7, 4, 0, 0, 0, 0, 0}, Bytes{7, 7, 8, 1, 2, 3, 4, 1},
                               Bytes{68, 8, 5, 0, 0, 0, 0, 0}, Bytes{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, Bytes{130, 2, 130, 2}, Bytes{99, 4, 1, 2}})
    CHECK(ip::judge_options(options).kind == Verdict::fine);
}

TEST_CASE("RFC 1122 3.2.1.8: both source routes are told from the rest") {
  CHECK(ip::judge_options(Bytes{131, 3, 4, 0}).kind == Verdict::source_route);
  CHECK(ip::judge_options(Bytes{1, 137, 7, 4, 10, 0, 0, 1}).kind == Verdict::source_route);
}

TEST_CASE("receive_path H1, RFC 1122 3.2.2.5: the pointer tells which octet is wrong") {
  CHECK(fault_of({148}) == 20);
  CHECK(fault_of({1, 1, 148, 0}) == 22);
  CHECK(fault_of({148, 9, 0, 0}) == 20);
  CHECK(fault_of({148, 3, 0, 0}) == 21);
  CHECK(fault_of({7, 2, 0, 0}) == 21);
  CHECK(fault_of({7, 7, 3, 0, 0, 0, 0, 0}) == 22);
  CHECK(fault_of({7, 7, 5, 0, 0, 0, 0, 0}) == 22);  // three octets are left of an address
  CHECK(fault_of({131, 2, 0, 0}) == 21);
  CHECK(fault_of({137, 7, 3, 0, 0, 0, 0, 0}) == 22);
  CHECK(fault_of({68, 3, 5, 0}) == 21);
  CHECK(fault_of({68, 8, 4, 0, 0, 0, 0, 0}) == 22);
  CHECK(fault_of({68, 8, 6, 0, 0, 0, 0, 0}) == 22);
  CHECK(fault_of({68, 8, 5, 1, 0, 0, 0, 0}) == 22);  // an address and a time need eight
  CHECK(fault_of({68, 8, 5, 3, 0, 0, 0, 0}) == 22);
  CHECK(fault_of({68, 8, 9, 0xf0, 0, 0, 0, 0}) == 23);  // full, and no more overflows to be counted
  CHECK(fault_of({68, 8, 9, 0xe0, 0, 0, 0, 0}) == 0);
}

TEST_CASE("of recorded routes, timestamps, security labels and source routes there is one each") {
  CHECK(fault_of({7, 3, 4, 7, 3, 4, 0, 0}) == 23);
  CHECK(fault_of({68, 4, 5, 0, 68, 4, 5, 0}) == 24);
  CHECK(fault_of({134, 2, 134, 2}) == 22);
  CHECK(fault_of({131, 3, 4, 137, 3, 4, 0, 0}) == 23);
  CHECK(fault_of({131, 3, 4, 137, 2, 0, 0, 0}) == 24);  // its length is looked at first
}
