// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/headers.hpp"

namespace millrace::devmodel::igb {

class PlainRegisters;

/// Whether a frame passes the address filters, exact, by hash and promiscuous, and the VLAN filter (datasheet 7.1).
[[nodiscard]] bool passes_filters(Bytes frame, const Headers& headers, const PlainRegisters& registers);

/// Whether it is longer than RCTL.LPE and RLPML allow; its FCS counts.
[[nodiscard]] bool is_oversized(Bytes frame, const Headers& headers, const PlainRegisters& registers);

}  // namespace millrace::devmodel::igb
