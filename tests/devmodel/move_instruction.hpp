// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::devmodel {

/// A move between a register or a number and memory: what compilers make of an access to a volatile of 1, 2, 4 or 8 bytes.
struct MoveInstruction {
  unsigned length = 0;         ///< of the instruction, bytes
  unsigned bytes = 0;          ///< that it moves
  bool is_store = false;
  bool has_number = false;     ///< stores a number, and no register
  std::uint64_t number = 0;
  unsigned reg = 0;            ///< 0 to 15 as instructions number them: rax rcx rdx rbx rsp rbp rsi rdi r8 ...
  bool is_high_byte = false;   ///< ah ch dh bh of reg
  unsigned extends_to = 0;     ///< a load fills so many bytes of its register, bytes above it being zero or kept as the processor does
  bool is_signed = false;      ///< by the sign
};

/// The instruction at `code`; nothing: it is none of those. Intel's Software Developer's Manual, volume 2, chapter 2.
[[nodiscard]] std::optional<MoveInstruction> decode_move(const std::uint8_t* code);

}  // namespace millrace::devmodel
