// Memory for values that live and die together: syntax trees, entities, the intermediate values of one
// decision. Only trivially destructible types go in. reset() keeps the memory, so that the second decision
// allocates nothing. Moving an arena moves no value. Thread-safety: none, one user at a time.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace custody::policy::cedar {

class Arena {
 public:
  void* allocate(std::size_t size, std::size_t alignment);
  // Everything handed out so far becomes invalid.
  void reset();

  template <typename T, typename... Arguments>
  T* make(Arguments&&... arguments) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T{std::forward<Arguments>(arguments)...};
  }
  // count value-initialised elements.
  template <typename T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count == 0) return {};
    // NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer
    T* first = static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }
  template <typename T>
  std::span<T> copy(const std::vector<T>& items) {
    const std::span<T> out = array<T>(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) out[i] = items[i];
    return out;
  }
  std::string_view copy(std::string_view text);

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;  // index of the chunk in use
  std::size_t used_ = 0;     // bytes used of it
};

}  // namespace custody::policy::cedar
