// SPDX-License-Identifier: BSD-3-Clause
// What takes the place of functions of Debian's liblwip, which it calls through its procedure linkage table: what a port
// of lwIP to one thread and DPDK would choose. Apart from udp_lwip.cpp, for lwIP's headers and DPDK's name the same things.
#include "tests/bench/udp_lwip.hpp"

#include <rte_ip.h>

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

namespace millrace::bench {
bool lwip_sums_itself = false;
}

extern "C" {
unsigned sys_arch_protect();
void sys_arch_unprotect(unsigned before);
std::uint16_t lwip_standard_chksum(const void* data, int length);

// One thread is all there is: no lock is taken.
unsigned sys_arch_protect() { return 0; }
void sys_arch_unprotect(unsigned) {}
std::uint16_t lwip_standard_chksum(const void* data, int length) {
  static auto* const own = reinterpret_cast<std::uint16_t (*)(const void*, int)>(dlsym(RTLD_NEXT, "lwip_standard_chksum"));
  if (millrace::bench::lwip_sums_itself && own != nullptr) return own(data, length);
  return rte_raw_cksum(data, static_cast<std::size_t>(length));
}
}

// A check that whoever calls holds that lock.
extern "C" void sys_check_core_locking();
extern "C" void sys_check_core_locking() {}
