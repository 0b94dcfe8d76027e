// SPDX-License-Identifier: BSD-3-Clause
// Protocols of the application's own for GRO and GSO. Called by applications through Engine; the lcores read what it
// publishes. Clause: receive_path E15.
#include <millrace/engine/impl.hpp>

namespace millrace {

Result<void> Engine::register_offload(PacketOffload offload) {
  const wire::PacketOffloads* const now = impl_->packet_offloads.read();
  wire::PacketOffloads next = now != nullptr ? *now : wire::PacketOffloads{};
  if (Result<void> added = next.add(std::move(offload)); !added) return added;
  impl_->replace(impl_->packet_offloads, std::make_unique<const wire::PacketOffloads>(std::move(next)));
  return {};
}

}  // namespace millrace
