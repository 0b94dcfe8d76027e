// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace millrace::devmodel::ena {

/// What a device does, one step at a time, as far as a fault can befall it. Each has a key that tells one from another.
enum class Step : std::uint8_t {
  rx_completion,    ///< of ena_eth_io_rx_cdesc_base; key 0
  tx_completion,    ///< of ena_eth_io_tx_cdesc; key 0
  admin_answer,     ///< of ena_admin_acq_entry; the command's opcode
  event,            ///< of ena_admin_aenq_entry; its group
  store,            ///< into a register, doorbells among them; its offset
  readless_answer,  ///< of ena_admin_ena_mmio_req_read_less_resp; the register's offset
  interrupt,        ///< its vector: 0 is management's
  dma               ///< so many bytes
};

enum class Fate : std::uint8_t { happens, lost, late };

/// One thing that goes wrong.
struct Fault {
  Step step = Step::dma;
  std::optional<std::uint64_t> key{};  ///< any, if none
  std::uint64_t after = 0;             ///< so many go well before
  std::uint64_t times = 1;
  Fate fate = Fate::lost;                ///< late: it happens when it is asked for (Ena::release_late)
  std::function<void(MutableBytes)> change{};  ///< the step happens, but with these bytes changed
};

/// What goes wrong in a device, and what has.
class FaultPlan {
 public:
  struct Record {
    Step step;
    std::uint64_t key;
  };

  void arm(Fault fault) { armed_.push_back(std::move(fault)); }
  void clear() { *this = {}; }
  /// The faults that have struck since clear().
  [[nodiscard]] const std::vector<Record>& struck() const { return struck_; }

  /// The device is about to do this, with these bytes.
  Fate befall(Step step, std::uint64_t key, MutableBytes bytes = {}) {
    for (Fault& fault : armed_) {
      if (fault.step != step || fault.key.value_or(key) != key || fault.times == 0) continue;
      if (fault.after > 0) {
        --fault.after;
        continue;
      }
      --fault.times;
      struck_.push_back({step, key});
      if (!fault.change) return fault.fate;
      fault.change(bytes);
    }
    return Fate::happens;
  }

 private:
  std::vector<Fault> armed_;
  std::vector<Record> struck_;
};

/// The machine as a device with these faults sees it.
class FaultyMachine final : public Machine {
 public:
  FaultyMachine(Machine& machine, FaultPlan& faults) : machine_(machine), faults_(faults) {}
  MutableBytes dma(std::uint64_t address, std::size_t bytes) override { return faults_.befall(Step::dma, bytes) == Fate::happens ? machine_.dma(address, bytes) : MutableBytes{}; }
  void interrupt(unsigned vector) override {
    if (faults_.befall(Step::interrupt, vector) == Fate::happens) machine_.interrupt(vector);
  }
  MutableBytes plain(unsigned bar) override { return machine_.plain(bar); }
  void violation(const std::string& what) override { machine_.violation(what); }
  [[nodiscard]] std::uint64_t now_ns() const override { return machine_.now_ns(); }

 private:
  Machine& machine_;
  FaultPlan& faults_;
};

}  // namespace millrace::devmodel::ena
