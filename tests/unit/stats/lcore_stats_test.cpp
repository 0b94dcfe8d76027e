// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/lcore_stats.hpp>

#include "tests/support/catch.hpp"

#include <set>
#include <string>

using namespace millrace::stats;

TEST_CASE("names are unique within a group, and every counter says what it counts") {
  std::set<std::string> names;
  std::set<std::string> groups;
  for_each({}, [&](const Sample& s) {
    const std::string name = std::string(s.group) + "." + s.info.name;
    INFO(name);
    CHECK(names.insert(name).second);
    groups.insert(s.group);
    CHECK(std::string(s.info.help).size() > 3);
    // So that no export has to escape anything.
    CHECK(std::string(s.info.help).find_first_of("\\\"\n") == std::string::npos);
    CHECK(s.value == 0);
  });
  CHECK(groups.size() == 24);
}

TEST_CASE("a counter is summed over lcores and read under its own name") {
  LcoreStats a;
  LcoreStats b;
  for (unsigned i = 0; i < CounterBlock<Steer>::size; ++i) {
    a.steer.add(static_cast<Steer>(i), i);
    b.steer.add(static_cast<Steer>(i), 100);
  }
  b.steer.add(Steer::owner);
  const LcoreStats* both[] = {&a, &b};
  unsigned i = 0;
  for_each(both, [&](const Sample& s) {
    if (std::string(s.group) != "steer") {
      CHECK(s.value == 0);
      return;
    }
    CHECK(s.value == 100 + i + (std::string(s.info.name) == "owner" ? 1 : 0));
    ++i;
  });
  CHECK(i == CounterBlock<Steer>::size);
}

TEST_CASE("a drop reason knows its line of the .def file") {
  CHECK(std::string(info(DropReason::no_buffer).name) == "no_buffer");
  CHECK(std::string(info(DropReason::backlog_full).name) == "backlog_full");
}
