// SPDX-License-Identifier: BSD-3-Clause
// Both ring formats from the device's side. Called by the network device for each notification and each frame.
#include "tests/devmodel/virtio/queue.hpp"

#include "tests/devmodel/virtio/registers.hpp"

#include <cstring>
#include <string>

namespace millrace::devmodel::virtio {
namespace {

constexpr std::size_t descriptor_bytes = 16;

template <class T>
T load(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(std::uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace

std::vector<std::uint8_t> Chain::read() const {
  std::vector<std::uint8_t> all;
  for (const auto& part : readable) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::size_t Chain::room() const {
  std::size_t bytes = 0;
  for (const auto& part : writable) bytes += part.size();
  return bytes;
}

void Queue::enable(std::uint16_t size, const Addresses& at) {
  size_ = size;
  at_ = at;
  next_avail_ = next_used_ = 0;
  avail_wrap_ = used_wrap_ = true;
  is_lost_ = false;
}

std::uint8_t* Queue::at(std::uint64_t address, std::size_t bytes) {
  const auto memory = machine_->dma(address, bytes);
  if (!memory.empty()) return memory.data();
  is_lost_ = true;
  static std::vector<std::uint8_t> nowhere;
  nowhere.assign(bytes, 0);
  return nowhere.data();
}

void Queue::add(Chain& chain, std::uint64_t address, std::uint32_t bytes, bool writable) {
  ++chain.descriptors;
  if (!writable && !chain.writable.empty()) machine_->violation("virtio: a buffer to be read behind one to be written (2.7.4.2)");
  if (const auto memory = machine_->dma(address, bytes); !memory.empty()) (writable ? chain.writable : chain.readable).push_back(memory);
}

std::optional<Chain> Queue::take() {
  if (!is_enabled() || is_lost_) return std::nullopt;
  auto chain = packed_ ? take_packed() : take_split();
  return is_lost_ ? std::nullopt : chain;
}

std::optional<Chain> Queue::take_split() {
  const std::uint8_t* const avail = at(at_.driver, 4 + 2 * std::size_t{size_});
  if (load<std::uint16_t>(avail + 2) == next_avail_) return std::nullopt;
  Chain chain{.id = load<std::uint16_t>(avail + 4 + 2 * std::size_t{static_cast<std::uint16_t>(next_avail_ % size_)})};
  ++next_avail_;
  const std::uint8_t* table = at(at_.desc, descriptor_bytes * size_);
  std::uint16_t entries = size_, index = chain.id;
  for (std::uint32_t steps = 0;; ++steps) {
    if (index >= entries || steps > size_) {
      machine_->violation("a descriptor chain leads to " + std::to_string(index) + " of " + std::to_string(entries));
      return std::nullopt;
    }
    const std::uint8_t* const d = table + descriptor_bytes * index;
    const auto flags = load<std::uint16_t>(d + 12);
    const auto bytes = load<std::uint32_t>(d + 8);
    if ((flags & desc::indirect) != 0) {
      table = at(load<std::uint64_t>(d), bytes);
      entries = static_cast<std::uint16_t>(bytes / descriptor_bytes);
      index = 0;
      continue;
    }
    add(chain, load<std::uint64_t>(d), bytes, (flags & desc::write) != 0);
    if ((flags & desc::next) == 0) return chain;
    index = load<std::uint16_t>(d + 14);
  }
}

// A descriptor is available when its avail flag is the wrap counter and its used flag is not (2.8.1).
std::optional<Chain> Queue::take_packed() {
  Chain chain;
  std::uint16_t index = next_avail_;
  bool wrap = avail_wrap_;
  const std::uint8_t* const ring = at(at_.desc, descriptor_bytes * size_);
  for (bool more = true; more;) {
    const std::uint8_t* const d = ring + descriptor_bytes * index;
    const auto flags = load<std::uint16_t>(d + 14);
    const bool is_available = ((flags & desc::avail) != 0) == wrap && ((flags & desc::used) != 0) != wrap;
    if (chain.descriptors == 0 && !is_available) return std::nullopt;
    const auto bytes = load<std::uint32_t>(d + 8);
    chain.id = load<std::uint16_t>(d + 12);
    if ((flags & desc::indirect) != 0) {
      const std::uint8_t* const table = at(load<std::uint64_t>(d), bytes);
      for (std::uint32_t i = 0; i < bytes / descriptor_bytes; ++i) {
        const std::uint8_t* const inner = table + descriptor_bytes * i;
        add(chain, load<std::uint64_t>(inner), load<std::uint32_t>(inner + 8), (load<std::uint16_t>(inner + 14) & desc::write) != 0);
      }
      chain.descriptors = 1;  // of the ring
    } else {
      add(chain, load<std::uint64_t>(d), bytes, (flags & desc::write) != 0);
    }
    more = (flags & desc::next) != 0;
    if (++index == size_) {
      index = 0;
      wrap = !wrap;
    }
    if (chain.descriptors > size_) {
      machine_->violation("a descriptor chain longer than its ring");
      return std::nullopt;
    }
  }
  next_avail_ = index;
  avail_wrap_ = wrap;
  return chain;
}

void Queue::give_back(const Chain& chain, std::uint32_t written) {
  Used used = used_of(chain.id, written);
  const auto late = [this, n = chain.descriptors, id = chain.id, written] { put_used(n, used_of(id, written)); };
  if (machine_->faults().allows(completion_, index_, {reinterpret_cast<std::uint8_t*>(&used), sizeof used}, late)) put_used(chain.descriptors, used);
}

Queue::Used Queue::used_of(std::uint16_t id, std::uint32_t written) const {
  const std::uint16_t flags = used_wrap_ ? desc::avail | desc::used : 0;
  return {id, written, static_cast<std::uint16_t>(flags | (written != 0 ? desc::write : 0)), static_cast<std::uint16_t>(next_used_ + 1)};
}

void Queue::put_used(std::uint16_t descriptors, const Used& used) {
  if (is_lost_) return;
  if (!packed_) {
    std::uint8_t* const ring = at(at_.device, 4 + 8 * std::size_t{size_});
    std::uint8_t* const entry = ring + 4 + 8 * std::size_t{static_cast<std::uint16_t>(next_used_++ % size_)};
    store<std::uint32_t>(entry, used.id);
    store<std::uint32_t>(entry + 4, used.written);
    store<std::uint16_t>(ring + 2, used.index);
    return;
  }
  std::uint8_t* const d = at(at_.desc + descriptor_bytes * next_used_, descriptor_bytes);
  store<std::uint32_t>(d + 8, used.written);
  store<std::uint16_t>(d + 12, static_cast<std::uint16_t>(used.id));
  store<std::uint16_t>(d + 14, used.flags);
  next_used_ = static_cast<std::uint16_t>(next_used_ + descriptors);
  if (next_used_ >= size_) {
    next_used_ = static_cast<std::uint16_t>(next_used_ - size_);
    used_wrap_ = !used_wrap_;
  }
}

// VIRTQ_AVAIL_F_NO_INTERRUPT, RING_EVENT_FLAGS_DISABLE: without VIRTIO_F_EVENT_IDX a hint by one bit each.
bool Queue::wants_interrupt() {
  if (!packed_) return (load<std::uint16_t>(at(at_.driver, 4)) & 1) == 0;
  return (load<std::uint16_t>(at(at_.driver, 4) + 2) & 3) != 1;
}

}  // namespace millrace::devmodel::virtio
