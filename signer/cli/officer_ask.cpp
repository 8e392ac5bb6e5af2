#include "signer/cli/officer_ask.h"

#include "policy/bundle/statement.h"
#include "policy/render/render.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace render = policy::render;

constexpr std::uint64_t kMinuteMs = 60'000;
constexpr std::uint64_t kMaxValidMinutes = bundle::kMaxAskHours * 60;

Status check_options(const AskOptions& options) {
  TRY(check_officer_name(options.officer));
  if (options.valid_minutes > 0 && options.valid_minutes <= kMaxValidMinutes) return ok_status();
  return invalid("--valid-minutes must be 1 to " + std::to_string(kMaxValidMinutes));
}

}  // namespace

Result<OfficerAsk> sign_ask(Context& context, const AskOptions& options, const render::Terms& terms) {
  if (options.officer.empty()) return OfficerAsk();
  TRY(check_options(options));
  ASSIGN_OR_RETURN(const InForce now, ask_in_force(context));
  if (now.chain_id != terms.chain_id || now.member != terms.member) {
    return refused("the signer is of another network or member than the node",
                   "start both from one member's directory");
  }
  const render::Ask ask{terms, now.version, now.hash,
                        model::LedgerMs(now.time.get() + options.valid_minutes * kMinuteMs)};
  TRY(render::check_ask(ask));
  const Rendering shown{render::kAskTag, terms.chain_id, render::render_ask(ask, options.officer)};
  ASSIGN_OR_RETURN(const std::unique_ptr<OfficerKey> key, open_officer_key(options.key));
  ASSIGN_OR_RETURN(const KeySignature made, key->sign(shown));
  return OfficerAsk{bundle::encode_ask({ask, to_bytes(options.officer), made.signature}), shown.text};
}

}  // namespace custody::signer::cli
