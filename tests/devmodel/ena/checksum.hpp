// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/bytes.hpp"

namespace millrace::devmodel::ena {

/// The ones' complement sum of RFC 1071 over bytes, folded, on top of another such sum. Not yet inverted.
std::uint16_t internet_sum(ConstBytes bytes, std::uint16_t on_top_of = 0);

/// The sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of what follows this IP header, which starts with its version.
std::uint16_t pseudo_header_sum(ConstBytes ip_header, std::uint8_t protocol, std::size_t l4_bytes);

}  // namespace millrace::devmodel::ena
