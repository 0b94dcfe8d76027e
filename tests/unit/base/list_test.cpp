// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/list.hpp>

#include "tests/support/catch.hpp"

#include <memory>
#include <vector>

using namespace millrace;

namespace {

struct Item {
  int value = 0;
  ListHook hook;
  ListHook other_hook;
};
using Items = List<Item, &Item::hook>;
using Others = List<Item, &Item::other_hook>;

std::vector<int> values(Items& list) {
  std::vector<int> v;
  for (Item* i = list.front(); i != nullptr; i = list.next(*i)) v.push_back(i->value);
  return v;
}

struct Three {
  Item a{1, {}, {}};
  Item b{2, {}, {}};
  Item c{3, {}, {}};
};

}  // namespace

TEST_CASE("items stand in the order they were pushed") {
  Three t;
  Items list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.pop_front() == nullptr);
  list.push_back(t.b);
  list.push_back(t.c);
  list.push_front(t.a);
  CHECK(values(list) == std::vector<int>{1, 2, 3});
  CHECK(list.pop_front() == &t.a);
  CHECK_FALSE(t.a.hook.is_linked());
  CHECK(t.b.hook.is_linked());
  CHECK(values(list) == std::vector<int>{2, 3});
}

TEST_CASE("an item leaves from anywhere, twice does no harm, and may come back") {
  Three t;
  Items list;
  for (Item* i : {&t.a, &t.b, &t.c}) list.push_back(*i);
  t.b.hook.unlink();
  t.b.hook.unlink();
  CHECK(values(list) == std::vector<int>{1, 3});
  t.c.hook.unlink();
  CHECK(values(list) == std::vector<int>{1});
  list.push_back(t.b);
  CHECK(values(list) == std::vector<int>{1, 2});
}

TEST_CASE("an item that is destroyed takes itself off the list") {
  Three t;
  Items list;
  auto short_lived = std::make_unique<Item>();
  list.push_back(t.a);
  list.push_back(*short_lived);
  list.push_back(t.c);
  short_lived.reset();
  CHECK(values(list) == std::vector<int>{1, 3});
}

TEST_CASE("a list that is destroyed leaves its items unlinked") {
  Three t;
  {
    Items list;
    list.push_back(t.a);
    list.push_back(t.b);
  }
  CHECK_FALSE(t.a.hook.is_linked());
  CHECK_FALSE(t.b.hook.is_linked());
}

TEST_CASE("an item stands on as many lists as it has hooks") {
  Three t;
  Items list;
  Others others;
  list.push_back(t.a);
  others.push_back(t.b);
  others.push_back(t.a);
  CHECK(others.front() == &t.b);
  CHECK(others.next(t.b) == &t.a);
  t.a.hook.unlink();
  CHECK(others.next(t.b) == &t.a);
}

TEST_CASE("splice_back moves everything, in order") {
  Three t;
  Items list;
  Items more;
  list.push_back(t.a);
  more.push_back(t.b);
  more.push_back(t.c);
  list.splice_back(more);
  CHECK(more.empty());
  CHECK(values(list) == std::vector<int>{1, 2, 3});
  list.splice_back(more);
  CHECK(values(list) == std::vector<int>{1, 2, 3});
}
