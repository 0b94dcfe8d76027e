// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/conformance/subject.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::media {

using conformance::Frame;
using conformance::Lack;
using conformance::Return;
using conformance::Traits;

/// A subject whose frames another thread or the kernel carries.
class Medium : public conformance::Subject {
 public:
  using Subject::Subject;
  std::vector<Frame> sent(std::size_t count) final;

 protected:
  /// Adds what has come out by now.
  virtual void collect(std::vector<Frame>& frames) = 0;
};

/// Those of this program; each defines it. Called before EAL starts.
[[nodiscard]] std::vector<std::unique_ptr<conformance::Subject>> make_subjects();

bool wait_until(const std::function<bool()>& done, std::chrono::milliseconds patience = std::chrono::seconds(2));
/// Of an ethdev of that name; false: there is none, too.
[[nodiscard]] bool is_link_up(const std::string& device);
/// A path in /tmp that is this process's own.
[[nodiscard]] std::string own_path(const std::string& name);

}  // namespace millrace::media
