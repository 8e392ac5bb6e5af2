// The texts that officers read and write: which characters they may have, exact decimals, times. ASCII only:
// no character looks like another one, none moves the cursor. Thread-safety: pure functions.
#pragma once

#include <string>

#include "ledger/model/ids.h"

namespace custody::policy::render {

namespace model = ledger::model;

constexpr model::LedgerMs kMaxTime{253'402'300'799'000};  // 9999-12-31T23:59:59Z, the last that RFC 3339 has

bool is_name(ByteView text);  // 1..32 of a-z 0-9 -
bool is_code(ByteView text);  // 1..8 of A-Z 0-9
// 1..max_size of graphic ASCII: no space, no control.
bool is_word(ByteView text, std::size_t max_size);
// 1..max_size: words of graphic ASCII but " and \ with single spaces between, so that it can stand in quotes
// and be broken into lines without becoming another text.
bool is_plain(ByteView text, std::size_t max_size);
bool is_printable(ByteView text, std::size_t max_size);  // 1..max_size of 0x20..0x7e

// Exact decimal text: 123456789 with 8 decimals is "1.23456789"; no exponent, no trailing zeros cut.
std::string decimal_text(model::Amount amount, std::uint8_t decimals);
// RFC 3339 in UTC, "2026-11-25T19:30:00Z"; parts of a second cut off.
std::string time_text(model::LedgerMs time);
// Exactly what time_text writes, from 1970 to kMaxTime; kInvalid otherwise.
Result<model::LedgerMs> parse_time(std::string_view text);

}  // namespace custody::policy::render
