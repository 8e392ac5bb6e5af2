#include "policy/render/text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "policy/render/request.h"

namespace custody::policy::render {
namespace {

template <typename Allowed>
bool consists_of(ByteView text, std::size_t max_size, Allowed allowed) {
  return !text.empty() && text.size() <= max_size && std::ranges::all_of(text, allowed);
}

bool is_digit(std::uint8_t c) {
  return c >= '0' && c <= '9';
}
bool is_graphic(std::uint8_t c) {
  return c > 0x20 && c < 0x7f;
}

std::string padded(std::uint64_t value, std::size_t digits) {
  std::string text = std::to_string(value);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

std::optional<std::uint32_t> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (const char c : text.substr(at, count)) {
    if (!is_digit(static_cast<std::uint8_t>(c))) return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

}  // namespace

bool is_name(ByteView text) {
  return consists_of(text, kMaxName,
                     [](std::uint8_t c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; });
}

bool is_code(ByteView text) {
  return consists_of(text, kMaxCode, [](std::uint8_t c) { return (c >= 'A' && c <= 'Z') || is_digit(c); });
}

bool is_word(ByteView text, std::size_t max_size) {
  return consists_of(text, max_size, is_graphic);
}

bool is_plain(ByteView text, std::size_t max_size) {
  const bool letters = consists_of(
      text, max_size, [](std::uint8_t c) { return c == ' ' || (is_graphic(c) && c != '"' && c != '\\'); });
  return letters && text.front() != ' ' && text.back() != ' ' &&
         as_text(text).find("  ") == std::string_view::npos;
}

bool is_printable(ByteView text, std::size_t max_size) {
  return consists_of(text, max_size, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

std::string decimal_text(model::Amount amount, std::uint8_t decimals) {
  std::string text = padded(amount.get(), std::size_t{decimals} + 1);
  if (decimals > 0) text.insert(text.size() - decimals, ".");
  return text;
}

std::string time_text(model::LedgerMs time) {
  using namespace std::chrono;
  const model::LedgerMs shown = std::min(time, kMaxTime);
  const sys_seconds at{seconds(static_cast<std::int64_t>(shown.get() / 1000))};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<seconds> clock(at - day);
  const auto two = [](auto value) { return padded(static_cast<std::uint64_t>(value), 2); };
  return padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4) + "-" +
         two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) + "T" +
         two(clock.hours().count()) + ":" + two(clock.minutes().count()) + ":" +
         two(clock.seconds().count()) + "Z";
}

Result<model::LedgerMs> parse_time(std::string_view text) {
  using namespace std::chrono;
  const Status bad = invalid("must be a time in UTC such as \"2026-11-25T19:30:00Z\", not \"" +
                             to_printable(text.substr(0, 40)) + "\"");
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (text.size() != kShape.size()) return bad;
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kNumbers = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  std::array<std::uint32_t, 6> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = digits_at(text, kNumbers.at(i).first, kNumbers.at(i).second);
    if (!number) return bad;
    numbers.at(i) = *number;
  }
  const auto [y, m, d, h, min, s] = numbers;
  const year_month_day date{year(static_cast<int>(y)), month(m), day(d)};
  if (!date.ok() || h > 23 || min > 59 || s > 59 || y < 1970) return bad;
  const auto at = sys_days(date).time_since_epoch() + hours(h) + minutes(min) + seconds(s);
  const model::LedgerMs time(static_cast<std::uint64_t>(duration_cast<milliseconds>(at).count()));
  if (time_text(time) != text) return bad;  // the separators
  return time;
}

}  // namespace custody::policy::render
