// SPDX-License-Identifier: BSD-3-Clause
// Gives every file of a corpus directory to a fuzz target, whole and cut at every length: the fuzzers' finds as an
// ordinary test, with any compiler. Usage: replay DIRECTORY.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<char> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// In heap blocks of exactly the size in question, so that a sanitizer sees the first byte read too many.
void replay(const std::vector<char>& bytes) {
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[n]);
    for (std::size_t i = 0; i < n; ++i) exact[i] = static_cast<std::uint8_t>(bytes[i]);
    LLVMFuzzerTestOneInput(exact.get(), n);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: replay DIRECTORY\n");
    return 2;
  }
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    replay(read_file(entry.path()));
    ++files;
  }
  std::printf("%d files\n", files);
  return files > 0 ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "replay: %s\n", e.what());
  return 1;
}
