// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/loader_value.hpp>

namespace millrace::config {

/// Reads the whole document. What is wrong keeps its default and is recorded.
[[nodiscard]] Config read_config(const Tree& tree, Reading& reading);

}  // namespace millrace::config
