// Secret bytes: locked in memory, excluded from core dumps, wiped when released, never copied by accident,
// never printed. Thread-safety: like a vector.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace custody {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);  // zero filled
  explicit SecretBytes(ByteView bytes);    // copies; wiping the source is the caller's business
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  SecretBytes clone() const;
  std::span<std::uint8_t> span() { return {data_, size_}; }
  ByteView view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void release();
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

void wipe(std::span<std::uint8_t> bytes);  // not removed by the optimiser

}  // namespace custody
