// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/poll/napi.hpp>

#include <array>

namespace millrace::poll {

/// An lcore's NAPIs by their ids, for busy polling: napi_hash of net/core/dev.c, but one for each lcore, since none may
/// poll what another owns. That lcore only.
class NapiHash {
 public:
  /// napi_hash_add(): nothing happens to a NAPI without an id or that may not be busy polled.
  void add(Napi& napi) {
    if (napi.may_busy_poll()) bucket(napi.id()).push_back(napi);
  }
  static void remove(Napi& napi) { napi.hash_hook.unlink(); }
  /// napi_by_id(): null when this lcore has none of that id.
  [[nodiscard]] Napi* find(std::uint32_t id) {
    auto& chain = bucket(id);
    for (Napi* napi = chain.front(); napi != nullptr; napi = chain.next(*napi))
      if (napi->id() == id) return napi;
    return nullptr;
  }

 private:
  using Chain = List<Napi, &Napi::hash_hook>;
  Chain& bucket(std::uint32_t id) { return buckets_[(id ^ (id >> 16)) % buckets_.size()]; }
  std::array<Chain, 64> buckets_;
};

}  // namespace millrace::poll
