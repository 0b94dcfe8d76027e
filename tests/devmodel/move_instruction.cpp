// SPDX-License-Identifier: BSD-3-Clause
// Reads the machine code of moves to and from memory. Called by the trap handler.
#include "tests/devmodel/move_instruction.hpp"

#include <cstring>

namespace millrace::devmodel {
namespace {

struct Prefixes {
  bool operand16 = false;
  std::uint8_t rex = 0;
  [[nodiscard]] bool wide() const { return (rex & 8) != 0; }
  [[nodiscard]] unsigned reg_high() const { return (rex & 4) << 1; }
};

const std::uint8_t* skip_prefixes(const std::uint8_t* at, Prefixes& prefixes) {
  for (; *at == 0x66 || *at == 0x2e || *at == 0x3e || *at == 0x64 || *at == 0x65; ++at) prefixes.operand16 |= *at == 0x66;
  if ((*at & 0xf0) == 0x40) prefixes.rex = *at++;
  return at;
}

// Bytes of the ModRM byte and what belongs to it: SIB, displacement. 0: the operand is a register.
unsigned memory_operand_bytes(const std::uint8_t* modrm) {
  const unsigned mode = *modrm >> 6, base = *modrm & 7;
  if (mode == 3) return 0;
  unsigned bytes = 1;
  bool is_without_base = mode == 0 && base == 5;  // relative to the instruction
  if (base == 4) {
    is_without_base = mode == 0 && (modrm[1] & 7) == 5;
    ++bytes;
  }
  if (mode == 1) return bytes + 1;
  return mode == 2 || is_without_base ? bytes + 4 : bytes;
}

// Of a byte register without REX, 4 to 7 are the second bytes of the first four.
void name_byte_register(MoveInstruction& move, const Prefixes& prefixes) {
  if (move.bytes != 1 || prefixes.rex != 0 || move.reg < 4 || move.extends_to > 1) return;
  move.reg -= 4;
  move.is_high_byte = true;
}

std::uint64_t signed_number(const std::uint8_t* at, unsigned bytes) {
  std::int64_t value = 0;
  if (bytes == 1) value = static_cast<std::int8_t>(*at);
  if (bytes == 2) value = static_cast<std::int16_t>(at[0] | at[1] << 8);
  if (bytes == 4) {
    std::int32_t word;
    std::memcpy(&word, at, sizeof word);
    value = word;
  }
  return static_cast<std::uint64_t>(value);
}

// movzx, movsx: 0f b6, b7, be, bf.
std::optional<MoveInstruction> decode_extension(const std::uint8_t* at, const Prefixes& prefixes) {
  if (*at != 0xb6 && *at != 0xb7 && *at != 0xbe && *at != 0xbf) return std::nullopt;
  const unsigned operand = memory_operand_bytes(at + 1);
  if (operand == 0) return std::nullopt;
  return MoveInstruction{.length = 1 + operand,
                         .bytes = (*at & 1) != 0 ? 2u : 1u,
                         .reg = (at[1] >> 3 & 7) + prefixes.reg_high(),
                         .extends_to = prefixes.wide() ? 8u : prefixes.operand16 ? 2u : 4u,
                         .is_signed = *at >= 0xbe};
}

std::optional<MoveInstruction> decode_plain(const std::uint8_t* at, const Prefixes& prefixes) {
  const unsigned operand = memory_operand_bytes(at + 1);
  if (operand == 0) return std::nullopt;
  const unsigned width = prefixes.wide() ? 8 : prefixes.operand16 ? 2 : 4;
  MoveInstruction move{.length = 1 + operand, .bytes = (*at & 1) != 0 ? width : 1u, .reg = (at[1] >> 3 & 7) + prefixes.reg_high()};
  switch (*at) {
    case 0x88:
    case 0x89: move.is_store = true; break;
    case 0x8a:
    case 0x8b: move.extends_to = move.bytes; break;
    case 0x63:  // movsxd
      move.bytes = 4;
      move.extends_to = width;
      move.is_signed = true;
      break;
    case 0xc6:
    case 0xc7: {
      const unsigned number_bytes = move.bytes == 8 ? 4 : move.bytes;
      move.is_store = move.has_number = true;
      move.number = signed_number(at + move.length, number_bytes);
      move.length += number_bytes;
      return move;
    }
    default: return std::nullopt;
  }
  name_byte_register(move, prefixes);
  return move;
}

}  // namespace

std::optional<MoveInstruction> decode_move(const std::uint8_t* code) {
  Prefixes prefixes;
  const std::uint8_t* at = skip_prefixes(code, prefixes);
  const auto before = static_cast<unsigned>(at - code);
  const bool is_two_byte = *at == 0x0f;
  auto move = is_two_byte ? decode_extension(at + 1, prefixes) : decode_plain(at, prefixes);
  if (move) move->length += before + (is_two_byte ? 1 : 0);
  return move;
}

}  // namespace millrace::devmodel
