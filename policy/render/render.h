// What an officer reads and signs: printable ASCII, a field per line. The signer and custodyctl call the same
// functions, so that what is shown is what is signed. A value that was not checked before is a mistake of the
// caller (CHECK): only what check_request passes can be shown without loss. Thread-safety: pure functions.
#pragma once

#include <string>

#include "policy/render/request.h"
#include "policy/render/text.h"

namespace custody::policy::render {

constexpr std::size_t kMaxLines = 40;  // of one rendering
constexpr std::size_t kMaxColumns = 100;
constexpr std::size_t kShownPayments =
    12;  // at most; the others are summed up, with the hash of the whole list

// What the digests of officers' signatures are tagged with: no other tag is ever signed with an officer's
// key.
constexpr std::string_view kVoteTag = "caasiope/policy/vote";
constexpr std::string_view kAskTag = "caasiope/policy/ask";
constexpr std::string_view kActivateTag = "caasiope/policy/activate";
constexpr std::string_view kFreezeTag = "caasiope/policy/freeze";
constexpr std::string_view kUnfreezeTag = "caasiope/policy/unfreeze";

// Everything that a request must be to be opened: its kind's fields are there and no others, texts within
// their letters and sizes, sums within 64 bits, 1..kMaxWants alternatives that each want something. kInvalid
// names the first field that is not.
Status check_request(const Request& request);
Status check_ask(const Ask& ask);  // its terms are those of a proposal or a ballot
Status check_order(const FreezeOrder& order);

// At most kMaxRequest bytes, checked.
Result<Request> decode_request(ByteView bytes);
Bytes encode_request(const Request& request);

// Names what is asked: digest (tag caasiope/policy/request) of the encoded terms under their chain id.
Hash256 terms_hash(const Terms& terms);
// Names this opening of it, which is what approvals are about: digest (tag caasiope/policy/open-request) of
// the encoded request.
Hash256 request_id(const Request& request);

// Rendering v1, ended by a line feed: who, what, how much, where to, fee cap, evidence, what the policy
// wants, expiry. The first line names the version.
std::string render_request(const Request& request);
// render_request and who says what about it, in which group. officer, group: names (is_name).
std::string render_vote(const Request& request, std::string_view officer, std::string_view group, Vote vote);
// What the officer's key signs: the text of render_vote under kVoteTag (proto::reader::digest).
Hash256 vote_digest(const Request& request, std::string_view officer, std::string_view group, Vote vote);

// Every payment of the request, one per line, whose SHA-256 render_request shows when it lists not all.
std::string render_payments(const Terms& terms);

// kAskTag
std::string render_ask(const Ask& ask, std::string_view officer);
Hash256 ask_digest(const Ask& ask, std::string_view officer);

// The signature that counts towards the quorum that puts a bundle in force (kActivateTag).
std::string render_activation(const Activation& activation, std::string_view officer);
Hash256 activation_digest(const Activation& activation, std::string_view officer);

// kFreezeTag, kUnfreezeTag
std::string render_order(const FreezeOrder& order, std::string_view officer);
Hash256 order_digest(const FreezeOrder& order, std::string_view officer);

}  // namespace custody::policy::render
