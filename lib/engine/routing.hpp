// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/config.hpp>
#include <millrace/stack/ip/stack.hpp>

namespace millrace::engine {

/// Adds a route to a stack, whose interfaces are there. ENODEV: there is no such interface; what ip::Stack says.
[[nodiscard]] Result<void> add_route(ip::Stack& stack, const config::Route& route);
[[nodiscard]] Result<void> remove_route(ip::Stack& stack, const config::Route& route);

}  // namespace millrace::engine
