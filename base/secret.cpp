#include "base/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace custody {
namespace {

// Whole pages, so that locking and the dump mark cover nothing else.
std::size_t mapped_size(std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  const std::size_t length = mapped_size(size);
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  // Fails closed: a secret that may be swapped out is not held at all.
  CHECK(mlock(memory, length) == 0);
  CHECK(madvise(memory, length, MADV_DONTDUMP) == 0);
  data_ = static_cast<std::uint8_t*>(memory);
}

SecretBytes::SecretBytes(ByteView bytes) : SecretBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

SecretBytes::~SecretBytes() {
  release();
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes SecretBytes::clone() const {
  return SecretBytes(view());
}

void SecretBytes::release() {
  if (data_ == nullptr) return;
  wipe({data_, size_});
  const int unmapped = munmap(data_, mapped_size(size_));
  CHECK(unmapped == 0);
  data_ = nullptr;
  size_ = 0;
}

void wipe(std::span<std::uint8_t> bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

}  // namespace custody
