// SPDX-License-Identifier: BSD-3-Clause
// Classic BPF by way of rte_bpf. Called by captures and by sockets that have a filter; calls libpcap's compiler and DPDK.
#include <millrace/bpf/filter.hpp>

#include <pcap/pcap.h>
#include <rte_bpf.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include <cerrno>
#include <cstring>

namespace millrace::bpf {
namespace {

static_assert(sizeof(Instruction) == sizeof(bpf_insn));
constexpr std::uint32_t first_ancillary = 0x80000000;  // SKF_LL_OFF and all above it: offsets below zero

// libpcap's handle for compiling alone.
struct Compiler {
  Compiler() : handle(pcap_open_dead(DLT_EN10MB, 262144)) {}
  ~Compiler() {
    pcap_freecode(&code);
    pcap_close(handle);
  }
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;
  pcap_t* handle;
  bpf_program code{};
};

bool is_ancillary(const Instruction& i) {
  const unsigned kind = BPF_CLASS(i.code);
  const unsigned mode = BPF_MODE(i.code);
  const bool reads = kind == BPF_LD || kind == BPF_LDX;
  return reads && (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH) && i.k >= first_ancillary;
}

// rte_bpf_convert() leaves the index register out of "ld [x + k]" (DPDK 22.11 to 24.11), which so reads at A + k. X is in R7.
void index_by_x(const rte_bpf_prm& program) {
  auto* instructions = const_cast<ebpf_insn*>(program.ins);
  for (std::uint32_t i = 0; i < program.nb_ins; ++i)
    if (BPF_CLASS(instructions[i].code) == BPF_LD && BPF_MODE(instructions[i].code) == BPF_IND) instructions[i].src_reg = EBPF_REG_7;
}

}  // namespace

struct Filter::Program {
  ~Program() { rte_bpf_destroy(bpf); }
  rte_bpf* bpf = nullptr;
};

Filter::Filter(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Filter::~Filter() = default;

Result<std::shared_ptr<const Filter>> Filter::compile(const std::string& expression) {
  const std::string what = "filter '" + expression + "': ";
  Compiler compiler;
  if (compiler.handle == nullptr) return failure(ENOMEM, what + "no memory for its compiler");
  if (pcap_compile(compiler.handle, &compiler.code, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return failure(EINVAL, what + pcap_geterr(compiler.handle) + "; write it as for tcpdump, such as 'udp port 53'");
  const auto* program = reinterpret_cast<const Instruction*>(compiler.code.bf_insns);
  Result<std::shared_ptr<const Filter>> loaded = load({program, compiler.code.bf_len});
  if (!loaded) return failure(loaded.error().code, what + loaded.error().message);
  return loaded;
}

Result<std::shared_ptr<const Filter>> Filter::load(std::span<const Instruction> program) {
  // rte_bpf_convert() only reads what is not const.
  auto* instructions = reinterpret_cast<bpf_insn*>(const_cast<Instruction*>(program.data()));
  const bpf_program classic{.bf_len = static_cast<unsigned>(program.size()), .bf_insns = instructions};
  for (std::size_t i = 0; i < program.size(); ++i)
    if (is_ancillary(program[i]))
      return failure(EINVAL, "instruction " + std::to_string(i) + " of the BPF program asks for Linux's ancillary data; only the packet's bytes can be read");
  if (program.empty() || bpf_validate(instructions, static_cast<int>(program.size())) == 0)
    return failure(EINVAL, "no valid classic BPF program: every way through it must end with a return, and stay inside");
  rte_bpf_prm* translated = rte_bpf_convert(&classic);
  if (translated == nullptr) return failure(EINVAL, "no valid classic BPF program: it has an instruction of no known kind");
  index_by_x(*translated);
  auto loaded = std::make_unique<Program>();
  loaded->bpf = rte_bpf_load(translated);
  const int error = rte_errno;
  rte_free(translated);
  if (loaded->bpf == nullptr) return failure(error, std::string("BPF program: ") + rte_strerror(error));
  return std::shared_ptr<const Filter>(new Filter(std::move(loaded)));
}

std::uint32_t Filter::run(const pkt::Packet& packet) const {
  // Interpreted: the machine code that DPDK 22.11 makes of BPF_JSET jumps to wherever.
  return static_cast<std::uint32_t>(rte_bpf_exec(program_->bpf, const_cast<pkt::Mbuf*>(&packet.mbuf())));
}

}  // namespace millrace::bpf
