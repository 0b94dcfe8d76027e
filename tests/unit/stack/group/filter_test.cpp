// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/group/filter.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using group::Filter;

namespace {

IpAddress s(int n) { return IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(n)); }
Filter merge(std::vector<Filter> filters) {
  std::vector<const Filter*> all;
  for (const Filter& f : filters) all.push_back(&f);
  return group::merge(all);
}

}  // namespace

TEST_CASE("H11: RFC 3376 3.2: an interface wants what any of its listeners wants") {
  // The RFC's own examples.
  CHECK(merge({{true, {s(1), s(2), s(3)}}, {true, {s(2), s(3), s(4), s(5)}}, {false, {s(3), s(6)}}}) == Filter{true, {s(2)}});
  CHECK(merge({{false, {s(1), s(2)}}, {false, {s(2), s(3)}}}) == Filter{false, {s(1), s(2), s(3)}});
  CHECK(merge({Filter::all(), {false, {s(1)}}}) == Filter::all());
  CHECK(merge({}).wants_nothing());
}

TEST_CASE("H11: a filter lets through the sources that it names, or all but them") {
  const Filter include{false, {s(1), s(3)}}, exclude{true, {s(1), s(3)}};
  CHECK(include.wants(s(1)));
  CHECK_FALSE(include.wants(s(2)));
  CHECK_FALSE(exclude.wants(s(3)));
  CHECK(exclude.wants(s(2)));
  CHECK(Filter{}.wants_nothing());
  CHECK_FALSE(Filter::all().wants_nothing());
}

TEST_CASE("H11: lists of sources keep their order") {
  std::vector<IpAddress> list;
  CHECK(group::insert(list, s(3)));
  CHECK(group::insert(list, s(1)));
  CHECK_FALSE(group::insert(list, s(3)));
  CHECK(list == std::vector{s(1), s(3)});
  CHECK(group::without(list, {s(3)}) == std::vector{s(1)});
  CHECK(group::erase(list, s(1)));
  CHECK_FALSE(group::erase(list, s(1)));
}
