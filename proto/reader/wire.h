// The strict subset of the Protobuf wire format that all our signed and stored bytes use, without
// libprotobuf.
//
// One describe() per message (describe.h) drives both directions, so that encoder and decoder cannot drift
// apart. Canonical by construction: fields ascend, each at most once unless repeated, varints are minimal,
// zero integers and false are left out, fixed-size values and messages are always present, no unknown fields,
// no groups, nothing after the end. decode(encode(x)) == x and encode(decode(b)) == b for every b that
// decodes. Thread-safety: values.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/checked.h"

namespace custody::proto::reader {

constexpr int kMaxDepth = 16;  // nesting of messages

enum class Wire : std::uint8_t { kVarint = 0, kLength = 2 };

void put_varint(Bytes& out, std::uint64_t value);
inline void put_tag(Bytes& out, std::uint32_t field, Wire wire) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  template <std::unsigned_integral T>
  void integer(std::uint32_t field, T value) {
    if (value == 0) return;
    put_tag(out_, field, Wire::kVarint);
    put_varint(out_, value);
  }
  void bytes(std::uint32_t field, ByteView value) {
    put_tag(out_, field, Wire::kLength);
    put_varint(out_, value.size());
    append(out_, value);
  }

 private:
  Bytes& out_;
};

// A cursor over one message's bytes.
class Cursor {
 public:
  Cursor(ByteView data, int depth) : data_(data), depth_(depth) {}

  bool at_end() const { return position_ == data_.size(); }
  int depth() const { return depth_; }
  // True when the next field is `field`; its wire type must then be `wire`.
  Result<bool> next_is(std::uint32_t field, Wire wire);
  Result<std::uint64_t> varint();
  Result<ByteView> length_delimited(std::size_t max_size);
  Status finish(std::string_view message) const;  // kInvalid unless at the end

 private:
  ByteView data_;
  std::size_t position_ = 0;
  int depth_;
};

template <typename T>
struct IsStrong : std::false_type {};
template <typename Tag, typename T>
struct IsStrong<Strong<Tag, T>> : std::true_type {};
template <typename T>
struct IsFixed : std::false_type {};
template <std::size_t N, typename Tag>
struct IsFixed<FixedBytes<N, Tag>> : std::true_type {};

class Encoder {
 public:
  explicit Encoder(Bytes& out) : writer_(out) {}

  template <typename T>
  void field(std::uint32_t number, const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      writer_.integer(number, static_cast<std::uint8_t>(value));
    } else if constexpr (std::is_unsigned_v<T>) {
      writer_.integer(number, value);
    } else if constexpr (IsStrong<T>::value) {
      writer_.integer(number, value.get());
    } else if constexpr (IsFixed<T>::value) {
      writer_.bytes(number, value.view());
    } else {
      message(number, value);
    }
  }
  template <typename T>
  void enumeration(std::uint32_t number, const T& value, T /*first*/, T /*last*/) {
    writer_.integer(number, static_cast<std::uint8_t>(value));
  }
  void bytes(std::uint32_t number, const Bytes& value, std::size_t max_size) {
    CHECK(value.size() <= max_size);
    if (!value.empty()) writer_.bytes(number, value);
  }
  template <typename T>
  void optional(std::uint32_t number, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (std::is_unsigned_v<T> || IsStrong<T>::value) {
      wrapped(number, *value);
    } else {
      field(number, *value);
    }
  }
  template <typename T>
  void repeated(std::uint32_t number, const std::vector<T>& values, std::size_t max_count,
                std::size_t max_size = 0) {
    CHECK(values.size() <= max_count);
    for (const T& value : values) {
      if constexpr (std::is_same_v<T, Bytes>) {
        CHECK(value.size() <= max_size);
        writer_.bytes(number, value);
      } else if constexpr (std::is_unsigned_v<T> || IsStrong<T>::value) {
        wrapped(number, value);
      } else {
        field(number, value);
      }
    }
  }
  // Alternative i is the message field first + i.
  template <typename... Ts>
  void oneof(std::uint32_t first, const std::variant<Ts...>& value) {
    std::visit(
        [&](const auto& chosen) { message(first + static_cast<std::uint32_t>(value.index()), chosen); },
        value);
  }
  // A value that is bytes on the wire and checked when read (Address).
  template <typename T>
  void opaque(std::uint32_t number, const T& value) {
    writer_.bytes(number, value.view());
  }

 private:
  template <typename T>
  void message(std::uint32_t number, const T& value) {
    Bytes inner;
    Encoder encoder(inner);
    describe(encoder, const_cast<T&>(value));
    writer_.bytes(number, inner);
  }
  // Integers whose zero must be kept apart from absence travel as a message with one field (proto3 wrapper).
  template <typename T>
  void wrapped(std::uint32_t number, const T& value) {
    Bytes inner;
    Encoder encoder(inner);
    encoder.field(1, value);
    writer_.bytes(number, inner);
  }

  Writer writer_;
};

class Decoder {
 public:
  Decoder(ByteView data, int depth) : cursor_(data, depth) {}
  const Status& status() const { return status_; }
  Status finish(std::string_view message) {
    if (!status_.ok()) return status_;
    return cursor_.finish(message);
  }

