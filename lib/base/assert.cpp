// SPDX-License-Identifier: BSD-3-Clause
// Ends the process on a programmer error. Called by MR_ASSERT only.
#include <millrace/base/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace millrace::detail {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "millrace: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace millrace::detail
