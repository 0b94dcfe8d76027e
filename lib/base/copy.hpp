// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

/// Ways to copy bytes (receive_path O8, Q10); all give the same bytes.
enum class CopyKernel : std::uint8_t {
  memcpy,     ///< the C library's, which itself goes by the CPU and the length
  rep_movsb,  ///< one instruction, as the kernel copies to users where the CPU has ERMS
  avx2,       ///< 32 bytes a step, unaligned
  avx512,     ///< 64 bytes a step, unaligned, the rest under a mask
};
inline constexpr std::size_t copy_kernels = 4;

/// Whether this machine runs it.
[[nodiscard]] bool is_supported(CopyKernel kernel);
/// "memcpy", "rep_movsb", "avx2" or "avx512".
[[nodiscard]] const char* name(CopyKernel kernel);
/// Copies n bytes; the two do not overlap.
void copy_bytes(CopyKernel kernel, void* to, const void* from, std::size_t n);

/// What packets' bytes are copied with: memcpy (`./dev bench mem` compares); MILLRACE_COPY=rep_movsb|avx2|avx512 in the environment chooses another that the machine runs. Read once.
[[nodiscard]] CopyKernel chosen_copy_kernel();

/// Copies with the chosen one.
inline void copy_bytes(void* to, const void* from, std::size_t n) {
  static const CopyKernel chosen = chosen_copy_kernel();
  if (chosen == CopyKernel::memcpy) {
    std::memcpy(to, from, n);
  } else {
    copy_bytes(chosen, to, from, n);
  }
}

}  // namespace millrace
