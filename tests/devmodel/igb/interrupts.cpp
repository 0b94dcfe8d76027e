// SPDX-License-Identifier: BSD-3-Clause
// Interrupt causes on their way to a message (82576EB datasheet 7.3). Called by the device for its registers, by the receive and
// transmit paths for their causes.
#include "tests/devmodel/igb/interrupts.hpp"

#include "tests/devmodel/device.hpp"

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t all_vectors = (1u << vectors) - 1;
/// The vector of all causes when there is but one.
constexpr unsigned sole_vector = 0;

}  // namespace

void Interrupts::reset() {
  icr_ = ims_ = eicr_ = eims_ = eiac_ = eiam_ = gpie_ = ivar_other_ = 0;
  ivar_.fill(0);
  eitr_.fill(0);
}

// With several vectors, the legacy causes have one of them, the "other causes" of IVAR_MISC. With one, whatever is newly enabled
// and pending sends its message.
void Interrupts::signal_legacy(std::uint32_t causes) {
  if ((causes & ims_) == 0) return;
  icr_ |= cause::int_asserted;
  if (!has_vectors()) return machine_.interrupt(sole_vector);
  const std::uint32_t entry = ivar_other_ >> 8;
  if ((entry & ivar::valid) != 0) raise_vectors(1u << (entry & ivar::vector));
}

void Interrupts::raise(std::uint32_t causes) {
  const std::uint32_t fresh = causes & ~icr_;
  icr_ |= causes;
  signal_legacy(fresh);
}

void Interrupts::raise_receive(unsigned queue) { raise_queue(0, queue, cause::rxdw); }

void Interrupts::raise_transmit(unsigned queue) { raise_queue(8, queue, cause::txdw); }

// IVAR n tells the vectors of queue n's receive and transmit causes, then of queue n + 8's. With one vector the cause
// goes the legacy way.
void Interrupts::raise_queue(unsigned ivar_shift, unsigned queue, std::uint32_t legacy_cause) {
  if (!has_vectors()) return raise(legacy_cause);
  const std::uint32_t entry = ivar_[queue % 8] >> (ivar_shift + (queue >= 8 ? 16 : 0));
  if ((entry & ivar::valid) != 0) raise_vectors(1u << (entry & ivar::vector));
}

void Interrupts::raise_vectors(std::uint32_t bits) {
  const std::uint32_t fresh = bits & ~eicr_;
  eicr_ |= bits;
  send(fresh);
}

// A message clears what EIAC names of its cause, and masks what EIAM names when GPIE.EIAME is set.
void Interrupts::send(std::uint32_t bits) {
  const std::uint32_t due = bits & eicr_ & eims_;
  eicr_ &= ~(due & eiac_);
  if ((gpie_ & gpie::eiame) != 0) eims_ &= ~(due & eiam_);
  for (unsigned vector = 0; vector < vectors; ++vector)
    if ((due >> vector & 1) != 0) machine_.interrupt(vector);
}

// Reading clears all when software asked for that (GPIE.NSICR), when nothing is enabled, and when the interrupt was asserted.
std::uint32_t Interrupts::read_icr() {
  const std::uint32_t value = icr_;
  if ((gpie_ & gpie::nsicr) != 0 || ims_ == 0 || (value & cause::int_asserted) != 0) icr_ = 0;
  return value;
}

std::uint32_t Interrupts::read_eicr() {
  const std::uint32_t value = eicr_;
  eicr_ = 0;
  if ((gpie_ & gpie::eiame) == 0) eims_ &= ~(value & eiam_);
  return value;
}

std::uint32_t* Interrupts::plain(std::uint32_t offset) {
  switch (offset) {
    case reg::gpie: return &gpie_;
    case reg::eiac: return &eiac_;
    case reg::eiam: return &eiam_;
    case reg::ivar_other: return &ivar_other_;
    default: break;
  }
  if (offset >= reg::ivar && offset < reg::ivar + 4 * ivar_.size()) return &ivar_[(offset - reg::ivar) / 4];
  if (offset >= reg::eitr && offset < reg::eitr + 4 * eitr_.size()) return &eitr_[(offset - reg::eitr) / 4];
  return nullptr;
}

std::optional<std::uint32_t> Interrupts::read(std::uint32_t offset) {
  switch (offset) {
    case reg::icr: case reg::icr_alias: return read_icr();
    case reg::ims: case reg::ims_alias: return ims_;
    case reg::eicr: return read_eicr();
    case reg::eims: return eims_;
    default: break;
  }
  if (const std::uint32_t* const value = plain(offset)) return *value;
  return std::nullopt;
}

bool Interrupts::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case reg::icr: case reg::icr_alias: icr_ &= ~value; return true;
    case reg::ics: case reg::ics_alias: raise(value); return true;
    case reg::ims: case reg::ims_alias: {
      const std::uint32_t unmasked = value & ~ims_;
      ims_ |= value;
      signal_legacy(unmasked & icr_);
      return true;
    }
    case reg::imc: case reg::imc_alias: ims_ &= ~value; return true;
    case reg::eicr: eicr_ &= ~value; return true;
    case reg::eics: raise_vectors(value & all_vectors); return true;
    case reg::eims: {
      const std::uint32_t unmasked = value & all_vectors & ~eims_;
      eims_ |= value & all_vectors;
      send(unmasked);
      return true;
    }
    case reg::eimc: eims_ &= ~value; return true;
    default: break;
  }
  std::uint32_t* const plain_register = plain(offset);
  if (plain_register == nullptr) return false;
  *plain_register = value;
  return true;
}

}  // namespace millrace::devmodel::igb
