// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/pci.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/mman.h>

using namespace millrace;

TEST_CASE("what is a PCI device's name") {
  CHECK(ethdev::is_pci_address("0000:01:00.0"));
  CHECK(ethdev::is_pci_address("01:00.0"));
  CHECK_FALSE(ethdev::is_pci_address("net_tap0"));
  CHECK_FALSE(ethdev::is_pci_address(""));
}

TEST_CASE("a device answers while its configuration space has a vendor") {
  const test::TemporaryFolder folder;
  const std::filesystem::path& root = folder.path();
  std::filesystem::create_directories(root / "0000:01:00.0");
  setenv("SYSFS_PCI_DEVICES", root.c_str(), 1);
  CHECK_FALSE(ethdev::answers("0000:01:00.0"));
  const auto config = root / "0000:01:00.0" / "config";
  std::ofstream(config, std::ios::binary) << "\x86\x80";
  CHECK(ethdev::answers("0000:01:00.0"));
  CHECK(ethdev::answers("01:00.0"));
  std::ofstream(config, std::ios::binary) << "\xff\xff";
  CHECK_FALSE(ethdev::answers("0000:01:00.0"));
  std::filesystem::remove_all(root);
  CHECK_FALSE(ethdev::answers("0000:01:00.0"));
  unsetenv("SYSFS_PCI_DEVICES");
}

TEST_CASE("registers become memory, zero at first, that keeps what is written") {
  constexpr std::size_t bytes = 8192;
  void* const registers = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(registers != MAP_FAILED);
  ethdev::replace_by_memory({{registers, bytes}, {}});
  auto* const word = static_cast<volatile std::uint32_t*>(registers);
  CHECK(*word == 0);
  *word = 7;
  CHECK(*word == 7);
  munmap(registers, bytes);
}
