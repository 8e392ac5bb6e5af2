// Errors as values. Nothing of ours throws across an API; a function that can fail returns Status or
// Result<T>. Thread-safety: values; a Status may be copied between threads freely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace custody {

// What the caller should do next decides the code; the message is for the person who reads it.
enum class Code : std::uint8_t {
  kOk = 0,
  kInvalid = 1,          // the input is wrong, and will be wrong again: correct it
  kRefused = 2,          // a rule (guard, state, consensus) forbids it; nothing was changed
  kNotFound = 3,         // what was named does not exist here
  kExists = 4,           // it is there already; nothing was changed
  kUnavailable = 5,      // a part is down or not ready: try again later
  kExhausted = 6,        // a stated limit is full
  kUnauthenticated = 7,  // the caller is not who may ask for this
  kCorrupt = 8,          // stored data does not check out: stop, restore
  kIo = 9,               // the operating system refused: the message says what and where
  kOutcomeUnknown =
      10,  // it may or may not have happened (a token died mid-sign): only the same bytes may be tried again
  kInternal = 11,  // our own mistake
};

std::string_view code_name(Code code);  // "ok", "invalid", ... as printed in JSON errors

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message, std::string hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  bool ok() const { return code_ == Code::kOk; }
  explicit operator bool() const { return ok(); }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }  // what and where
  const std::string& hint() const { return hint_; }        // what to do; may be empty
  std::string to_string() const;                           // "code: message (hint)"

  // The same error seen from one level up: "context: message".
  Status with_context(std::string_view context) const;
  // The same error with what to do about it; an existing hint stays.
  Status with_hint(std::string_view hint) const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
  std::string hint_;
};

inline Status ok_status() {
  return {};
}
Status invalid(std::string message, std::string hint = {});
Status refused(std::string message, std::string hint = {});
Status not_found(std::string message, std::string hint = {});
Status exists(std::string message, std::string hint = {});
Status unavailable(std::string message, std::string hint = {});
Status exhausted(std::string message, std::string hint = {});
Status unauthenticated(std::string message, std::string hint = {});
Status corrupt(std::string message, std::string hint = {});
Status io_error(std::string message, std::string hint = {});
// "what: strerror"; for a full disk or a limit of file size with what to do.
Status io_error_errno(std::string_view what, int error_number);
Status outcome_unknown(std::string message, std::string hint = {});
Status internal_error(std::string message, std::string hint = {});

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

// A mistake of ours, never of the input: aborts in every build.
#define CHECK(condition) \
  ((condition) ? void(0) : ::custody::detail::check_failed(#condition, __FILE__, __LINE__))

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }
  Code code() const { return status_.code(); }

  // The value; calling them without ok() is a mistake of ours.
  T& value() & {
    CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    CHECK(ok());
    return *value_;
  }
  T&& value() && {
    CHECK(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

#define CUSTODY_CONCAT_INNER(a, b) a##b
#define CUSTODY_CONCAT(a, b) CUSTODY_CONCAT_INNER(a, b)

// Returns the error from the enclosing function; goes on when ok. NOLINTBEGIN(bugprone-macro-parentheses)
#define TRY(expression)                                                       \
  do {                                                                        \
    ::custody::Status try_status_ = ::custody::detail::as_status(expression); \
    if (!try_status_.ok()) return try_status_;                                \
  } while (false)

// ASSIGN_OR_RETURN(auto x, f()): x is the value of the Result, or the enclosing function returns the error.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(CUSTODY_CONCAT(result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(holder, declaration, expression) \
  auto holder = (expression);                                   \
  if (!holder.ok()) return holder.status();                     \
  declaration = std::move(holder).value()
// NOLINTEND(bugprone-macro-parentheses): declarations and names take none
namespace detail {
inline Status as_status(Status status) {
  return status;
}
template <typename T>
Status as_status(const Result<T>& result) {
  return result.ok() ? Status() : result.status();
}
}  // namespace detail

}  // namespace custody
