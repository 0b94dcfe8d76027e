// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

// The register file in BAR 0. Up to 0x100 it is the interface's (ENA_REGS_*_OFF); the registers of the queues lie where the
// device says when it creates one, so their places are this model's.

namespace millrace::devmodel::ena::reg {

inline constexpr std::uint32_t version = 0x00;
inline constexpr std::uint32_t controller_version = 0x04;
inline constexpr std::uint32_t caps = 0x08;
inline constexpr std::uint32_t caps_ext = 0x0c;
inline constexpr std::uint32_t aq_base_lo = 0x10;
inline constexpr std::uint32_t aq_base_hi = 0x14;
inline constexpr std::uint32_t aq_caps = 0x18;
inline constexpr std::uint32_t acq_base_lo = 0x20;
inline constexpr std::uint32_t acq_base_hi = 0x24;
inline constexpr std::uint32_t acq_caps = 0x28;
inline constexpr std::uint32_t aq_db = 0x2c;
inline constexpr std::uint32_t acq_tail = 0x30;
inline constexpr std::uint32_t aenq_caps = 0x34;
inline constexpr std::uint32_t aenq_base_lo = 0x38;
inline constexpr std::uint32_t aenq_base_hi = 0x3c;
inline constexpr std::uint32_t aenq_head_db = 0x40;
inline constexpr std::uint32_t aenq_tail = 0x44;
inline constexpr std::uint32_t intr_mask = 0x4c;
inline constexpr std::uint32_t dev_ctl = 0x54;
inline constexpr std::uint32_t dev_sts = 0x58;
inline constexpr std::uint32_t mmio_reg_read = 0x5c;
inline constexpr std::uint32_t mmio_resp_lo = 0x60;
inline constexpr std::uint32_t mmio_resp_hi = 0x64;

/// DEV_CTL: bit 0 asks for a reset, bits 31:28 say why (27:24 are the upper half of the reason in later drivers); the others
/// are asked for by no driver and not modelled.
inline constexpr std::uint32_t dev_ctl_reset = 1U << 0;
inline constexpr std::uint32_t dev_ctl_unmodelled = 0xe;

inline constexpr std::uint32_t dev_sts_ready = 1U << 0;
inline constexpr std::uint32_t dev_sts_reset_in_progress = 1U << 3;
inline constexpr std::uint32_t dev_sts_reset_finished = 1U << 4;

/// One register per queue, 4 bytes apart.
inline constexpr std::uint32_t tx_doorbell = 0x1000;
inline constexpr std::uint32_t rx_doorbell = 0x2000;
inline constexpr std::uint32_t cq_unmask = 0x3000;
inline constexpr std::uint32_t cq_numa_node = 0x4000;
inline constexpr std::uint32_t cq_head_doorbell = 0x5000;
inline constexpr std::uint32_t queue_block_bytes = 0x1000;
/// Which the PCI configuration points to. The machine delivers the messages: nobody has business there.
inline constexpr std::uint32_t msix_table = 0x6000;
inline constexpr std::uint32_t msix_pending = 0x7000;
inline constexpr std::uint32_t bar_bytes = 0x8000;

}  // namespace millrace::devmodel::ena::reg
