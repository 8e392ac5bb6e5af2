// operator new of the test program: as usual, and counted. In a file of its own, so that no caller sees
// through it.
#include <cstddef>
#include <cstdlib>
#include <new>

namespace custody::policy::cedar {
namespace {
std::size_t allocations = 0;
}

std::size_t allocation_count();
std::size_t allocation_count() {
  return allocations;
}

}  // namespace custody::policy::cedar

void* operator new(std::size_t size) {
  ++custody::policy::cedar::allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size); memory != nullptr) return memory;
  std::abort();
}
// std::stable_sort takes this one; a sanitizer's own would not go together with the delete below.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++custody::policy::cedar::allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
