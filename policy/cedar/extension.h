// The extension types of Cedar 4.5: ipaddr (RFC 9), decimal, datetime and duration (RFC 80). Parsers of their
// texts, and the arithmetic of datetime. Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/cedar/value.h"

namespace custody::policy::cedar {

// Every function and method of the language. The first four are called as functions, the rest as methods.
enum class Function : std::uint8_t {
  kIp,
  kDecimal,
  kDatetime,
  kDuration,
  kContains,
  kContainsAll,
  kContainsAny,
  kIsEmpty,
  kHasTag,
  kGetTag,
  kIsIpv4,
  kIsIpv6,
  kIsLoopback,
  kIsMulticast,
  kIsInRange,
  kLessThan,
  kLessThanOrEqual,
  kGreaterThan,
  kGreaterThanOrEqual,
  kOffset,
  kDurationSince,
  kToDate,
  kToTime,
  kToMilliseconds,
  kToSeconds,
  kToMinutes,
  kToHours,
  kToDays,
};
inline bool is_constructor(Function function) {
  return function <= Function::kDuration;
}
std::string_view function_name(Function function);
std::optional<Function> find_function(std::string_view name);
// Operands including the receiver.
std::size_t function_arity(Function function);

// The value that constructor(text) makes, with its memory in arena; nullopt when the text is not of the type.
std::optional<Value> construct(Arena& arena, Function constructor, std::string_view text);

std::optional<IpNet> parse_ip(std::string_view text);
std::optional<std::int64_t> parse_decimal(std::string_view text);
std::optional<std::int64_t> parse_datetime(std::string_view text);
std::optional<std::int64_t> parse_duration(std::string_view text);
std::string ip_text(const IpNet& ip);
std::string decimal_text(std::int64_t ten_thousandths);
std::string duration_text(std::int64_t milliseconds);

bool ip_in_range(const IpNet& inner, const IpNet& outer);
bool ip_is_loopback(const IpNet& ip);
bool ip_is_multicast(const IpNet& ip);

// Midnight (UTC) of the day; nullopt when it is before the first representable millisecond.
std::optional<std::int64_t> datetime_to_date(std::int64_t milliseconds);
std::int64_t datetime_to_time(std::int64_t milliseconds);  // since that midnight

}  // namespace custody::policy::cedar
