#include "base/status.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace custody {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalid:
      return "invalid";
    case Code::kRefused:
      return "refused";
    case Code::kNotFound:
      return "not_found";
    case Code::kExists:
      return "exists";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kExhausted:
      return "exhausted";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kIo:
      return "io";
    case Code::kOutcomeUnknown:
      return "outcome_unknown";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

std::string Status::to_string() const {
  std::string text(code_name(code_));
  if (!message_.empty()) text += ": " + message_;
  if (!hint_.empty()) text += " (" + hint_ + ")";
  return text;
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return *this;
  return {code_, std::string(context) + ": " + message_, hint_};
}

Status Status::with_hint(std::string_view hint) const {
  if (ok() || !hint_.empty()) return *this;
  return {code_, message_, std::string(hint)};
}

#define CUSTODY_DEFINE_ERROR(name, code)                \
  Status name(std::string message, std::string hint) {  \
    return {code, std::move(message), std::move(hint)}; \
  }
CUSTODY_DEFINE_ERROR(invalid, Code::kInvalid)
CUSTODY_DEFINE_ERROR(refused, Code::kRefused)
CUSTODY_DEFINE_ERROR(not_found, Code::kNotFound)
CUSTODY_DEFINE_ERROR(exists, Code::kExists)
CUSTODY_DEFINE_ERROR(unavailable, Code::kUnavailable)
CUSTODY_DEFINE_ERROR(exhausted, Code::kExhausted)
CUSTODY_DEFINE_ERROR(unauthenticated, Code::kUnauthenticated)
CUSTODY_DEFINE_ERROR(corrupt, Code::kCorrupt)
CUSTODY_DEFINE_ERROR(io_error, Code::kIo)
CUSTODY_DEFINE_ERROR(outcome_unknown, Code::kOutcomeUnknown)
CUSTODY_DEFINE_ERROR(internal_error, Code::kInternal)
#undef CUSTODY_DEFINE_ERROR

Status io_error_errno(std::string_view what, int error_number) {
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT)
    hint = "the disk is full: free space on this file system, then start again";
  if (error_number == EFBIG)
    hint = "the limit on file sizes is reached (ulimit -f): raise it, then start again";
  return io_error(std::string(what) + ": " + std::generic_category().message(error_number), std::move(hint));
}

namespace detail {
void check_failed(const char* condition, const char* file, int line) {
  static_cast<void>(std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line));
  std::abort();
}
}  // namespace detail

}  // namespace custody
