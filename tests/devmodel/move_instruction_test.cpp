// SPDX-License-Identifier: BSD-3-Clause
// The moves that compilers make of volatile accesses, by their machine code; and the accesses themselves, trapped.
#include "tests/devmodel/move_instruction.hpp"
#include "tests/devmodel/trap.hpp"

#include "tests/support/catch.hpp"

#include <vector>

using namespace millrace::devmodel;

namespace {

using Code = std::vector<std::uint8_t>;

/// Answers with what is at hand, and keeps what is written.
struct Recorder final : Registers {
  struct Access {
    std::uint64_t offset;
    unsigned bytes;
    std::uint64_t value;
    bool operator==(const Access&) const = default;
  };
  std::uint64_t read(std::uint64_t offset, unsigned bytes) override {
    reads.push_back({offset, bytes, answer});
    return answer;
  }
  void write(std::uint64_t offset, unsigned bytes, std::uint64_t value) override { writes.push_back({offset, bytes, value}); }
  std::uint64_t answer = 0;
  std::vector<Access> reads, writes;
};

template <class T>
volatile T& at(const TrappedRange& range, std::size_t offset) {
  return *reinterpret_cast<volatile T*>(range.begin() + offset);
}

}  // namespace

TEST_CASE("a move's code says how long it is, what it moves, and where to") {
  struct Case {
    const char* text;
    Code code;
    MoveInstruction move;
  };
  for (const Case& c : {Case{"mov eax, [rdi]", {0x8b, 0x07}, {.length = 2, .bytes = 4, .reg = 0, .extends_to = 4}},
                        Case{"mov r9, [rsi+8]", {0x4c, 0x8b, 0x4e, 0x08}, {.length = 4, .bytes = 8, .reg = 9, .extends_to = 8}},
                        Case{"mov cx, [rax+rbx*2+0x100]", {0x66, 0x8b, 0x8c, 0x58, 0, 1, 0, 0}, {.length = 8, .bytes = 2, .reg = 1, .extends_to = 2}},
                        Case{"mov ah, [rdx]", {0x8a, 0x22}, {.length = 2, .bytes = 1, .reg = 0, .is_high_byte = true, .extends_to = 1}},
                        Case{"mov spl, [rdx]", {0x40, 0x8a, 0x22}, {.length = 3, .bytes = 1, .reg = 4, .extends_to = 1}},
                        Case{"mov [rip+0x10], edx", {0x89, 0x15, 0x10, 0, 0, 0}, {.length = 6, .bytes = 4, .is_store = true, .reg = 2}},
                        Case{"mov [r13+0], r8b", {0x45, 0x88, 0x45, 0}, {.length = 4, .bytes = 1, .is_store = true, .reg = 8}},
                        Case{"mov dword [rdi], -2", {0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff}, {.length = 6, .bytes = 4, .is_store = true, .has_number = true, .number = ~std::uint64_t{1}}},
                        Case{"mov word [rdi+4], 7", {0x66, 0xc7, 0x47, 4, 7, 0}, {.length = 6, .bytes = 2, .is_store = true, .has_number = true, .number = 7}},
                        Case{"mov byte [rdi], 7", {0xc6, 0x07, 7}, {.length = 3, .bytes = 1, .is_store = true, .has_number = true, .number = 7}},
                        Case{"mov qword [rdi], 7", {0x48, 0xc7, 0x07, 7, 0, 0, 0}, {.length = 7, .bytes = 8, .is_store = true, .has_number = true, .number = 7}},
                        Case{"movzx esi, byte [rcx]", {0x0f, 0xb6, 0x31}, {.length = 3, .bytes = 1, .reg = 6, .extends_to = 4}},
                        Case{"movzx r10d, word [rsp+8]", {0x44, 0x0f, 0xb7, 0x54, 0x24, 8}, {.length = 6, .bytes = 2, .reg = 10, .extends_to = 4}},
                        Case{"movsx rax, byte [rcx]", {0x48, 0x0f, 0xbe, 0x01}, {.length = 4, .bytes = 1, .reg = 0, .extends_to = 8, .is_signed = true}},
                        Case{"movsxd rax, dword [rcx]", {0x48, 0x63, 0x01}, {.length = 3, .bytes = 4, .reg = 0, .extends_to = 8, .is_signed = true}}}) {
    INFO(c.text);
    const auto move = decode_move(c.code.data());
    REQUIRE(move);
    CHECK(move->length == c.move.length);
    CHECK(move->bytes == c.move.bytes);
    CHECK(move->is_store == c.move.is_store);
    CHECK(move->has_number == c.move.has_number);
    CHECK(move->number == c.move.number);
    CHECK(move->reg == c.move.reg);
    CHECK(move->is_high_byte == c.move.is_high_byte);
    CHECK(move->extends_to == c.move.extends_to);
    CHECK(move->is_signed == c.move.is_signed);
  }
  for (const Code& other : {Code{0x01, 0x07}, Code{0x8b, 0xc1}, Code{0x0f, 0xaf, 0x07}, Code{0xf0, 0x0f, 0xb1, 0x0f}, Code{0xa4, 0, 0, 0, 0, 0}}) CHECK_FALSE(decode_move(other.data()));
}

TEST_CASE("an access to a trapped range is a call with its offset, width and value, each time it is made") {
  Recorder recorder;
  const TrappedRange range(8192, 4096, 8192, recorder);
  recorder.answer = 0x8877665544332211;
  CHECK(at<std::uint8_t>(range, 1) == 0x11);
  CHECK(at<std::uint16_t>(range, 2) == 0x2211);
  CHECK(at<std::uint32_t>(range, 4) == 0x44332211);
  CHECK(at<std::uint64_t>(range, 8) == 0x8877665544332211);
  recorder.answer = 0xfe;
  CHECK(at<std::int8_t>(range, 0) == -2);
  CHECK(static_cast<std::int64_t>(at<std::int8_t>(range, 0)) == -2);
  using Access = Recorder::Access;
  CHECK(recorder.reads == std::vector<Access>{{1, 1, 0x8877665544332211}, {2, 2, 0x8877665544332211}, {4, 4, 0x8877665544332211}, {8, 8, 0x8877665544332211}, {0, 1, 0xfe}, {0, 1, 0xfe}});
  for (int i = 0; i < 2; ++i) at<std::uint32_t>(range, 16) = 0xdeadbeef;
  at<std::uint16_t>(range, 20) = 0xcafe;
  at<std::uint8_t>(range, 22) = 7;
  at<std::uint64_t>(range, 24) = ~std::uint64_t{0};
  CHECK(recorder.writes == std::vector<Access>{{16, 4, 0xdeadbeef}, {16, 4, 0xdeadbeef}, {20, 2, 0xcafe}, {22, 1, 7}, {24, 8, ~std::uint64_t{0}}});
  CHECK(range.traps() == 11);
  at<std::uint64_t>(range, 5000) = 5;  // plain memory
  CHECK(at<std::uint64_t>(range, 5000) == 5);
  CHECK(range.traps() == 11);
}
