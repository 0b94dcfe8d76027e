// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/inbox.hpp>

#include "tests/support/catch.hpp"

#include <memory>
#include <vector>

using namespace millrace;

TEST_CASE("an inbox makes its calls in order, those posted by a call in the next run") {
  runtime::Waker waker;
  runtime::Inbox inbox(waker);
  std::vector<int> made;
  CHECK_FALSE(inbox.run());
  for (int i = 0; i < 3; ++i) CHECK(inbox.post([&made, i] { made.push_back(i); }));
  CHECK(inbox.post([&] { inbox.post([&made] { made.push_back(9); }); }));
  CHECK_FALSE(inbox.empty());
  CHECK(inbox.run());
  CHECK(made == std::vector{0, 1, 2});
  CHECK(inbox.run());
  CHECK(made == std::vector{0, 1, 2, 9});
  CHECK(inbox.empty());
}

TEST_CASE("a full inbox refuses") {
  runtime::Waker waker;
  runtime::Inbox inbox(waker);
  std::size_t accepted = 0;
  while (inbox.post([] {})) ++accepted;
  CHECK(accepted == runtime::Inbox::limit);
  inbox.run();
  CHECK(inbox.post([] {}));
}

TEST_CASE("what an inbox forgets is not called, and may post while it goes") {
  runtime::Waker waker;
  runtime::Inbox inbox(waker);
  struct Poster {
    runtime::Inbox* inbox;
    ~Poster() { inbox->post([] {}); }
  };
  inbox.post([poster = std::make_shared<Poster>(Poster{&inbox})] { FAIL("called"); });
  inbox.clear();
  CHECK(inbox.run());
  CHECK(inbox.empty());
}
