// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace millrace::config {

/// A YAML document as plain data, bounded in depth and size.
struct Tree {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  int line = 0;             ///< from 1; of the key when there is one
  std::string key;          ///< in a map
  std::string text;         ///< of a scalar
  std::vector<Tree> items;  ///< of a list or map, in the order of the file
};

/// Why a text is no usable YAML document: `key` and `file` of the problem are empty.
using ParsedTree = tl::expected<Tree, Problem>;

/// Reads one document. Anchors, aliases and keys that are no plain text are refused: everything is written out. The
/// only function that calls yaml-cpp; its exceptions end here.
[[nodiscard]] ParsedTree parse_tree(std::string_view text);

}  // namespace millrace::config
