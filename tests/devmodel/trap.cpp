// SPDX-License-Identifier: BSD-3-Clause
// The fault handler behind TrappedRange. Called by the kernel when a driver touches a register.
#include "tests/devmodel/trap.hpp"

#include "tests/devmodel/move_instruction.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace millrace::devmodel {
namespace {

// Never destroyed: a driver's own thread may fault until the process ends.
std::vector<TrappedRange*>& ranges = *new std::vector<TrappedRange*>;
struct sigaction handler_before;

greg_t& register_of(ucontext_t& context, unsigned number) {
  constexpr int names[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[names[number]];
}

std::uint64_t low_bytes(std::uint64_t value, unsigned bytes) { return bytes == 8 ? value : value & ((std::uint64_t{1} << 8 * bytes) - 1); }

// Writes of 4 bytes clear those above, shorter ones keep them.
void load(greg_t& reg, const MoveInstruction& move, std::uint64_t value) {
  value = low_bytes(value, move.bytes);
  if (move.is_signed && move.bytes < 8 && (value >> (8 * move.bytes - 1) & 1) != 0) value |= ~std::uint64_t{0} << 8 * move.bytes;
  const auto before = static_cast<std::uint64_t>(reg);
  std::uint64_t after = low_bytes(value, move.extends_to);
  if (move.is_high_byte) {
    after = (before & ~std::uint64_t{0xff00}) | value << 8;
  } else if (move.extends_to < 4) {
    after |= before & ~low_bytes(~std::uint64_t{0}, move.extends_to);
  }
  reg = static_cast<greg_t>(after);
}

void carry_out(TrappedRange& range, std::uint64_t offset, const MoveInstruction& move, ucontext_t& context) {
  range.count();
  greg_t& reg = register_of(context, move.reg);
  if (!move.is_store) return load(reg, move, range.registers().read(offset, move.bytes));
  const std::uint64_t stored = move.has_number ? move.number : static_cast<std::uint64_t>(reg) >> (move.is_high_byte ? 8 : 0);
  range.registers().write(offset, move.bytes, low_bytes(stored, move.bytes));
}

void on_fault(int, siginfo_t* info, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  auto* const address = static_cast<std::uint8_t*>(info->si_addr);
  const auto touched = std::find_if(ranges.begin(), ranges.end(), [&](const TrappedRange* r) { return address >= r->begin() && address < r->begin() + r->size(); });
  if (touched == ranges.end()) {  // somebody's real fault: let it happen again under who was there before
    sigaction(SIGSEGV, &handler_before, nullptr);
    return;
  }
  greg_t& instruction = context.uc_mcontext.gregs[REG_RIP];
  const auto move = decode_move(reinterpret_cast<const std::uint8_t*>(instruction));
  if (!move) {
    std::fprintf(stderr, "devmodel: an instruction that is no plain move touches a register at offset 0x%zx:", static_cast<std::size_t>(address - (*touched)->begin()));
    for (int i = 0; i < 12; ++i) std::fprintf(stderr, " %02x", reinterpret_cast<const std::uint8_t*>(instruction)[i]);
    std::fputc('\n', stderr);
    std::abort();
  }
  carry_out(**touched, static_cast<std::uint64_t>(address - (*touched)->begin()), *move, context);
  instruction += move->length;
}

}  // namespace

void hear_faults() {
  struct sigaction now {};
  sigaction(SIGSEGV, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault) return;
  handler_before = now;
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGSEGV, &action, nullptr) != 0) throw std::runtime_error("sigaction");
}

TrappedRange::TrappedRange(std::size_t bytes, std::size_t plain_begin, std::size_t plain_end, Registers& registers) : bytes_(bytes), registers_(registers) {
  void* const memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no room for a BAR");
  begin_ = static_cast<std::uint8_t*>(memory);
  if (plain_end > plain_begin && mprotect(begin_ + plain_begin, plain_end - plain_begin, PROT_READ | PROT_WRITE) != 0) throw std::runtime_error("mprotect");
  hear_faults();
  ranges.push_back(this);
}

TrappedRange::~TrappedRange() {
  std::erase(ranges, this);
  munmap(begin_, bytes_);
}

}  // namespace millrace::devmodel
