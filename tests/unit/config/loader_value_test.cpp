// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/loader_value.hpp>

#include "tests/support/catch.hpp"

#include <array>

using namespace millrace::config;

namespace {

Tree scalar(std::string text) {
  Tree tree;
  tree.kind = Tree::Kind::scalar;
  tree.text = std::move(text);
  tree.line = 3;
  return tree;
}

/// What a reader makes of a text: its value, and the message when there is one.
template <class T, class Read>
std::pair<T, std::string> read(std::string text, T before, Read reader) {
  Reading reading;
  const Tree tree = scalar(std::move(text));
  reader(Value(tree, "k", reading), before);
  CHECK(reading.lines.at("k") == 3);
  return {before, reading.problems.empty() ? "" : reading.problems[0].message};
}

}  // namespace

TEST_CASE("numbers are decimal or 0x, within their range, and leave the default when they are not") {
  const auto number = [](const Value& v, int& out) { v.number(out, {-5, 300}); };
  CHECK(read("300", 7, number) == std::pair(300, std::string()));
  CHECK(read("-5", 7, number) == std::pair(-5, std::string()));
  CHECK(read("0xff", 7, number) == std::pair(255, std::string()));
  for (const char* wrong :
       {"301", "-6", "", " 1", "1 ", "1e2", "0x", "++1", "1_0", "99999999999999999999", "0xffffffffffffffff"}) {
    CAPTURE(wrong);
    CHECK(read(wrong, 7, number) == std::pair(7, std::string("must be a number in -5..300")));
  }
}

TEST_CASE("switches and words") {
  const auto flag = [](const Value& v, bool& out) { v.flag(out); };
  for (const char* on : {"true", "on", "yes"}) CHECK(read(on, false, flag) == std::pair(true, std::string()));
  for (const char* off : {"false", "off", "no"}) CHECK(read(off, true, flag) == std::pair(false, std::string()));
  CHECK(read("1", false, flag) == std::pair(false, std::string("must be true or false")));
  enum class Colour { red, green };
  constexpr std::array<std::string_view, 2> words{"red", "green"};
  const auto word = [&](const Value& v, Colour& out) { v.word(out, words); };
  CHECK(read("green", Colour::red, word).first == Colour::green);
  CHECK(read("gren", Colour::red, word).second == "must be red or green; did you mean green?");
}

TEST_CASE("a map hands each key to its field, once, and knows no others") {
  Tree tree;
  tree.kind = Tree::Kind::map;
  for (const char* key : {"a", "b", "a", "c"}) {
    tree.items.push_back(scalar(key));
    tree.items.back().key = key;
  }
  Reading reading;
  std::string seen;
  Value(tree, "top", reading)
      .map({{"a", [&](const Value& v) { seen += v.path() + "=" + v.scalar() + " "; }},
            {"b", [&](const Value& v) { seen += v.path() + " "; }}});
  CHECK(seen == "top.a=a top.b ");
  REQUIRE(reading.problems.size() == 2);
  CHECK(reading.problems[0].to_string() == "line 3: top.a: a: stands in line 3 already");
  CHECK(reading.problems[1].to_string() == "line 3: top.c: c: is no known key; must be a or b");
}

TEST_CASE("a list hands on its items by place") {
  Tree tree;
  tree.kind = Tree::Kind::list;
  tree.items = {scalar("x"), scalar("y")};
  Reading reading;
  std::string seen;
  Value(tree, "l", reading).list("things", [&](const Value& v) { seen += v.path() + "=" + v.scalar() + " "; });
  CHECK(seen == "l[0]=x l[1]=y ");
  tree.items.assign(1025, scalar("x"));
  Value(tree, "l", reading).list("things", [&](const Value&) { FAIL("too many"); });
  CHECK(reading.problems.at(0).message == "has 1025 entries; must have at most 1024");
}
