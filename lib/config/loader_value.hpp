// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/limits.hpp>
#include <millrace/config/loader_tree.hpp>

#include <functional>
#include <initializer_list>
#include <map>
#include <span>

namespace millrace::config {

/// What reading a tree leaves behind: problems, and the line of each key path that was met.
struct Reading {
  std::vector<Problem> problems;
  std::map<std::string, int> lines;
};

class Value;

/// A key that a map may hold, and what reads its value.
struct Field {
  std::string_view name;
  std::function<void(const Value&)> read;
};

/// One place in the tree while it is read. Each reader leaves `out` alone and records a problem when the value is
/// wrong.
class Value {
 public:
  Value(const Tree& tree, std::string path, Reading& reading) : tree_(tree), path_(std::move(path)), reading_(reading) {
    reading_.lines.emplace(path_, tree_.line);
  }

  [[nodiscard]] bool is(Tree::Kind kind) const { return tree_.kind == kind; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& scalar() const { return tree_.text; }

  void problem(std::string message) const { problem_at(path_, tree_, std::move(message)); }

  template <class T>
  void number(T& out, Range range) const {
    std::int64_t value = 0;
    if (whole_number(range, value)) out = static_cast<T>(value);
  }
  void seed(std::uint64_t& out) const;
  void flag(bool& out) const;
  void text(std::string& out) const;
  template <class Enum>
  void word(Enum& out, std::span<const std::string_view> words) const {
    std::size_t index = 0;
    if (word_index(words, index)) out = static_cast<Enum>(index);
  }
  /// By a parser that returns an optional; `valid` completes "must be ".
  template <class T, class Parser>
  void parsed(T& out, Parser parser, std::string_view valid) const {
    if (!expect(Tree::Kind::scalar, valid)) return;
    if (auto value = parser(tree_.text))
      out = *value;
    else
      problem("must be " + std::string(valid));
  }
  /// Calls read(item) for each item of a list; `what` names them for messages.
  void list(std::string_view what, const std::function<void(const Value&)>& read) const;
  /// Reads a map: each key by its field; unknown and repeated ones are problems.
  void map(std::span<const Field> fields) const;
  void map(std::initializer_list<Field> fields) const { map(std::span(fields.begin(), fields.size())); }

 private:
  [[nodiscard]] bool expect(Tree::Kind kind, std::string_view valid) const;
  [[nodiscard]] bool whole_number(Range range, std::int64_t& value) const;
  [[nodiscard]] bool word_index(std::span<const std::string_view> words, std::size_t& index) const;
  void problem_at(const std::string& path, const Tree& tree, std::string message) const;

  const Tree& tree_;
  std::string path_;
  Reading& reading_;
};

}  // namespace millrace::config
