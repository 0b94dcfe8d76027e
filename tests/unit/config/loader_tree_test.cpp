// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/loader_tree.hpp>

#include "tests/support/catch.hpp"

using namespace millrace::config;

TEST_CASE("a tree has kinds, keys, texts and the lines where they stand") {
  const ParsedTree tree = parse_tree("a: 1\nb:\n  - x\n  -\n  - {c: \"2\",\n     d: []}\ne:\n  f: ~\n");
  REQUIRE(tree);
  CHECK(tree->kind == Tree::Kind::map);
  REQUIRE(tree->items.size() == 3);
  const Tree& a = tree->items[0];
  CHECK((a.kind == Tree::Kind::scalar && a.key == "a" && a.text == "1" && a.line == 1));
  const Tree& b = tree->items[1];
  CHECK((b.kind == Tree::Kind::list && b.key == "b" && b.line == 2));
  REQUIRE(b.items.size() == 3);
  CHECK((b.items[0].kind == Tree::Kind::scalar && b.items[0].text == "x" && b.items[0].key.empty() &&
         b.items[0].line == 3));
  CHECK(b.items[1].kind == Tree::Kind::null);
  REQUIRE(b.items[2].items.size() == 2);
  CHECK((b.items[2].kind == Tree::Kind::map && b.items[2].line == 5));
  CHECK((b.items[2].items[0].key == "c" && b.items[2].items[0].text == "2" && b.items[2].items[0].line == 5));
  CHECK((b.items[2].items[1].kind == Tree::Kind::list && b.items[2].items[1].line == 6));
  REQUIRE(tree->items[2].items.size() == 1);
  CHECK((tree->items[2].items[0].kind == Tree::Kind::null && tree->items[2].items[0].line == 8));
}

TEST_CASE("repeated keys are all kept: the reader judges them") {
  const ParsedTree tree = parse_tree("a: 1\na: 2\n");
  REQUIRE(tree);
  CHECK(tree->items.size() == 2);
}

TEST_CASE("a tree is bounded in depth and size") {
  const auto nested = [](std::size_t depth) { return "[" + std::string(depth - 1, '[') + std::string(depth, ']'); };
  CHECK(parse_tree(nested(16)));
  const ParsedTree deep = parse_tree(nested(17));
  REQUIRE(!deep);
  CHECK(deep.error().message == "is nested deeper than 16 levels");
  std::string wide = "[";
  for (int i = 0; i < 100001; ++i) wide += "1,";
  const ParsedTree large = parse_tree(wide + "]");
  REQUIRE(!large);
  CHECK(large.error().message == "has more than 100000 values");
}

TEST_CASE("nothing but an empty tree comes of nothing") {
  for (const char* text : {"", "\n\n", "# words\n", "---\n"}) {
    CAPTURE(text);
    REQUIRE(parse_tree(text));
    CHECK(parse_tree(text)->kind == Tree::Kind::null);
  }
}
