// SPDX-License-Identifier: BSD-3-Clause
// pcapng blocks, in the byte order of this machine, as the section header says. Called by drain() on a control thread.
#include <millrace/capture/writer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace millrace::capture {
namespace {

// draft-ietf-opsawg-pcapng section 4 (blocks) and 3.5 (options).
constexpr std::uint32_t section_header_block = 0x0a0d0d0a;
constexpr std::uint32_t interface_description_block = 1;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint16_t option_end = 0;
constexpr std::uint16_t option_comment = 1;
constexpr std::uint16_t shb_userappl = 4;
constexpr std::uint16_t if_name = 2;
constexpr std::uint16_t if_tsresol = 9;
constexpr std::uint16_t epb_flags = 2;
constexpr std::uint16_t linktype_ethernet = 1;
constexpr std::uint8_t nanoseconds = 9;  // 10^-9

constexpr std::size_t flush_bytes = 256 << 10;
constexpr std::size_t longest_option = 65535;

}  // namespace

Result<std::unique_ptr<Writer>> Writer::open(const std::string& path, const Options& options) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failure(errno, "capture file " + path + ": " + std::strerror(errno));
  return std::make_unique<Writer>(fd, options);
}

Writer::Writer(int fd, const Options& options)
    : fd_(fd), max_bytes_(options.max_bytes), unix_epoch_(options.unix_epoch) {
  write_headers(options);
}

Writer::~Writer() {
  write_out();
  ::close(fd_);
}

void Writer::write_headers(const Options& options) {
  const std::size_t section = begin_block(section_header_block);
  append_number(byte_order_magic);
  const std::array<std::uint16_t, 2> version{1, 0};
  append_padded(version.data(), sizeof version);
  const std::int64_t length_unknown = -1;
  append_padded(&length_unknown, sizeof length_unknown);
  append_option(shb_userappl, "Millrace", 8);
  append_option(option_end, nullptr, 0);
  end_block(section);

  for (const std::string& name : options.interfaces) {
    const std::size_t interface = begin_block(interface_description_block);
    append_padded(&linktype_ethernet, sizeof linktype_ethernet);
    append_number(options.snaplen);
    append_option(if_name, name.data(), name.size());
    append_option(if_tsresol, &nanoseconds, 1);
    append_option(option_end, nullptr, 0);
    end_block(interface);
  }
  full_ = buffer_.size() > max_bytes_;
  if (full_) buffer_.clear();
}

bool Writer::write(const Frame& frame) {
  if (is_full()) {
    ++(error_ != 0 ? totals_.failed : totals_.over_limit);
    return false;
  }
  const auto time = static_cast<std::uint64_t>((frame.time.time_since_epoch() + unix_epoch_).count());
  const std::size_t begin = begin_block(enhanced_packet_block);
  append_number(frame.interface);
  append_number(static_cast<std::uint32_t>(time >> 32));
  append_number(static_cast<std::uint32_t>(time));
  append_number(static_cast<std::uint32_t>(frame.bytes.size()));
  append_number(frame.original_length);
  append_padded(frame.bytes.data(), frame.bytes.size());
  if (!frame.comment.empty())
    append_option(option_comment, frame.comment.data(), std::min(frame.comment.size(), longest_option));
  const auto direction = static_cast<std::uint32_t>(frame.direction);
  append_option(epb_flags, &direction, sizeof direction);
  append_option(option_end, nullptr, 0);
  end_block(begin);

  if (totals_.bytes + buffer_.size() > max_bytes_) {
    buffer_.resize(begin);
    full_ = true;
    ++totals_.over_limit;
    return false;
  }
  ++pending_;
  return buffer_.size() < flush_bytes || write_out();
}

Result<void> Writer::flush() {
  if (!write_out()) return failure(error_, std::string("writing the capture: ") + std::strerror(error_));
  return {};
}

/// A file ends with a whole block even when the disk is full, so that readers accept what there is.
bool Writer::write_out() {
  std::size_t done = 0;
  while (error_ == 0 && done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n >= 0)
      done += static_cast<std::size_t>(n);
    else if (errno != EINTR)
      error_ = errno;
  }
  if (error_ == 0) {
    totals_.bytes += buffer_.size();
    totals_.written += pending_;
  } else {
    totals_.failed += pending_;
    // Fails on a pipe, where nothing can be taken back.
    if (done > 0) static_cast<void>(!::ftruncate(fd_, static_cast<off_t>(totals_.bytes)));
  }
  buffer_.clear();
  pending_ = 0;
  return error_ == 0;
}

void Writer::append_number(std::uint32_t value) { append_padded(&value, sizeof value); }

void Writer::append_padded(const void* bytes, std::size_t size) {
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  buffer_.insert(buffer_.end(), first, first + size);
  buffer_.resize((buffer_.size() + 3) & ~std::size_t{3});
}

void Writer::append_option(std::uint16_t code, const void* bytes, std::size_t size) {
  const std::array<std::uint16_t, 2> head{code, static_cast<std::uint16_t>(size)};
  append_padded(head.data(), sizeof head);
  append_padded(bytes, size);
}

std::size_t Writer::begin_block(std::uint32_t type) {
  const std::size_t begin = buffer_.size();
  append_number(type);
  append_number(0);  // the total length, known at the end
  return begin;
}

void Writer::end_block(std::size_t begin) {
  const auto length = static_cast<std::uint32_t>(buffer_.size() - begin + 4);
  append_number(length);
  std::memcpy(buffer_.data() + begin + 4, &length, sizeof length);
}

}  // namespace millrace::capture
