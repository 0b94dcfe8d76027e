// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/pkt/packet.hpp>

#include <memory>
#include <string>

namespace millrace::pkt {

/// Packet buffers of one size, over an rte_mempool on one NUMA node. Any thread may allocate and free.
class Pool {
 public:
  struct Options {
    std::string name;                  ///< unique in the process, at most 25 characters
    std::uint32_t packets = 4096;
    std::uint16_t data_room = 2048;    ///< bytes for data in each buffer, headroom not counted
    int numa_node = -1;                ///< -1: any
  };
  /// Needs EAL to be up. Fails with ENOMEM or EEXIST, naming the pool and what to change.
  [[nodiscard]] static Result<std::unique_ptr<Pool>> create(const Options& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// An empty single-buffer packet with `headroom` bytes in front and a cleared Meta (gso_segs 1), or a null
  /// Packet when the pool is empty: the caller counts that.
  [[nodiscard]] Packet allocate();
  /// A direct-less packet whose first buffer refers to the bytes of `of` from `offset`, `length` long, without
  /// copying (an indirect mbuf chain); null when the pool is empty. `of` may be consumed before the reference.
  [[nodiscard]] Packet reference(const Packet& of, std::uint32_t offset, std::uint32_t length);

  /// Takes the first n bytes off `from`, 1 <= n <= length(), as a packet of their own, without copying: whole buffers
  /// move over, one that is cut is referred to by both. Null, and nothing is taken, when the pool is empty. Each part
  /// has the Meta of its own first buffer.
  [[nodiscard]] Packet split_front(Packet& from, std::uint32_t n);

  /// How many buffers the calling thread could have now and keep for long, as a send queue does: what is free beyond
  /// the eighth that is left to receiving, without which nothing that is kept would ever be acknowledged. O(1).
  [[nodiscard]] std::uint32_t spare() const;
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Buffers not free at this moment; exact only when no other thread uses the pool.
  [[nodiscard]] std::uint32_t in_use() const;
  /// The rte_mempool behind it, for drivers.
  [[nodiscard]] void* handle() const { return pool_; }

 private:
  Pool(void* pool, std::uint32_t size) : pool_(pool), size_(size) {}
  void* pool_;
  std::uint32_t size_;
};

/// Whether the pool that `packet` came from has no buffer to spare: not the time to keep it for long.
[[nodiscard]] bool is_pool_short(const Packet& packet);

}  // namespace millrace::pkt
