// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/instructions.hpp"

#include <string>

namespace millrace::bench {

/// The figures of port and poll loop, from what callgrind has counted, beside one of the other loops.
void layer_instructions(Bench& bench, const std::string& where, const Instructions& counts, const char* peer_name = "bare_loop", const std::string& peer_loop = "mr_count_bare");
/// B5 on the device models: instructions, the model's own left out. Called by run_port.
void run_models(Bench& bench);
/// B5 on what carries frames without hardware: time. Called by run_port.
void run_media(Bench& bench);

}  // namespace millrace::bench
