// SPDX-License-Identifier: BSD-3-Clause
// Captures that come and go while the engine runs. Called by applications through Engine, and by build.cpp for the
// configuration's; calls Capturing and the lcores' taps.
#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>

#include <cerrno>

namespace millrace {

Result<std::uint32_t> Engine::Impl::begin_capture(const config::Capture& wanted) {
  std::vector<std::string> interfaces;
  for (std::size_t i = 0; i < config.ports.size() + config.stacks.size(); ++i) interfaces.push_back(interface_name(static_cast<std::uint16_t>(i + 1)));
  Result<std::unique_ptr<Capturing>> opened = Capturing::open(wanted, interfaces, lcores.size(), is_manual());
  if (!opened) return tl::unexpected(opened.error());
  Capturing& capturing = **opened;
  const std::uint32_t id = next_capture++;
  captures[id] = std::move(*opened);
  control_all([&](std::uint16_t lcore) { lcores[lcore]->parts.taps->add(capturing.tap(lcore), capturing.interest()); });
  return id;
}

Result<std::uint32_t> Engine::start_capture(const config::Capture& wanted) {
  Config checked = impl_->config;
  checked.capture = wanted;
  checked.capture.enabled = true;
  if (const std::vector<config::Problem> problems = config::validate(checked); !problems.empty())
    return failure(EINVAL, problems.front().to_string());
  return impl_->begin_capture(checked.capture);
}

Result<CaptureTotals> Engine::stop_capture(std::uint32_t id) {
  const auto found = impl_->captures.find(id);
  if (found == impl_->captures.end()) return failure(ENOENT, "there is no capture " + std::to_string(id));
  const std::unique_ptr<Capturing> capturing = std::move(found->second);
  impl_->captures.erase(found);
  impl_->control_all([&](std::uint16_t lcore) { impl_->lcores[lcore]->parts.taps->remove(capturing->tap(lcore)); });
  capturing->finish();
  const capture::Writer::Totals& written = capturing->writer().totals();
  const capture::Tap::Totals taps = capturing->tap_totals();
  return CaptureTotals{.written = written.written,
                       .dropped = taps.dropped,
                       .over_limit = written.over_limit + taps.after_stop,
                       .failed = written.failed};
}

}  // namespace millrace
