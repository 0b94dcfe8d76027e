// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <string>

namespace millrace::bench {

/// What callgrind counted.
struct Instructions {
  std::map<std::string, double> by_loop{};  ///< per packet, by the names of callgrind.py
  std::string fault{};                      ///< why there are none
};

/// Of this program.
[[nodiscard]] std::string own_path();
/// Runs this program under callgrind, once for all who ask.
[[nodiscard]] const Instructions& count_instructions();
/// Runs a program under callgrind; the arguments are quoted for a shell where they need it.
[[nodiscard]] Instructions count_instructions(const std::string& program, const std::string& arguments);

}  // namespace millrace::bench
