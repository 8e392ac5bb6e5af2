// Strong integer types and checked arithmetic. Overflow is a value (nullopt), never a wrap. Thread-safety:
// values.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>

namespace custody {

template <std::unsigned_integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}
template <std::unsigned_integral T>
constexpr std::optional<T> checked_sub(T a, T b) {
  T out;
  if (__builtin_sub_overflow(a, b, &out)) return std::nullopt;
  return out;
}
template <std::unsigned_integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}
// floor(a * b / c) in 128 bits; nullopt when c is zero or the quotient does not fit 64 bits.
constexpr std::optional<std::uint64_t> mul_div(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  if (c == 0) return std::nullopt;
  const unsigned __int128 quotient = static_cast<unsigned __int128>(a) * b / c;
  if (quotient > UINT64_MAX) return std::nullopt;
  return static_cast<std::uint64_t>(quotient);
}

// An integer with a meaning: Height and Round do not mix. Comparison and next() only; arithmetic that can
// overflow goes through checked_*.
template <typename Tag, std::unsigned_integral T>
class Strong {
 public:
  using Rep = T;
  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}
  constexpr T get() const { return value_; }
  friend auto operator<=>(const Strong&, const Strong&) = default;
  friend bool operator==(const Strong&, const Strong&) = default;

 private:
  T value_ = 0;
};

}  // namespace custody

template <typename Tag, std::unsigned_integral T>
struct std::hash<custody::Strong<Tag, T>> {
  std::size_t operator()(const custody::Strong<Tag, T>& value) const { return std::hash<T>{}(value.get()); }
};
