// What an officer reads and signs: printable ASCII, a field per line. The signer and custodyctl call the same
// functions, so that what is shown is what is signed. Thread-safety: pure functions.
#pragma once

#include <string>

#include "policy/render/request.h"

namespace custody::policy::render {

constexpr std::size_t kMaxLines = 40;  // of one rendering
constexpr std::size_t kMaxColumns = 100;
constexpr std::size_t kShownPayments = 12;  // more are summed up in one line with the hash of the whole list

// Names a request: digest (tag caasiope/policy/request) of its encoded terms under its chain id.
Hash256 terms_hash(const Terms& terms);
// terms_hash, bundle, opening and expiry: what approvals name. (tag caasiope/policy/open-request)
Hash256 request_id(const Request& request);

// Rendering v1, ended by a line feed: who, what, how much, where to, fee cap, evidence, what the policy
// wants, expiry. The first line names the version.
std::string render_request(const Request& request);
// render_request and who says what about it, in which group.
std::string render_vote(const Request& request, std::string_view officer, std::string_view group, Vote vote);
// What the officer's key signs: the text of render_vote (tag caasiope/policy/vote).
Hash256 vote_digest(const Request& request, std::string_view officer, std::string_view group, Vote vote);

// Every payment of the request, one per line, whose hash render_request shows when it lists not all.
std::string render_payments(const Terms& terms);

// Exact decimal text: 123456789 with 8 decimals is "1.23456789"; no exponent, no trailing zeros cut.
std::string decimal_text(model::Amount amount, std::uint8_t decimals);
// "2026-11-25T19:30:00Z"; seconds cut off.
std::string time_text(model::LedgerMs time);

}  // namespace custody::policy::render
