#include "policy/cedar/arena.h"

#include <algorithm>

namespace custody::policy::cedar {
namespace {
constexpr std::size_t kFirstChunk = 4096;
constexpr std::size_t kLargestRegularChunk = 1u << 20;
}  // namespace

void* Arena::allocate(std::size_t size, std::size_t alignment) {
  while (current_ < chunks_.size()) {
    const std::size_t start = (used_ + alignment - 1) / alignment * alignment;
    if (start <= chunks_[current_].size && size <= chunks_[current_].size - start) {
      used_ = start + size;
      return chunks_[current_].bytes.get() + start;
    }
    ++current_;
    used_ = 0;
  }
  const std::size_t regular =
      chunks_.empty() ? kFirstChunk : std::min(chunks_.back().size * 2, kLargestRegularChunk);
  const std::size_t wanted = std::max(regular, size);
  chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(wanted), wanted});
  used_ = size;
  return chunks_[current_].bytes.get();
}

void Arena::reset() {
  current_ = 0;
  used_ = 0;
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* bytes = static_cast<char*>(allocate(text.size(), 1));
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

}  // namespace custody::policy::cedar
