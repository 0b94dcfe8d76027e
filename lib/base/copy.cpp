// SPDX-License-Identifier: BSD-3-Clause
// The kernels behind copy_bytes() and the choice between them. Called where payload is copied out of packets.
#include <millrace/base/copy.hpp>

#include <millrace/base/log.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace {

#if defined(__x86_64__)

void copy_rep_movsb(void* to, const void* from, std::size_t n) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

[[gnu::target("avx2")]] void copy_avx2(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  const auto move = [&](std::size_t at) __attribute__((target("avx2"))) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at)));
  };
  if (n < 32) return void(std::memcpy(to, from, n));
  for (std::size_t at = 0; at + 32 <= n; at += 32) move(at);
  move(n - 32);  // the rest, over bytes that are there already
}

[[gnu::target("avx512f,avx512bw")]] void copy_avx512(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
  std::size_t at = 0;
  for (; at + 64 <= n; at += 64) _mm512_storeu_si512(to + at, _mm512_loadu_si512(from + at));
  const __mmask64 rest = n == at ? 0 : ~0ULL >> (64 - (n - at));
  _mm512_mask_storeu_epi8(to + at, rest, _mm512_maskz_loadu_epi8(rest, from + at));
}

#endif

}  // namespace

bool is_supported(CopyKernel kernel) {
#if defined(__x86_64__)
  switch (kernel) {
    case CopyKernel::memcpy:
    case CopyKernel::rep_movsb: return true;
    case CopyKernel::avx2: return __builtin_cpu_supports("avx2") != 0;
    case CopyKernel::avx512: return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  }
#endif
  return kernel == CopyKernel::memcpy;
}

const char* name(CopyKernel kernel) {
  switch (kernel) {
    case CopyKernel::memcpy: return "memcpy";
    case CopyKernel::rep_movsb: return "rep_movsb";
    case CopyKernel::avx2: return "avx2";
    case CopyKernel::avx512: break;
  }
  return "avx512";
}

void copy_bytes(CopyKernel kernel, void* to, const void* from, std::size_t n) {
#if defined(__x86_64__)
  switch (kernel) {
    case CopyKernel::rep_movsb: return copy_rep_movsb(to, from, n);
    case CopyKernel::avx2: return copy_avx2(static_cast<std::uint8_t*>(to), static_cast<const std::uint8_t*>(from), n);
    case CopyKernel::avx512: return copy_avx512(static_cast<std::uint8_t*>(to), static_cast<const std::uint8_t*>(from), n);
    case CopyKernel::memcpy: break;
  }
#endif
  std::memcpy(to, from, n);
}

CopyKernel chosen_copy_kernel() {
  const char* text = std::getenv("MILLRACE_COPY");
  const std::string_view wanted = text != nullptr ? text : "memcpy";
  for (const CopyKernel kernel : {CopyKernel::rep_movsb, CopyKernel::avx2, CopyKernel::avx512})
    if (wanted == name(kernel) && is_supported(kernel)) return kernel;
  if (wanted != name(CopyKernel::memcpy))
    log(LogLevel::warn, "MILLRACE_COPY=" + std::string(wanted) + ": this machine has no such copy kernel; memcpy is used");
  return CopyKernel::memcpy;
}

}  // namespace millrace
