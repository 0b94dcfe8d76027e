// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/choices.hpp"
#include "tests/devmodel/fault_plan.hpp"

namespace millrace::devmodel::virtio {

/// What of a device its driver has to believe.
enum class Trust : std::uint8_t {
  ids,     ///< of buffers alone: with neither GUEST_CSUM nor GUEST_TSO it looks into no frame
  frames,  ///< as well that no sum is to be finished, and that no length is beyond 64 KiB: it looks for headers where they should be
};

/// A completion with anything in it, at another time than its own, or never. Its id stays: net_virtio looks for buffers behind the end
/// of its arrays, and gives one out twice (faults_test.cpp). A used index does not leave the ones before it behind, nor go ahead: the
/// driver would take a whole lap of 65536 indexes for frames, which is no worse than slow.
[[nodiscard]] Fate any_completion(const Choices& choices, Trust trust);

/// A header and its frame with anything in them.
[[nodiscard]] Fate any_packet(const Choices& choices, Trust trust);

}  // namespace millrace::devmodel::virtio
