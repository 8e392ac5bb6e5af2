#include "base/secret.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace custody {
namespace {

// Small secrets share locked pages: a page each would exhaust RLIMIT_MEMLOCK with a few thousand keys.
constexpr std::size_t kSlot = 64;
constexpr std::size_t kArena = std::size_t{16} * 1024;
constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t size) {
  return (size + kPage - 1) / kPage * kPage;
}

// Fatal on failure: a constructor cannot report it, and a secret in memory that can be swapped out breaks the
// promise.
std::uint8_t* map_locked(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mlock(memory, size) != 0 || madvise(memory, size, MADV_DONTDUMP) != 0) {
    std::fprintf(
        stderr,
        "cannot lock %zu bytes of memory for secrets: raise the limit of locked memory (LimitMEMLOCK)\n",
        size);
    std::abort();
  }
  return static_cast<std::uint8_t*>(memory);
}

class SlotPool {
 public:
  std::uint8_t* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) grow();
    std::uint8_t* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(std::uint8_t* slot) {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);
  }

 private:
  void grow() {
    std::uint8_t* arena = map_locked(kArena);
    free_.reserve(free_.size() + kArena / kSlot);
    for (std::size_t at = 0; at < kArena; at += kSlot) free_.push_back(arena + at);
  }
  std::mutex mutex_;
  std::vector<std::uint8_t*> free_;
};

// Never destroyed: secrets with static storage are released after it would be.
SlotPool& pool() {
  static SlotPool* const instance = new SlotPool;
  return *instance;
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size_ == 0) return;
  data_ = size_ <= kSlot ? pool().take() : map_locked(whole_pages(size_));  // both are zero filled
}

SecretBytes::SecretBytes(ByteView bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

SecretBytes::~SecretBytes() {
  release();
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretBytes SecretBytes::clone() const {
  return SecretBytes(view());
}

void SecretBytes::release() {
  if (data_ == nullptr) return;
  wipe(span());
  if (size_ <= kSlot) {
    pool().give_back(data_);
  } else {
    munmap(data_, whole_pages(size_));
  }
  data_ = nullptr;
  size_ = 0;
}

void wipe(std::span<std::uint8_t> bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

}  // namespace custody
