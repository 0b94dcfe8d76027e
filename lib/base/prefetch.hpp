// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace {

/// Asks for a line that is to be written, so that it need not be asked for again when it is. __builtin_prefetch(p, 1) makes a
/// plain prefetch of it, since CPUs of before 2003 have no other.
inline void prefetch_for_write(const void* line) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
  __builtin_prefetch(line, 1);
#endif
}

}  // namespace millrace
