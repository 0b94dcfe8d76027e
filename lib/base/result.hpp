// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace millrace {

/// Why a control-path call failed. `code` is an errno value; `message` names what was wrong and what to do.
struct Error {
  int code;
  std::string message;
};

/// The outcome of a control-path call. The data path uses verdict enums and counters instead.
template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failure(int code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace millrace
