// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

// Names, offsets and bits of the 82576EB datasheet, chapter 8 (programming interface), as far as the model has them.
namespace millrace::devmodel::igb {

/// Offsets in BAR 0.
namespace reg {
inline constexpr std::uint32_t ctrl = 0x0000, status = 0x0008, eecd = 0x0010, eerd = 0x0014, ctrl_ext = 0x0018, mdic = 0x0020;
inline constexpr std::uint32_t fcal = 0x0028, fcah = 0x002c, fct = 0x0030, vet = 0x0038, fcttv = 0x0170, ledctl = 0x0e00;
inline constexpr std::uint32_t rctl = 0x0100, tctl = 0x0400, tctl_ext = 0x0404, tipg = 0x0410;
inline constexpr std::uint32_t rxpbs = 0x2404, txpbs = 0x3404, fcrtl = 0x2160, fcrth = 0x2168, eemngctl = 0x1010;
inline constexpr std::uint32_t rxcsum = 0x5000, rlpml = 0x5004, rfctl = 0x5008, mrqc = 0x5818;
inline constexpr std::uint32_t mta = 0x5200, ra = 0x5400, ra_upper = 0x54e0, vfta = 0x5600, uta = 0xa000, reta = 0x5c00, rssrk = 0x5c80;
inline constexpr std::uint32_t wuc = 0x5800, wufc = 0x5808, manc = 0x5820;
inline constexpr std::uint32_t gcr = 0x5b00, factps = 0x5b30, swsm = 0x5b50, fwsm = 0x5b54, sw_fw_sync = 0x5b5c;
/// The legacy causes lie in two places.
inline constexpr std::uint32_t icr = 0x1500, ics = 0x1504, ims = 0x1508, imc = 0x150c;
inline constexpr std::uint32_t icr_alias = 0x00c0, ics_alias = 0x00c8, ims_alias = 0x00d0, imc_alias = 0x00d8;
inline constexpr std::uint32_t gpie = 0x1514, eics = 0x1520, eims = 0x1524, eimc = 0x1528, eiac = 0x152c, eiam = 0x1530, eicr = 0x1580;
inline constexpr std::uint32_t eitr = 0x1680, ivar = 0x1700, ivar_other = 0x1740;  // IVAR_MISC
}  // namespace reg

namespace ctrl {
inline constexpr std::uint32_t fd = 1u << 0, gio_master_disable = 1u << 2, slu = 1u << 6, rst = 1u << 26, vme = 1u << 30, phy_rst = 1u << 31;
}

namespace ctrl_ext {
inline constexpr std::uint32_t extended_vlan = 1u << 26, link_mode = 3u << 22;
}

namespace status {
inline constexpr std::uint32_t fd = 1u << 0, lu = 1u << 1, speed_1000 = 2u << 6, gio_master_enable = 1u << 19;
}

namespace swsm {
inline constexpr std::uint32_t smbi = 1u << 0, swesmbi = 1u << 1;
}

namespace rctl {
inline constexpr std::uint32_t en = 1u << 1, sbp = 1u << 2, upe = 1u << 3, mpe = 1u << 4, lpe = 1u << 5, bam = 1u << 15, vfe = 1u << 18, secrc = 1u << 26;
inline constexpr unsigned lbm_shift = 6, mo_shift = 12, bsize_shift = 16;
}  // namespace rctl

namespace tctl {
inline constexpr std::uint32_t en = 1u << 1, psp = 1u << 3;
}

namespace rah {
inline constexpr std::uint32_t av = 1u << 31;
}

namespace rxcsum {
inline constexpr std::uint32_t ipofl = 1u << 8, tuofl = 1u << 9, pcsd = 1u << 13;
}

namespace rfctl {
inline constexpr std::uint32_t ipv6_ex_dis = 1u << 16;
}

namespace mrqc {
inline constexpr std::uint32_t enable = 7, rss = 2;
inline constexpr unsigned def_q_shift = 3;
inline constexpr std::uint32_t tcp_ipv4 = 1u << 16, ipv4 = 1u << 17, tcp_ipv6_ex = 1u << 18, ipv6_ex = 1u << 19, ipv6 = 1u << 20, tcp_ipv6 = 1u << 21, udp_ipv4 = 1u << 22,
                               udp_ipv6 = 1u << 23, udp_ipv6_ex = 1u << 24;
}  // namespace mrqc

/// Causes (ICR).
namespace cause {
inline constexpr std::uint32_t txdw = 1u << 0, lsc = 1u << 2, rx_miss = 1u << 6, rxdw = 1u << 7, int_asserted = 1u << 31;
}

namespace gpie {
inline constexpr std::uint32_t nsicr = 1u << 0, multiple_msix = 1u << 4, eiame = 1u << 30;
}

namespace ivar {
inline constexpr std::uint32_t vector = 0x1f, valid = 0x80;
}

/// A queue's registers, from the begin of its block.
namespace queue_reg {
inline constexpr std::uint32_t bal = 0x00, bah = 0x04, len = 0x08, srrctl = 0x0c, head = 0x10, tail = 0x18, dctl = 0x28, rqdpc = 0x30;
}

namespace srrctl {
inline constexpr std::uint32_t bsize_kib = 0x7f, desctype = 7u << 25, advanced_one_buffer = 1u << 25, drop_en = 1u << 31;
}

namespace dctl {
inline constexpr std::uint32_t enable = 1u << 25;
}

/// Advanced receive descriptor, written back: status and errors (7.1).
namespace rxd {
inline constexpr std::uint32_t dd = 1u << 0, eop = 1u << 1, vp = 1u << 3, udpcs = 1u << 4, l4cs = 1u << 5, ipcs = 1u << 6;
inline constexpr std::uint32_t l4e = 1u << 29, ipe = 1u << 30;
}  // namespace rxd

/// Its packet type, bits 15:4 of the first word.
namespace packet_type {
inline constexpr std::uint32_t ipv4 = 1u << 4, ipv4_options = 1u << 5, ipv6 = 1u << 6, ipv6_extensions = 1u << 7, tcp = 1u << 8, udp = 1u << 9, sctp = 1u << 10;
}

/// Advanced transmit descriptors (7.2): third word of data and context, their fourth word, and a context's first two.
namespace txd {
inline constexpr std::uint32_t dtyp = 0xfu << 20, dtyp_context = 2u << 20, dtyp_data = 3u << 20;
inline constexpr std::uint32_t eop = 1u << 24, ifcs = 1u << 25, rs = 1u << 27, dext = 1u << 29, vle = 1u << 30, tse = 1u << 31;
inline constexpr std::uint32_t dd = 1u << 0, ixsm = 1u << 8, txsm = 1u << 9;
inline constexpr unsigned idx_shift = 4, paylen_shift = 14;
inline constexpr std::uint32_t context_ipv4 = 1u << 10, context_l4t = 3u << 11, l4t_udp = 0, l4t_tcp = 1u << 11, l4t_sctp = 2u << 11;
}  // namespace txd

inline constexpr unsigned queues = 16;
inline constexpr unsigned vectors = 25;
inline constexpr unsigned receive_addresses = 24;
/// The FCS, which counts in lengths and statistics.
inline constexpr std::size_t fcs_bytes = 4;
/// The longest frame that the device sends or receives, its FCS included.
inline constexpr std::size_t jumbo_bytes = 9728;

}  // namespace millrace::devmodel::igb
