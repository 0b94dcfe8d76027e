// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/poll/napi_hash.hpp>

#include "tests/support/catch.hpp"

#include <deque>

using namespace millrace;

namespace {

class Idle final : public poll::Napi {
 public:
  explicit Idle(std::uint32_t id, poll::NapiKind kind = poll::NapiKind::rx) : poll::Napi(64, kind) { set_id(id); }
  int poll(Env&, int) override { return 0; }
};

}  // namespace

TEST_CASE("D15: NAPIs are found by their ids, and an id of 0 is never valid") {
  poll::NapiHash hash;
  std::deque<Idle> napis;
  for (std::uint32_t id = 0; id < 300; ++id) hash.add(napis.emplace_back(id << 16 | 1));
  for (std::uint32_t id = 0; id < 300; ++id) CHECK(hash.find(id << 16 | 1) == &napis[id]);
  CHECK(hash.find(300u << 16 | 1) == nullptr);
  Idle none(0);
  hash.add(none);
  CHECK(hash.find(0) == nullptr);
  poll::NapiHash::remove(napis[7]);
  CHECK(hash.find(7u << 16 | 1) == nullptr);
}

TEST_CASE("D2: a tx NAPI is not found by its id, so nobody busy polls it") {
  poll::NapiHash hash;
  Idle tx(9, poll::NapiKind::tx);
  hash.add(tx);
  CHECK_FALSE(tx.may_busy_poll());
  CHECK(hash.find(9) == nullptr);
  Idle rx(10);
  hash.add(rx);
  CHECK(hash.find(10) == &rx);
}