  template <typename T>
  void field(std::uint32_t number, T& value) {
    if (!status_.ok()) return;
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t raw = 0;
      integer(number, raw);
      if (status_.ok() && raw > 1) return fail(number, "a boolean must be 0 or 1");
      value = raw != 0;
    } else if constexpr (std::is_unsigned_v<T>) {
      integer(number, value);
    } else if constexpr (IsStrong<T>::value) {
      typename T::Rep raw = 0;
      integer(number, raw);
      value = T(raw);
    } else {
      if (!expect(number, Wire::kLength)) return required(number);
      read_one(number, value);
    }
  }
  template <typename T>
  void enumeration(std::uint32_t number, T& value, T first, T last) {
    if (!status_.ok()) return;
    std::uint8_t raw = 0;
    integer(number, raw);
    if (!status_.ok()) return;
    if (raw < static_cast<std::uint8_t>(first) || raw > static_cast<std::uint8_t>(last)) {
      return fail(number, "not a known value: " + std::to_string(raw));
    }
    value = static_cast<T>(raw);
  }
  void bytes(std::uint32_t number, Bytes& value, std::size_t max_size);
  template <typename T>
  void optional(std::uint32_t number, std::optional<T>& value) {
    value.reset();
    if (!expect(number, Wire::kLength)) return;
    T inner{};
    read_one(number, inner);
    value = inner;
  }
  template <typename T>
  void repeated(std::uint32_t number, std::vector<T>& values, std::size_t max_count,
                std::size_t max_size = 0) {
    values.clear();
    while (expect(number, Wire::kLength)) {
      if (values.size() == max_count)
        return fail(number, "more than " + std::to_string(max_count) + " entries");
      if constexpr (std::is_same_v<T, Bytes>) {
        const ByteView raw = take(number, max_size);
        values.emplace_back(raw.begin(), raw.end());
      } else {
        read_one(number, values.emplace_back());
      }
    }
  }
  template <typename... Ts>
  void oneof(std::uint32_t first, std::variant<Ts...>& value) {
    if (!status_.ok()) return;
    if (!oneof_from<0>(first, value) && status_.ok()) fail(first, "none of the alternatives is present");
  }
  template <typename T>
  void opaque(std::uint32_t number, T& value) {
    if (!status_.ok()) return;
    if (!expect(number, Wire::kLength)) return required(number);
    const ByteView raw = take(number, T::kSize);
    if (!status_.ok()) return;
    auto parsed = T::from_bytes(raw);
    if (!parsed.ok()) return fail(number, parsed.status().message());
    value = *parsed;
  }

 private:
  void fail(std::uint32_t number, const std::string& what);
  void required(std::uint32_t number) {
    if (status_.ok()) fail(number, "missing");
  }
  bool expect(std::uint32_t number, Wire wire);
  ByteView take(std::uint32_t number, std::size_t max_size);
  template <std::unsigned_integral T>
  void integer(std::uint32_t number, T& value) {
    value = 0;
    if (!expect(number, Wire::kVarint)) return;
    const std::uint64_t raw = nonzero_varint(number);
    if (!status_.ok()) return;
    if (raw > std::numeric_limits<T>::max()) return fail(number, "out of range");
    value = static_cast<T>(raw);
  }
  std::uint64_t nonzero_varint(std::uint32_t number);
  template <typename T>
  void read_one(std::uint32_t number, T& value) {
    if constexpr (IsFixed<T>::value) {
      const ByteView raw = take(number, T::kSize);
      if (!status_.ok()) return;
      auto parsed = T::from(raw);
      if (!parsed.ok()) return fail(number, parsed.status().message());
      value = *parsed;
    } else {
      const ByteView raw = take(number, SIZE_MAX);
      if (!status_.ok()) return;
      if (cursor_.depth() + 1 >= kMaxDepth) return fail(number, "nested too deeply");
      Decoder inner(raw, cursor_.depth() + 1);
      if constexpr (std::is_unsigned_v<T> || IsStrong<T>::value) {
        inner.field(1, value);
      } else {
        describe(inner, value);
      }
      const Status status = inner.finish("message");
      if (!status.ok()) fail(number, status.message());
    }
  }
  template <std::size_t I, typename... Ts>
  bool oneof_from(std::uint32_t first, std::variant<Ts...>& value) {
    if constexpr (I < sizeof...(Ts)) {
      if (expect(first + I, Wire::kLength)) {
        read_one(first + I, value.template emplace<I>());
        return true;
      }
      return oneof_from<I + 1>(first, value);
    }
    return false;
  }

  Cursor cursor_;
  Status status_;
};

template <typename T>
Bytes encode(const T& value) {
  Bytes out;
  Encoder encoder(out);
  describe(encoder, const_cast<T&>(value));  // describe() takes a mutable reference for the decoder's sake
  return out;
}

// At most max_size bytes; kInvalid says which field and why.
template <typename T>
Result<T> decode(ByteView data, std::size_t max_size) {
  if (data.size() > max_size) {
    return invalid("message of " + std::to_string(data.size()) + " bytes, the limit is " +
                   std::to_string(max_size));
  }
  T value{};
  Decoder decoder(data, 0);
  describe(decoder, value);
  TRY(decoder.finish("message"));
  return value;
}

}  // namespace custody::proto::reader
