// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::ethdev {

using drivers::CounterCause;
using drivers::Profile;

/// The profile of a driver; the generic one, which believes the device, when it has none of its own.
[[nodiscard]] const Profile& profile_of(std::string_view driver);

}  // namespace millrace::ethdev
