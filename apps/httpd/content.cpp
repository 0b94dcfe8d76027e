// SPDX-License-Identifier: BSD-3-Clause
// What the server serves and how it is checked. Called by Exchange and by the in-tree client.
#include "apps/httpd/content.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace millrace::httpd {
namespace {

// Capital letters and their neighbours: what a dissector sees of a download of which it missed the header is one long
// line to it, not the malformed header that any bytes may look like.
std::uint64_t word(std::uint64_t index) {
  std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z ^= z >> 27;
  return (z & 0x1f1f1f1f1f1f1f1f) | 0x4040404040404040;
}

}  // namespace

void fill(std::uint64_t offset, std::span<std::uint8_t> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const std::uint64_t value = word((offset + done) / 8);
    const std::size_t skip = (offset + done) % 8;
    const std::size_t n = std::min<std::size_t>(8 - skip, into.size() - done);
    std::memcpy(into.data() + done, reinterpret_cast<const std::uint8_t*>(&value) + skip, n);
    done += n;
  }
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::update(std::span<const std::uint8_t> bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }

std::string Sha256::finish() {
  std::array<std::uint8_t, 32> digest;
  EVP_DigestFinal_ex(context_, digest.data(), nullptr);
  std::string hex;
  for (const std::uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::string content_sha256(std::uint64_t size) {
  Sha256 sha;
  std::vector<std::uint8_t> block(256 * 1024);
  for (std::uint64_t at = 0; at < size; at += block.size()) {
    const std::span part(block.data(), std::min<std::uint64_t>(block.size(), size - at));
    fill(at, part);
    sha.update(part);
  }
  return sha.finish();
}

}  // namespace millrace::httpd
