// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace millrace::tcp {

/// Up to `limit` objects at stable addresses, in chunks that are made when first needed and kept.
template <class T>
class Slab {
 public:
  explicit Slab(std::uint32_t limit) : limit_(limit) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  /// Null when `limit` objects live.
  template <class... Args>
  [[nodiscard]] T* create(Args&&... args) {
    if (live_ == limit_) return nullptr;
    if (free_ == nullptr) add_chunk();
    Slot* slot = free_;
    free_ = slot->next;
    ++live_;
    return new (slot->bytes) T(std::forward<Args>(args)...);
  }
  void destroy(T* object) {
    object->~T();
    auto* slot = reinterpret_cast<Slot*>(object);
    slot->next = free_;
    free_ = slot;
    --live_;
  }
  [[nodiscard]] std::uint32_t live() const { return live_; }

 private:
  static constexpr std::size_t chunk_objects = 64;
  union Slot {
    Slot* next;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  void add_chunk() {
    chunks_.push_back(std::make_unique<Slot[]>(chunk_objects));
    for (std::size_t i = chunk_objects; i-- > 0;) {
      chunks_.back()[i].next = free_;
      free_ = &chunks_.back()[i];
    }
  }

  std::uint32_t limit_;
  std::uint32_t live_ = 0;
  Slot* free_ = nullptr;
  std::vector<std::unique_ptr<Slot[]>> chunks_;
};

}  // namespace millrace::tcp
