// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/config.hpp>

#include "tests/support/catch.hpp"

using namespace millrace::config;

TEST_CASE("lcore masks are Linux's bitmaps") {
  CHECK(parse_lcore_mask("0")->none());
  CHECK(*parse_lcore_mask("3") == LcoreMask(3));
  CHECK(*parse_lcore_mask("0xF0") == LcoreMask(0xf0));
  CHECK(*parse_lcore_mask("00000001,80000000") == (LcoreMask(1) << 32 | LcoreMask(0x80000000)));
  CHECK(*parse_lcore_mask("0,1,0,0,0") == LcoreMask(1) << 96);
  CHECK(parse_lcore_mask("ffffffff,ffffffff,ffffffff,ffffffff")->all());
  for (const char* wrong : {"", ",", "3,", ",3", "g", "3 ", "-1", "123456789", "1,0,0,0,0", "0x"}) {
    CAPTURE(wrong);
    CHECK(!parse_lcore_mask(wrong));
  }
}

TEST_CASE("a mask is written as Linux writes it, without leading zeros") {
  for (const char* text : {"0", "3", "ff", "80000000", "1,00000000", "ffffffff,00000000,00000000,00000001"}) {
    CAPTURE(text);
    CHECK(to_string(*parse_lcore_mask(text)) == text);
  }
}

TEST_CASE("a problem reads as a compiler's") {
  CHECK(Problem{"a.yaml", 7, "ports[0].mtu", "20", "must be 68..9600"}.to_string() ==
        "a.yaml:7: ports[0].mtu: 20: must be 68..9600");
  CHECK(Problem{"", 0, "ports[0].mtu", "20", "must be 68..9600"}.to_string() == "ports[0].mtu: 20: must be 68..9600");
  CHECK(Problem{"a.yaml", 0, "", "", "is empty"}.to_string() == "a.yaml: is empty");
}
