#include "signer/cli/requests_command.h"

#include "base/base64.h"
#include "policy/bundle/statement.h"
#include "policy/render/render.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace render = policy::render;

std::string text_at(const Json& object, std::string_view key) {
  const auto value = object.string_at(key);
  return value.ok() ? *value : "";
}

std::string number_at(const Json& object, std::string_view key) {
  const auto value = object.u64_at(key);
  return value.ok() ? std::to_string(*value) : "?";
}

// "treasury 1 of 2 and wait 0 of 4"
std::string wants_line(const Json& all_of) {
  std::string out;
  for (const Json& want : all_of.items()) {
    out += (out.empty() ? "" : " and ") + text_at(want, "group") + " " + number_at(want, "have") + " of " +
           number_at(want, "count");
  }
  return out;
}

std::string summary_lines(const Json& one) {
  std::string out = text_at(one, "request") + "\n  " + text_at(one, "kind");
  if (one.find("amount") != nullptr) out += " of " + text_at(one, "amount") + " " + text_at(one, "currency");
  out += ", " + text_at(one, "status") + ", until " + text_at(one, "expires") + "\n";
  if (one.find("asked_by") != nullptr) out += "  asked by officer " + text_at(one, "asked_by") + "\n";
  for (const Json& vote : one.find("votes") == nullptr ? Json::Array{} : one.find("votes")->items()) {
    out += "  " + text_at(vote, "officer") + " as " + text_at(vote, "group") + ": " + text_at(vote, "vote") +
           "\n";
  }
  std::string_view label = "  needs ";
  for (const Json& wants : one.find("wants") == nullptr ? Json::Array{} : one.find("wants")->items()) {
    out += std::string(label) + wants_line(wants) + "\n";
    label = "  or    ";
  }
  return out;
}

struct Fetched {
  Json answer;
  render::Request request;
};

// The request's own bytes decide what it is: the signer's words about it are shown beside, never signed.
Result<Fetched> fetch(Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const Hash256 wanted, Hash256::from_hex(id));
  Fetched out;
  ASSIGN_OR_RETURN(out.answer, ask_policy(context, {model::PolicyQuestion::kRequest, wanted, 0}));
  ASSIGN_OR_RETURN(const std::string encoded, out.answer.string_at("encoded"));
  ASSIGN_OR_RETURN(const Bytes bytes, from_base64(encoded, render::kMaxRequest));
  ASSIGN_OR_RETURN(out.request, render::decode_request(bytes));
  if (render::request_id(out.request) == wanted) return out;
  return corrupt("the signer answered with another request than " + id);
}

Status check_voter(const RequestVoteOptions& options) {
  if (!render::is_name(as_bytes(options.officer))) return invalid("--officer is no officer's name");
  if (!render::is_name(as_bytes(options.group))) return invalid("--group is no group's name");
  return ok_status();
}

}  // namespace

Result<Json> requests_list(Context& context) {
  Json all = Json::array();
  std::string text;
  Hash256 after;
  for (;;) {
    ASSIGN_OR_RETURN(const Json page, ask_policy(context, {model::PolicyQuestion::kRequests, after, 0}));
    const Json* requests = page.find("requests");
    if (requests == nullptr) return internal_error("the signer answered without requests");
    for (const Json& one : requests->items()) {
      text += summary_lines(one);
      all.push(one);
    }
    const auto next = page.string_at("next");
    if (!next.ok()) break;
    ASSIGN_OR_RETURN(const Hash256 place, Hash256::from_hex(*next));
    if (place <= after) return internal_error("the signer's pages do not go on");
    after = place;
  }
  return Json::object()
      .set("schema", "custody.requests/1")
      .set("requests", std::move(all))
      .set("text", text.empty() ? "no request is known" : text);
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
  const Rendering shown{render::kVoteTag, fetched.request.terms.chain_id,
                        render::render_vote(fetched.request, options.officer, options.group, vote)};
  ASSIGN_OR_RETURN(const std::unique_ptr<OfficerKey> key, open_officer_key(options.key));
  ASSIGN_OR_RETURN(const KeySignature made, key->sign(shown));
  const bundle::SignedVote said{render::request_id(fetched.request), vote, to_bytes(options.officer),
                                to_bytes(options.group), made.signature};
  TRY(bring_statement(context, model::Statement::kVote, bundle::encode_vote(said)));
  ASSIGN_OR_RETURN(Json after, ask_policy(context, {model::PolicyQuestion::kRequest, said.request, 0}));
  const std::string summary = summary_lines(after);
  after.set("rendering", shown.text).set("text", shown.text + "\ncounts. Now:\n" + summary);
  return after;
}

}  // namespace custody::signer::cli
