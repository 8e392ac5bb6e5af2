#include "signer/cli/signer_call.h"

#include <utility>

#include "policy/render/text.h"
#include "signer/client/client.h"

namespace custody::signer::cli {
namespace {

constexpr int kSignerMs = 15'000;

}  // namespace

Result<model::SignReply> call_signer(Context& context, model::Intent intent) {
  ASSIGN_OR_RETURN(const std::string path, context.member_path("run/signer-operator.sock"));
  auto signer = client::Client::connect(path);
  if (!signer.ok()) {
    return unavailable("the signer at " + path + " does not answer: " + signer.status().message(),
                       "start custody-signerd for this member, or name another with --member DIR");
  }
  ASSIGN_OR_RETURN(model::SignReply reply, signer->call(std::move(intent), kSignerMs));
  if (const Status refusal = client::status_of(reply); !refusal.ok()) {
    context.answered_by_node = true;
    if (!reply.pending) return refusal;
    return refusal.with_hint("officers are asked: custodyctl requests show " + reply.pending->hex() +
                             "; once they approve, ask the same again");
  }
  return reply;
}

Result<Json> ask_policy(Context& context, const model::PolicyQuery& query) {
  ASSIGN_OR_RETURN(const model::SignReply reply, call_signer(context, query));
  return Json::parse(as_text(reply.detail), model::kMaxDetail);
}

Result<model::MemberId> member_of(const Json& answer) {
  ASSIGN_OR_RETURN(const std::uint64_t number, answer.u64_at("member"));
  if (std::in_range<std::uint16_t>(number)) return model::MemberId(static_cast<std::uint16_t>(number));
  return corrupt("the signer says that it is member " + std::to_string(number) +
                 ", a number that no member has");
}

Result<InForce> ask_in_force(Context& context) {
  ASSIGN_OR_RETURN(const Json status, ask_policy(context, {model::PolicyQuestion::kBundle, {}, 0}));
  InForce out;
  ASSIGN_OR_RETURN(const std::string network, status.string_at("network"));
  ASSIGN_OR_RETURN(out.chain_id, model::ChainId::from_hex(network));
  ASSIGN_OR_RETURN(out.member, member_of(status));
  ASSIGN_OR_RETURN(const Json active, status.at("active"));
  ASSIGN_OR_RETURN(out.version, active.u64_at("version"));
  ASSIGN_OR_RETURN(const std::string hash, active.string_at("hash"));
  ASSIGN_OR_RETURN(out.hash, Hash256::from_hex(hash));
  ASSIGN_OR_RETURN(out.freeze_counter, status.u64_at("freeze_counter"));
  ASSIGN_OR_RETURN(const std::string time, status.string_at("ledger_time"));
  ASSIGN_OR_RETURN(out.time, policy::render::parse_time(time));
  return out;
}

Status bring_statement(Context& context, model::Statement what, Bytes body) {
  return call_signer(context, model::StatementIntent{what, std::move(body)}).status();
}

}  // namespace custody::signer::cli
