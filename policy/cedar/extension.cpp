#include "policy/cedar/extension.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <vector>

namespace custody::policy::cedar {
namespace {

using Wide = __int128;

struct FunctionEntry {
  std::string_view name;
  std::size_t arity;  // with the receiver
};

// In the order of Function.
constexpr std::array<FunctionEntry, 28> kFunctions = {{
    {"ip", 1},
    {"decimal", 1},
    {"datetime", 1},
    {"duration", 1},
    {"contains", 2},
    {"containsAll", 2},
    {"containsAny", 2},
    {"isEmpty", 1},
    {"hasTag", 2},
    {"getTag", 2},
    {"isIpv4", 1},
    {"isIpv6", 1},
    {"isLoopback", 1},
    {"isMulticast", 1},
    {"isInRange", 2},
    {"lessThan", 2},
    {"lessThanOrEqual", 2},
    {"greaterThan", 2},
    {"greaterThanOrEqual", 2},
    {"offset", 2},
    {"durationSince", 2},
    {"toDate", 1},
    {"toTime", 1},
    {"toMilliseconds", 1},
    {"toSeconds", 1},
    {"toMinutes", 1},
    {"toHours", 1},
    {"toDays", 1},
}};
static_assert(kFunctions.size() == static_cast<std::size_t>(Function::kToDays) + 1);

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kDecimalScale = 10'000;
constexpr std::size_t kDecimalPlaces = 4;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::int64_t> narrow(Wide value) {
  if (value < std::numeric_limits<std::int64_t>::min() || value > std::numeric_limits<std::int64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

// All of text as decimal digits, at most max. nullopt when empty or otherwise.
std::optional<Wide> parse_digits(std::string_view text, Wide max) {
  if (text.empty()) return std::nullopt;
  Wide value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
    if (value > max) return std::nullopt;
  }
  return value;
}

// A number without leading zeros of at most max_digits digits, at most max.
std::optional<unsigned> parse_plain_number(std::string_view text, std::size_t max_digits, unsigned max) {
  if (text.size() > max_digits || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto value = parse_digits(text, max);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}

// Takes the text before the next separator off rest; all of it when there is none.
std::string_view take_part(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

bool parse_ipv4(std::string_view text, std::uint8_t* address) {
  if (std::count(text.begin(), text.end(), '.') != 3) return false;
  for (int i = 0; i < 4; ++i) {
    const auto octet = parse_plain_number(take_part(text, '.'), 3, 255);
    if (!octet) return false;
    address[i] = static_cast<std::uint8_t>(*octet);
  }
  return true;
}

std::optional<unsigned> parse_hex_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

constexpr std::size_t kGroups = 8;

// Groups of hex digits between single colons; none when text is empty.
std::optional<std::vector<unsigned>> parse_hex_groups(std::string_view text) {
  std::vector<unsigned> groups;
  if (text.empty()) return groups;
  const auto count = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':')) + 1;
  if (count > kGroups) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const auto group = parse_hex_group(take_part(text, ':'));
    if (!group) return std::nullopt;
    groups.push_back(*group);
  }
  return groups;
}

bool parse_ipv6(std::string_view text, std::uint8_t* address) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const auto head = parse_hex_groups(text.substr(0, gap));
  const auto tail = parse_hex_groups(has_gap ? text.substr(gap + 2) : std::string_view());
  if (!head || !tail) return false;
  const std::size_t written = head->size() + tail->size();
  if (has_gap ? written >= kGroups : written != kGroups) return false;
  std::array<unsigned, kGroups> groups = {};
  std::copy(head->begin(), head->end(), groups.begin());
  std::copy(tail->begin(), tail->end(), groups.end() - static_cast<std::ptrdiff_t>(tail->size()));
  for (std::size_t i = 0; i < kGroups; ++i) {
    address[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    address[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return true;
}

unsigned full_prefix(const IpNet& ip) {
  return ip.v6 ? 128 : 32;
}

// The first `bits` bits of two addresses are equal.
bool same_prefix(const IpNet& a, const IpNet& b, unsigned bits) {
  const unsigned whole = bits / 8;
  if (std::memcmp(a.address, b.address, whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const unsigned mask = 0xffu << (8 - bits % 8) & 0xffu;
  return (a.address[whole] & mask) == (b.address[whole] & mask);
}

bool is_leap(Wide year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned days_in_month(unsigned year, unsigned month) {
  constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

// Days from 1970-01-01 in the proleptic Gregorian calendar.
std::int64_t days_from_epoch(unsigned year, unsigned month, unsigned day) {
  const std::int64_t before = static_cast<std::int64_t>(year) - 1;
  // Days before January 1st of the year, counted from year 1; year 0 is a leap year.
  std::int64_t days = year == 0 ? -366 : before * 365 + before / 4 - before / 100 + before / 400;
  for (unsigned m = 1; m < month; ++m) days += days_in_month(year, m);
  constexpr std::int64_t kEpoch = 719'162;  // days from 0001-01-01 to 1970-01-01
  return days + (day - 1) - kEpoch;
}

// Reads fixed-width fields from the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits whose value is between min and max.
  std::optional<unsigned> number(std::size_t digits, unsigned min, unsigned max) {
    if (rest_.size() < digits) return std::nullopt;
    const auto value = parse_digits(rest_.substr(0, digits), max);
    if (!value || *value < min) return std::nullopt;
    rest_.remove_prefix(digits);
    return static_cast<unsigned>(*value);
  }
  bool literal(char expected) {
    if (rest_.empty() || rest_[0] != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// "Z" or "+hhmm" or "-hhmm": milliseconds to subtract from the local time.
std::optional<std::int64_t> read_zone(FieldReader& reader) {
  if (reader.literal('Z')) return 0;
  std::int64_t direction = 1;
  if (!reader.literal('+')) {
    if (!reader.literal('-')) return std::nullopt;
    direction = -1;
  }
  const auto hours = reader.number(2, 0, 23);
  if (!hours) return std::nullopt;
  const auto minutes = reader.number(2, 0, 59);
  if (!minutes) return std::nullopt;
  return direction * (*hours * kHour + *minutes * kMinute);
}

// "hh:mm:ss" or "hh:mm:ss.SSS".
std::optional<std::int64_t> read_time(FieldReader& reader) {
  const auto hours = reader.number(2, 0, 23);
  if (!hours || !reader.literal(':')) return std::nullopt;
  const auto minutes = reader.number(2, 0, 59);
  if (!minutes || !reader.literal(':')) return std::nullopt;
  const auto seconds = reader.number(2, 0, 59);
  if (!seconds) return std::nullopt;
  std::int64_t time = *hours * kHour + *minutes * kMinute + *seconds * kSecond;
  if (reader.literal('.')) {
    const auto milliseconds = reader.number(3, 0, 999);
    if (!milliseconds) return std::nullopt;
    time += *milliseconds;
  }
  return time;
}

std::optional<std::int64_t> read_date(FieldReader& reader) {
  const auto year = reader.number(4, 0, 9999);
  if (!year || !reader.literal('-')) return std::nullopt;
  const auto month = reader.number(2, 1, 12);
  if (!month || !reader.literal('-')) return std::nullopt;
  const auto day = reader.number(2, 1, days_in_month(*year, *month));
  if (!day) return std::nullopt;
  return days_from_epoch(*year, *month, *day) * kDay;
}

std::string padded(std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

}  // namespace

std::string_view function_name(Function function) {
  return kFunctions[static_cast<std::size_t>(function)].name;
}

std::size_t function_arity(Function function) {
  return kFunctions[static_cast<std::size_t>(function)].arity;
}

std::optional<Function> find_function(std::string_view name) {
  for (std::size_t i = 0; i < kFunctions.size(); ++i) {
    if (kFunctions[i].name == name) return static_cast<Function>(i);
  }
  return std::nullopt;
}

std::optional<IpNet> parse_ip(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  IpNet ip;
  if (!parse_ipv4(address, ip.address)) {
    ip = IpNet{.v6 = true};
    if (!parse_ipv6(address, ip.address)) return std::nullopt;
  }
  ip.prefix = static_cast<std::uint8_t>(full_prefix(ip));
  if (slash != std::string_view::npos) {
    const auto prefix = parse_plain_number(text.substr(slash + 1), ip.v6 ? 3 : 2, full_prefix(ip));
    if (!prefix) return std::nullopt;
    ip.prefix = static_cast<std::uint8_t>(*prefix);
  }
  return ip;
}

std::string ip_text(const IpNet& ip) {
  std::string out;
  if (ip.v6) {
    constexpr std::string_view kHex = "0123456789abcdef";
    for (std::size_t i = 0; i < 16; ++i) {
      if (i > 0 && i % 2 == 0) out += ':';
      out += kHex[ip.address[i] >> 4];
      out += kHex[ip.address[i] & 15];
    }
  } else {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) out += '.';
      out += std::to_string(ip.address[i]);
    }
  }
  if (ip.prefix != full_prefix(ip)) out += "/" + std::to_string(ip.prefix);
  return out;
}

bool ip_in_range(const IpNet& inner, const IpNet& outer) {
  return inner.v6 == outer.v6 && inner.prefix >= outer.prefix && same_prefix(inner, outer, outer.prefix);
}

bool ip_is_loopback(const IpNet& ip) {
  static const IpNet kV4 = *parse_ip("127.0.0.0/8");
  static const IpNet kV6 = *parse_ip("::1");
  return ip_in_range(ip, ip.v6 ? kV6 : kV4);
}

bool ip_is_multicast(const IpNet& ip) {
  static const IpNet kV4 = *parse_ip("224.0.0.0/4");
  static const IpNet kV6 = *parse_ip("ff00::/8");
  return ip_in_range(ip, ip.v6 ? kV6 : kV4);
}

std::optional<std::int64_t> parse_decimal(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return std::nullopt;
  const std::string_view places = text.substr(point + 1);
  if (places.size() > kDecimalPlaces) return std::nullopt;
  constexpr Wide kMaxWhole = std::numeric_limits<std::int64_t>::max() / kDecimalScale + 1;
  const auto whole = parse_digits(text.substr(0, point), kMaxWhole);
  auto fraction = parse_digits(places, kDecimalScale - 1);
  if (!whole || !fraction) return std::nullopt;
  for (std::size_t i = places.size(); i < kDecimalPlaces; ++i) *fraction *= 10;
  const Wide value = *whole * kDecimalScale + *fraction;
  return narrow(negative ? -value : value);
}

std::string decimal_text(std::int64_t ten_thousandths) {
  const Wide value = ten_thousandths;
  const Wide size = value < 0 ? -value : value;
  std::string places = padded(static_cast<std::int64_t>(size % kDecimalScale), kDecimalPlaces);
  while (places.size() > 1 && places.back() == '0') places.pop_back();
  return (value < 0 ? "-" : "") + std::to_string(static_cast<std::int64_t>(size / kDecimalScale)) + "." +
         places;
}

std::optional<std::int64_t> parse_datetime(std::string_view text) {
  FieldReader reader(text);
  const auto date = read_date(reader);
  if (!date) return std::nullopt;
  if (reader.done()) return date;
  if (!reader.literal('T')) return std::nullopt;
  const auto time = read_time(reader);
  if (!time) return std::nullopt;
  const auto zone = read_zone(reader);
  if (!zone || !reader.done()) return std::nullopt;
  return *date + *time - *zone;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
  };
  // From the largest down. "m" must not be taken for the start of "ms".
  constexpr std::array<Unit, 5> kUnits = {
      {{"d", kDay}, {"h", kHour}, {"m", kMinute}, {"s", kSecond}, {"ms", 1}}};
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  constexpr Wide kMaxQuantity = Wide{1} << 63;  // with its sign -2^63 can be written
  Wide total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto quantity = parse_digits(text.substr(0, digits), kMaxQuantity);
    if (!quantity) return std::nullopt;
    text.remove_prefix(digits);
    const std::string_view suffix = text.substr(0, std::min(text.find_first_of("0123456789"), text.size()));
    while (next_unit < kUnits.size() && kUnits[next_unit].suffix != suffix) ++next_unit;
    if (next_unit == kUnits.size()) return std::nullopt;
    text.remove_prefix(suffix.size());
    total += *quantity * kUnits[next_unit].milliseconds;
    ++next_unit;
  }
  return narrow(negative ? -total : total);
}

std::string duration_text(std::int64_t milliseconds) {
  return std::to_string(milliseconds) + "ms";
}

std::optional<std::int64_t> datetime_to_date(std::int64_t milliseconds) {
  return narrow(static_cast<Wide>(milliseconds) - datetime_to_time(milliseconds));
}

std::int64_t datetime_to_time(std::int64_t milliseconds) {
  const std::int64_t rest = milliseconds % kDay;
  return rest < 0 ? rest + kDay : rest;
}

std::optional<Value> construct(Arena& arena, Function constructor, std::string_view text) {
  switch (constructor) {
    case Function::kIp:
      if (const auto ip = parse_ip(text)) return Value(arena.make<IpNet>(*ip));
      return std::nullopt;
    case Function::kDecimal:
      if (const auto decimal = parse_decimal(text)) return Value::decimal(*decimal);
      return std::nullopt;
    case Function::kDatetime:
      if (const auto datetime = parse_datetime(text)) return Value::datetime(*datetime);
      return std::nullopt;
    case Function::kDuration:
      if (const auto duration = parse_duration(text)) return Value::duration(*duration);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace custody::policy::cedar
