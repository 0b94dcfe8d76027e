// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>

#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace millrace::config {

/// A valid Config, or everything that is wrong, in the order of the file.
using Loaded = tl::expected<Config, std::vector<Problem>>;

/// Reads a YAML file of at most 1 MiB; doc/config.md names its keys. A key that is absent has its default; an unknown
/// or repeated key, a wrong type, a value out of range and an impossible combination are problems.
[[nodiscard]] Loaded load_yaml(const std::string& path);

/// The same for text that is already here; `name` stands for the file in problems.
[[nodiscard]] Loaded parse_yaml(std::string_view text, std::string_view name);

/// One problem a line.
[[nodiscard]] std::string to_string(const std::vector<Problem>& problems);

}  // namespace millrace::config
