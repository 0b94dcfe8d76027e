// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

/// Programmer errors only: aborts with the expression. A shortage of anything never ends here.
#define MR_ASSERT(expr) \
  (__builtin_expect(!!(expr), 1) ? static_cast<void>(0) : ::millrace::detail::assertion_failed(#expr, __FILE__, __LINE__))
