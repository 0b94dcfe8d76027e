// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <openssl/evp.h>
#include <span>
#include <string>

namespace millrace::httpd {

/// Fills `into` with the bytes of an endless pseudo-random text, from `offset` on. Any part can be made on its own, so
/// a download of any size and any range needs no file.
void fill(std::uint64_t offset, std::span<std::uint8_t> into);

/// A running SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::uint8_t> bytes);
  /// In hex; ends the computation.
  [[nodiscard]] std::string finish();

 private:
  EVP_MD_CTX* context_;
};

/// SHA-256 of the first `size` bytes of the endless file.
[[nodiscard]] std::string content_sha256(std::uint64_t size);

}  // namespace millrace::httpd
