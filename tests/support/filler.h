// Random values of any described message (proto/reader/describe.h), for tests that must cover every field.
#pragma once

#include "base/entropy.h"
#include "proto/reader/describe.h"

namespace custody::tests {

class Filler {
 public:
  explicit Filler(Entropy& entropy) : entropy_(entropy) {}

  template <typename T>
  void field(std::uint32_t, T& value) {
    fill(value);
  }
  template <typename T>
  void enumeration(std::uint32_t, T& value, T first, T last) {
    const auto low = static_cast<std::uint64_t>(first);
    value = static_cast<T>(low + entropy_.below(static_cast<std::uint64_t>(last) - low + 1));
  }
  void bytes(std::uint32_t, Bytes& value, std::size_t max_size) {
    value.resize(entropy_.below(std::min<std::size_t>(max_size, 40) + 1));
    entropy_.fill(value);
  }
  template <typename T>
  void optional(std::uint32_t, std::optional<T>& value) {
    value.reset();
    if (entropy_.below(2) == 0) return;
    T inner{};
    fill(inner);
    value = inner;
  }
  template <typename T>
  void repeated(std::uint32_t number, std::vector<T>& values, std::size_t max_count,
                std::size_t max_size = 0) {
    values.clear();
    for (std::uint64_t n = entropy_.below(std::min<std::size_t>(max_count, 3) + 1); n > 0; --n) {
      if constexpr (std::is_same_v<T, Bytes>) {
        bytes(number, values.emplace_back(), max_size);
      } else {
        fill(values.emplace_back());
      }
    }
  }
  template <typename... Ts>
  void oneof(std::uint32_t, std::variant<Ts...>& value) {
    pick<0>(value, entropy_.below(sizeof...(Ts)));
  }
  void opaque(std::uint32_t, ledger::model::Address& value) {
    Bytes raw(ledger::model::Address::kSize);
    entropy_.fill(raw);
    raw[0] = entropy_.below(2) == 0 ? 1 : 3;
    value = *ledger::model::Address::from_bytes(raw);
  }

 private:
  // Small and large numbers alike: zero and the largest are where encodings go wrong.
  std::uint64_t number(std::uint64_t max) {
    switch (entropy_.below(4)) {
      case 0:
        return 0;
      case 1:
        return max;
      case 2:
        return entropy_.below(200) & max;
      default:
        return entropy_.next_u64() & max;
    }
  }
  template <typename T>
  void fill(T& value) {
    using namespace proto::reader;  // NOLINT: the traits
    if constexpr (std::is_same_v<T, bool>) {
      value = entropy_.below(2) == 1;
    } else if constexpr (std::is_unsigned_v<T>) {
      value = static_cast<T>(number(std::numeric_limits<T>::max()));
    } else if constexpr (IsStrong<T>::value) {
      value = T(static_cast<typename T::Rep>(number(std::numeric_limits<typename T::Rep>::max())));
    } else if constexpr (IsFixed<T>::value) {
      entropy_.fill({value.data(), T::kSize});
    } else {
      describe(*this, value);
    }
  }
  template <std::size_t I, typename... Ts>
  void pick(std::variant<Ts...>& value, std::uint64_t chosen) {
    if constexpr (I < sizeof...(Ts)) {
      if (chosen == I) {
        fill(value.template emplace<I>());
      } else {
        pick<I + 1>(value, chosen);
      }
    }
  }

  Entropy& entropy_;
};

template <typename T>
T random_value(Entropy& entropy) {
  Filler filler(entropy);
  T value{};
  describe(filler, value);
  return value;
}

}  // namespace custody::tests
