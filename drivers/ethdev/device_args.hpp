// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace millrace::ethdev {

/// The value of `key` among a virtual device's arguments, "a=1,b=2"; "": it is not there.
[[nodiscard]] std::string argument(const std::string& args, const std::string& key);

}  // namespace millrace::ethdev
