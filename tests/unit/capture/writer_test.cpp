// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/capture/writer.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/capture/pcapng_reader.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <numeric>
#include <sys/resource.h>
#include <unistd.h>

using namespace millrace;
using capture::Direction;
using capture::Frame;
using capture::Writer;

namespace {

/// A path that is removed with the test.
struct TemporaryPath {
  TemporaryPath() : path("writer_test." + std::to_string(::getpid()) + ".pcapng") {}
  ~TemporaryPath() { std::remove(path.c_str()); }
  std::string path;
};

std::vector<std::uint8_t> counting(std::size_t n) {
  std::vector<std::uint8_t> v(n);
  std::iota(v.begin(), v.end(), std::uint8_t{0});
  return v;
}

Frame frame_of(std::span<const std::uint8_t> bytes) {
  Frame f;
  f.bytes = bytes;
  f.original_length = static_cast<std::uint32_t>(bytes.size());
  return f;
}

}  // namespace

TEST_CASE("what is written can be read: interfaces, times, directions, comments, lengths") {
  const TemporaryPath file;
  auto writer =
      Writer::open(file.path, {.interfaces = {"tap0", "a longer name"}, .snaplen = 9000, .unix_epoch = 1700000000s});
  REQUIRE(writer);
  const auto bytes = counting(1001);
  for (std::uint32_t i = 0; i < 8; ++i) {
    Frame f = frame_of(std::span(bytes).first(60 + i));
    f.interface = i % 2;
    f.direction = i % 2 == 0 ? Direction::in : Direction::out;
    f.time = Instant(Duration(5'000'000'001 * i));
    f.original_length = 1001;
    f.comment = std::string_view("comment").substr(0, i);
    CHECK((*writer)->write(f));
  }
  REQUIRE((*writer)->flush());
  CHECK((*writer)->totals().written == 8);
  const test::PcapngFile read(file.path);
  CHECK((*writer)->totals().bytes == read.size);
  CHECK(read.section_options.at(4) == "Millrace");
  REQUIRE(read.interfaces.size() == 2);
  for (const auto& interface : read.interfaces) {
    CHECK(interface.linktype == 1);
    CHECK(interface.snaplen == 9000);
    CHECK(interface.options.at(9) == "\x09");
  }
  CHECK(read.interfaces[1].options.at(2) == "a longer name");
  REQUIRE(read.packets.size() == 8);
  for (std::uint32_t i = 0; i < 8; ++i) {
    const auto& p = read.packets[i];
    CHECK(p.interface == i % 2);
    CHECK(p.time == 1'700'000'000'000'000'000 + 5'000'000'001ull * i);
    CHECK(p.original_length == 1001);
    CHECK(p.bytes == std::string(bytes.begin(), bytes.begin() + 60 + i));
    CHECK(p.options.at(2) == std::string(1, i % 2 == 0 ? 1 : 2) + std::string(3, 0));
    CHECK(p.options.count(1) == (i > 0 ? 1 : 0));
    if (i > 0) CHECK(p.options.at(1) == std::string("comment").substr(0, i));
  }
}

TEST_CASE("the file ends at max_bytes, with a whole block, and the rest is counted") {
  const TemporaryPath file;
  const auto bytes = counting(1000);
  const auto small = counting(60);
  auto writer = Writer::open(file.path, {.interfaces = {"p"}, .max_bytes = 10000});
  REQUIRE(writer);
  int kept = 0;
  while ((*writer)->write(frame_of(bytes))) ++kept;
  CHECK(kept == 9);
  CHECK((*writer)->is_full());
  CHECK(!(*writer)->write(frame_of(small)));  // would fit, but the file has no holes
  REQUIRE((*writer)->flush());
  CHECK((*writer)->totals().written == 9);
  CHECK((*writer)->totals().over_limit == 2);
  const test::PcapngFile read(file.path);
  CHECK(read.packets.size() == 9);
  CHECK(read.size <= 10000);
  CHECK(read.size + 1000 > 10000);
}

TEST_CASE("a limit below the headers leaves an empty file") {
  const TemporaryPath file;
  auto writer = Writer::open(file.path, {.interfaces = {"p"}, .max_bytes = 50});
  REQUIRE(writer);
  CHECK(!(*writer)->write(frame_of(counting(10))));
  REQUIRE((*writer)->flush());
  CHECK((*writer)->totals().bytes == 0);
  CHECK((*writer)->totals().over_limit == 1);
}

TEST_CASE("a file that cannot be opened is named") {
  const auto writer = Writer::open("no/such/dir.pcapng", {});
  REQUIRE(!writer);
  CHECK(writer.error().code == ENOENT);
  CHECK(writer.error().message == "capture file no/such/dir.pcapng: No such file or directory");
}

TEST_CASE("when the disk takes no more, the file ends with a whole block and frames count as failed") {
  const TemporaryPath file;
  // A file size limit stands for a full disk; write() then fails with EFBIG.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limited{100'000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
  const auto bytes = counting(1000);
  Writer::Totals totals;
  int error = 0;
  {
    auto writer = Writer::open(file.path, {.interfaces = {"p"}});
    if (writer) {
      for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 30; ++i) (*writer)->write(frame_of(bytes));
        if (const auto flushed = (*writer)->flush(); !flushed) error = flushed.error().code;
      }
      totals = (*writer)->totals();
    }
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  CHECK(error == EFBIG);
  CHECK(totals.written == 90);
  CHECK(totals.failed == 30);
  const test::PcapngFile read(file.path);
  CHECK(read.packets.size() == 90);
  CHECK(read.size == totals.bytes);
}

TEST_CASE("a pipe whose reader left is a failure, not a crash") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  auto* const old_handler = std::signal(SIGPIPE, SIG_IGN);
  ::close(ends[0]);
  Writer writer(ends[1], {.interfaces = {"p"}});
  CHECK(writer.write(frame_of(counting(100))));
  const auto flushed = writer.flush();
  std::signal(SIGPIPE, old_handler);
  REQUIRE(!flushed);
  CHECK(flushed.error().code == EPIPE);
  CHECK(!writer.write(frame_of(counting(100))));
  CHECK(writer.totals().failed == 2);
}
