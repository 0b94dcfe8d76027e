// SPDX-License-Identifier: BSD-3-Clause
// Typed values out of a Tree, with the problems that they have. Called by loader.cpp.
#include <millrace/config/loader_value.hpp>

#include <millrace/config/findings.hpp>
#include <millrace/config/nearest.hpp>

#include <algorithm>
#include <charconv>

namespace millrace::config {
namespace {

template <class T>
bool parse_number(std::string_view text, T& value) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view name_of(Tree::Kind kind) {
  switch (kind) {
    case Tree::Kind::null: return "has no value";
    case Tree::Kind::scalar: return "is a single value";
    case Tree::Kind::list: return "is a list";
    case Tree::Kind::map: return "is a map";
  }
  return "";
}

}  // namespace

bool Value::expect(Tree::Kind kind, std::string_view valid) const {
  if (is(kind)) return true;
  problem(std::string(name_of(tree_.kind)) + "; must be " + std::string(valid));
  return false;
}

bool Value::whole_number(Range range, std::int64_t& value) const {
  const std::string valid = "a number in " + range.to_string();
  if (!expect(Tree::Kind::scalar, valid)) return false;
  if (parse_number(tree_.text, value) && range.contains(value)) return true;
  problem("must be " + valid);
  return false;
}

void Value::seed(std::uint64_t& out) const {
  const auto parse = [](std::string_view text) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    return parse_number(text, value) ? std::optional(value) : std::nullopt;
  };
  parsed(out, parse, "a number in 0..18446744073709551615");
}

void Value::flag(bool& out) const {
  const auto parse = [](std::string_view text) -> std::optional<bool> {
    if (text == "true" || text == "on" || text == "yes") return true;
    if (text == "false" || text == "off" || text == "no") return false;
    return std::nullopt;
  };
  parsed(out, parse, "true or false");
}

void Value::text(std::string& out) const {
  if (expect(Tree::Kind::scalar, "text")) out = tree_.text;
}

bool Value::word_index(std::span<const std::string_view> words, std::size_t& index) const {
  const std::string valid = one_of(words);
  if (!expect(Tree::Kind::scalar, valid)) return false;
  const auto it = std::find(words.begin(), words.end(), tree_.text);
  index = static_cast<std::size_t>(it - words.begin());
  if (it == words.end()) problem("must be " + valid + did_you_mean(tree_.text, words));
  return it != words.end();
}

void Value::list(std::string_view what, const std::function<void(const Value&)>& read) const {
  const std::string valid = "a list of " + std::string(what) + ", or [] for none";
  if (!expect(Tree::Kind::list, valid)) return;
  if (tree_.items.size() > static_cast<std::size_t>(limit::entries.max)) {
    problem("has " + std::to_string(tree_.items.size()) + " entries; must have at most " +
            std::to_string(limit::entries.max));
    return;
  }
  for (std::size_t i = 0; i < tree_.items.size(); ++i) read(Value(tree_.items[i], indexed(path_, i), reading_));
}

void Value::map(std::span<const Field> fields) const {
  std::vector<std::string_view> names;
  for (const Field& field : fields) names.push_back(field.name);
  // The tunables are too many for a message.
  const std::string known = names.size() > 40 ? "one of doc/config.md" : one_of(names);
  if (!expect(Tree::Kind::map, "a map; each key must be " + known)) return;
  std::map<std::string_view, int> seen;
  for (const Tree& item : tree_.items) {
    const std::string path = path_.empty() ? item.key : path_ + "." + item.key;
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == item.key; });
    if (const auto [first, fresh] = seen.emplace(item.key, item.line); !fresh) {
      problem_at(path, item, "stands in line " + std::to_string(first->second) + " already");
    } else if (field == fields.end()) {
      const std::string hint = did_you_mean(item.key, names);
      problem_at(path, item, "is no known key" + (hint.empty() ? "; must be " + known : hint));
    } else {
      field->read(Value(item, path, reading_));
    }
  }
}

void Value::problem_at(const std::string& path, const Tree& tree, std::string message) const {
  reading_.problems.push_back({.line = tree.line, .key = path, .value = tree.text, .message = std::move(message)});
}

}  // namespace millrace::config
