#include "signer/cli/requests_command.h"

#include <algorithm>

#include "base/base64.h"
#include "policy/bundle/statement.h"
#include "policy/render/render.h"
#include "signer/cli/request_summary.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace render = policy::render;

struct Fetched {
  Json answer;
  render::Request request;
};

// The request's own bytes decide what it is: the signer's words about it are shown beside, never signed.
Result<Fetched> fetch(Context& context, const std::string& id) {
  const auto parsed = Hash256::from_hex(id);
  if (!parsed.ok()) {
    return invalid("\"" + to_printable(id.substr(0, 80)) + "\" is no request's id: those are 64 hex digits",
                   "custodyctl requests list shows them");
  }
  const Hash256 wanted = *parsed;
  Fetched out;
  ASSIGN_OR_RETURN(out.answer, ask_policy(context, {model::PolicyQuestion::kRequest, wanted, 0}));
  ASSIGN_OR_RETURN(const std::string encoded, out.answer.string_at("encoded"));
  ASSIGN_OR_RETURN(const Bytes bytes, from_base64(encoded, render::kMaxRequest));
  ASSIGN_OR_RETURN(out.request, render::decode_request(bytes));
  if (render::request_id(out.request) != wanted) {
    return corrupt("the signer answered with another request than " + id);
  }
  ASSIGN_OR_RETURN(const Freezes freezes, ask_freezes(context));
  mark(out.answer, freezes);
  return out;
}

Result<Json::Array> fetch_all(Context& context) {
  ASSIGN_OR_RETURN(const Freezes freezes, ask_freezes(context));
  Json::Array out;
  Hash256 after;
  for (;;) {
    ASSIGN_OR_RETURN(const Json page, ask_policy(context, {model::PolicyQuestion::kRequests, after, 0}));
    const Json* requests = page.find("requests");
    if (requests == nullptr) return internal_error("the signer answered without requests");
    for (Json one : requests->items()) {
      mark(one, freezes);
      out.push_back(std::move(one));
    }
    const auto next = page.string_at("next");
    if (!next.ok()) return out;
    ASSIGN_OR_RETURN(const Hash256 place, Hash256::from_hex(*next));
    if (place <= after) return internal_error("the signer's pages do not go on");
    after = place;
  }
}

Status check_voter(const RequestVoteOptions& options) {
  TRY(check_officer_name(options.officer));
  if (!render::is_name(as_bytes(options.group))) return invalid("--group is no group's name");
  return ok_status();
}

}  // namespace

Result<Json> requests_list(Context& context) {
  ASSIGN_OR_RETURN(Json::Array all, fetch_all(context));
  std::ranges::stable_partition(all, is_open);
  std::string text, closed_text;
  for (const Json& one : all) (is_open(one) ? text : closed_text) += summary_lines(one);
  if (text.empty()) text = all.empty() ? "no request is known" : "no request is open\n";
  if (!closed_text.empty()) text += "\nnot open any more\n" + closed_text;
  return Json::object()
      .set("schema", "custody.requests/1")
      .set("requests", Json(std::move(all)))
      .set("text", text);
}

Result<Json> requests_show(Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(Fetched fetched, fetch(context, id));
  const std::string rendering = render::render_request(fetched.request);
  const std::string summary = summary_lines(fetched.answer);
  const std::string payments = fetched.request.terms.payments.size() > render::kShownPayments
                                   ? "\npayments\n" + render::render_payments(fetched.request.terms)
                                   : "";
  fetched.answer.set("subject", fetched.request.terms.subject.hex())
      .set("rendering", rendering)
      .set("text", rendering + payments + "\n" + summary);
  return fetched.answer;
}

Result<Json> requests_vote(Context& context, const RequestVoteOptions& options, render::Vote vote) {
  TRY(check_voter(options));
  ASSIGN_OR_RETURN(const Fetched fetched, fetch(context, options.id));
  const std::string closed = closed_to(fetched.answer, vote == render::Vote::kApprove);
  if (!closed.empty()) {
    return refused("the request " + closed + "; nothing was signed",
                   "custodyctl requests list shows what is open");
  }
  const Rendering shown{render::kVoteTag, fetched.request.terms.chain_id,
                        render::render_vote(fetched.request, options.officer, options.group, vote)};
  ASSIGN_OR_RETURN(const std::unique_ptr<OfficerKey> key, open_officer_key(options.key));
  ASSIGN_OR_RETURN(const KeySignature made, key->sign(shown));
  const bundle::SignedVote said{render::request_id(fetched.request), vote, to_bytes(options.officer),
                                to_bytes(options.group), made.signature};
  const Status taken = bring_statement(context, model::Statement::kVote, bundle::encode_vote(said));
  if (!taken.ok()) return with_wrong_key(taken, options.officer, made.key);
  ASSIGN_OR_RETURN(Json after, ask_policy(context, {model::PolicyQuestion::kRequest, said.request, 0}));
  ASSIGN_OR_RETURN(const Freezes freezes, ask_freezes(context));
  mark(after, freezes);
  const bool counts = vote == render::Vote::kReject || is_wanted(fetched.answer, options.group);
  const std::string effect = counts ? "counts" : "is taken, but counts for nothing that is still wanted";
  const std::string summary = summary_lines(after);
  after.set("counts", counts)
      .set("rendering", shown.text)
      .set("text", shown.text + "\n" + effect + ". Now:\n" + summary);
  return after;
}

}  // namespace custody::signer::cli
