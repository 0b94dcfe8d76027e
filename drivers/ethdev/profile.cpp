// SPDX-License-Identifier: BSD-3-Clause
// Which profile is whose. Called by Device while it negotiates.
#include "drivers/ethdev/profile.hpp"

#include "drivers/ena/ena.hpp"
#include "drivers/igb/igb.hpp"
#include "drivers/vdev/vdev.hpp"
#include "drivers/virtio_net/virtio_net.hpp"

namespace millrace::ethdev {
namespace {

constexpr const Profile* profiles[] = {&ena::profile, &igb::profile, &virtio_net::pci, &virtio_net::user, &vdev::tap, &vdev::vhost, &vdev::af_packet, &vdev::ring, &vdev::null};
// Vectorized drivers take descriptors by fours or eights, and round what they are asked for down (ixgbe, i40e, ice, virtio: 22.11).
constexpr Profile generic{.least_burst = 8};

}  // namespace

const Profile& profile_of(std::string_view driver) {
  for (const Profile* profile : profiles)
    if (profile->driver == driver) return *profile;
  return generic;
}

}  // namespace millrace::ethdev
