#include "signer/cli/policy_online.h"

#include <filesystem>

#include "base/file.h"
#include "policy/bundle/statement.h"
#include "signer/cli/collected.h"
#include "signer/cli/confirm.h"
#include "signer/cli/decisions.h"
#include "signer/cli/past_replay.h"
#include "signer/cli/policy_source.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;
namespace render = policy::render;

constexpr std::uint64_t kMinuteMs = 60'000;
constexpr std::uint32_t kMaxValidMinutes = 60 * 24 * 30;

Rendering order_text(const render::FreezeOrder& order, const std::string& officer) {
  return {order.what == render::Freeze::kFreeze ? render::kFreezeTag : render::kUnfreezeTag, order.chain_id,
          render::render_order(order, officer)};
}

// What every order says: which signer it is for, under which version, and that it is the next one.
Result<render::FreezeOrder> make_order(Context& context, const FreezeOptions& options, render::Freeze what) {
  if (options.valid_minutes == 0 || options.valid_minutes > kMaxValidMinutes) {
    return invalid("--valid-minutes must be 1 to " + std::to_string(kMaxValidMinutes));
  }
  ASSIGN_OR_RETURN(const InForce now, ask_in_force(context));
  const render::FreezeOrder out{now.chain_id,
                                now.member,
                                what,
                                to_bytes(options.currency),
                                to_bytes(options.reason),
                                now.freeze_counter + 1,
                                now.version,
                                now.hash,
                                model::LedgerMs(now.time.get() + options.valid_minutes * kMinuteMs)};
  TRY(render::check_order(out));
  return out;
}

// Shows nothing by itself: the text is in what it returns.
struct Signed {
  std::string text;
  OfficerPublicKey key;
};
Result<Signed> add_signature(bundle::SignedOrder& order, const FreezeOptions& options) {
  TRY(check_officer_name(options.officer));
  const Rendering shown = order_text(order.order, options.officer);
  ASSIGN_OR_RETURN(const std::unique_ptr<OfficerKey> key, open_officer_key(options.key));
  ASSIGN_OR_RETURN(const KeySignature made, key->sign(shown));
  TRY(put_signature("this order", options.officer, shown, made, order.signatures));
  return Signed{shown.text, made.key};
}

Json frozen_json(const Json& status) {
  Json out = Json::object();
  for (const char* key : {"frozen_everything", "frozen", "freeze_counter"}) {
    if (const Json* value = status.find(key)) out.set(key, *value);
  }
  return out;
}

Result<Json> send_order(Context& context, const bundle::SignedOrder& order, model::Statement what,
                        const std::string& shown) {
  TRY(bring_statement(context, what, bundle::encode_order(order)));
  ASSIGN_OR_RETURN(const Json status, policy_history(context));
  const bool freeze = what == model::Statement::kFreeze;
  Json out = frozen_json(status);
  out.set("schema", "custody.policy_freeze/1")
      .set("rendering", shown)
      .set("text",
           shown + (freeze ? "frozen" : "not frozen any more") + ": " +
               (order.order.currency.empty() ? "everything" : std::string(as_text(order.order.currency))));
  return out;
}

// An order with signatures is lost once it is written over; the file that was read may get one more.
bool adds_to_itself(const UnfreezeOptions& options) {
  std::error_code error;
  return !options.in.empty() && std::filesystem::equivalent(options.in, options.out, error);
}

Status check_out(const UnfreezeOptions& options) {
  if (options.out.empty()) return invalid("where to write the signed order?", "give --out FILE");
  std::error_code error;
  const bool is_there = std::filesystem::exists(std::filesystem::symlink_status(options.out, error));
  if (!is_there || adds_to_itself(options)) return ok_status();
  return exists(options.out + " is there already; nothing was signed",
                "name a new file, or the one of --in to add the signature to it");
}

Status write_order(const UnfreezeOptions& options, const bundle::SignedOrder& order) {
  const Bytes bytes = bundle::encode_order(order);
  return adds_to_itself(options) ? write_file_atomic(options.out, bytes, 0644)
                                 : create_file(options.out, bytes, 0644);
}

Result<bundle::SignedOrder> read_order(const UnfreezeOptions& options) {
  const std::string& path = options.in;
  ASSIGN_OR_RETURN(const Bytes bytes, read_file(path, bundle::kMaxSignedOrder));
  auto order = bundle::decode_order(bytes);
  if (!order.ok()) return order.status().with_context(path);
  if (order->order.what != render::Freeze::kUnfreeze) {
    return invalid(path + " holds a freeze, not the end of one");
  }
  for (const bundle::OfficerSignature& one : order->signatures) {
    if (!render::is_name(one.officer)) return invalid(path + " has a signature under what is no name");
  }
  const std::string wanted = options.order.currency;
  if (wanted.empty() || order->order.currency == to_bytes(wanted)) return order;
  return refused(
      path + " is about " +
          (order->order.currency.empty() ? "everything" : std::string(as_text(order->order.currency))) +
          ", not " + to_printable(wanted),
      "begin another order: --reason and --out");
}

// What the officer would sign, before he does.
Result<Json> show_order(const bundle::SignedOrder& order, const UnfreezeOptions& options) {
  TRY(check_officer_name(options.order.officer));
  const std::string& officer = options.order.officer;
  const std::string hash = render::order_digest(order.order, officer).hex();
  const std::string text = render::render_order(order.order, officer);
  return Json::object()
      .set("schema", "custody.policy_unfreeze/1")
      .set("file", options.in)
      .set("hash", hash)
      .set("rendering", text)
      .set("text", text + "\nto sign this: --hash " + hash);
}

// Somebody else began the order: who adds his signature has seen it, now or under this hash before.
Status check_seen(const bundle::SignedOrder& order, const UnfreezeOptions& options) {
  TRY(check_officer_name(options.order.officer));
  const std::string& officer = options.order.officer;
  if (options.hash.empty()) {
    return confirm(render::render_order(order.order, officer),
                   "look at it with --show, then sign it by its --hash");
  }
  if (options.hash == render::order_digest(order.order, officer).hex()) return ok_status();
  return refused(options.in + " holds another order than that of --hash, or for another officer",
                 "look at it again: --show");
}

Result<Json> hand_over(Context& context, const bundle::SignedOrder& order, const UnfreezeOptions& options) {
  if (options.in.empty() || !options.out.empty()) {
    return invalid("--out needs an officer who signs", "give --officer and --key");
  }
  std::string shown;
  for (const bundle::OfficerSignature& one : order.signatures) {
    shown += render::render_order(order.order, as_text(one.officer));
  }
  return send_order(context, order, model::Statement::kUnfreeze, shown);
}

// A version waits for its time, and a higher one that is signed before then takes its place.
Json mark_versions(const Json::Array& versions, std::uint64_t active) {
  Json out = Json::array();
  for (auto one = versions.begin(); one != versions.end(); ++one) {
    Json marked = *one;
    const auto number = one->u64_at("version");
    const auto effective = one->string_at("effective");
    const auto next = one + 1;
    const auto signed_at =
        next == versions.end() ? Result<std::string>(not_found("")) : next->string_at("signed");
    // Times of one form, the largest unit first.
    if (effective.ok() && signed_at.ok() && *signed_at < *effective) {
      const std::uint64_t by = next->u64_at("version").ok() ? *next->u64_at("version") : 0;
      marked.set("state", "replaced by " + std::to_string(by) + ", never in force").set("replaced_by", by);
    } else if (number.ok() && *number == active) {
      marked.set("state", "in force");
    } else {
      marked.set("state", number.ok() && *number > active ? "waits" : "was in force");
    }
    out.push(std::move(marked));
  }
  return out;
}

}  // namespace

Result<Json> policy_history(Context& context) {
  ASSIGN_OR_RETURN(Json status, ask_policy(context, {model::PolicyQuestion::kBundle, {}, 0}));
  ASSIGN_OR_RETURN(const Json active, status.at("active"));
  ASSIGN_OR_RETURN(const std::uint64_t version, active.u64_at("version"));
  ASSIGN_OR_RETURN(const Json versions, status.at("versions"));
  return status.set("versions", mark_versions(versions.items(), version));
}

Result<Json> policy_activate(Context& context, const std::string& file) {
  ASSIGN_OR_RETURN(const BundleSource source, read_bundle(file));
  TRY(bring_statement(
      context, model::Statement::kActivate,
      bundle::encode_signed_bundle({bundle::encode_bundle(source.bundle), source.signatures})));
  return policy_history(context);
}

Result<Json> policy_freeze(Context& context, const FreezeOptions& options) {
  ASSIGN_OR_RETURN(const render::FreezeOrder content, make_order(context, options, render::Freeze::kFreeze));
  bundle::SignedOrder order{content, {}};
  ASSIGN_OR_RETURN(const Signed made, add_signature(order, options));
  auto answer = send_order(context, order, model::Statement::kFreeze, made.text);
  if (!answer.ok()) return with_wrong_key(answer.status(), options.officer, made.key);
  return answer;
}

Result<Json> policy_unfreeze(Context& context, const UnfreezeOptions& options) {
  const bool begins = options.in.empty();
  if (begins == options.order.reason.empty()) {
    return invalid("either --reason, for a new order, or --in FILE", "custodyctl policy unfreeze --help");
  }
  if (begins && (options.show || !options.hash.empty())) {
    return invalid("--show and --hash are for an order that was begun before", "name its file: --in FILE");
  }
  bundle::SignedOrder order;
  if (begins) {
    ASSIGN_OR_RETURN(order.order, make_order(context, options.order, render::Freeze::kUnfreeze));
  } else {
    ASSIGN_OR_RETURN(order, read_order(options));
  }
  if (options.show) return show_order(order, options);
  if (options.order.officer.empty()) return hand_over(context, order, options);
  TRY(check_out(options));
  if (!begins) TRY(check_seen(order, options));
  ASSIGN_OR_RETURN(const Signed made, add_signature(order, options.order));
  TRY(write_order(options, order));
  return Json::object()
      .set("schema", "custody.policy_unfreeze/1")
      .set("file", options.out)
      .set("signatures", static_cast<std::uint64_t>(order.signatures.size()))
      .set("rendering", made.text)
      .set("text", made.text + "signed: " + std::to_string(order.signatures.size()) + " in " + options.out +
                       "; with enough of them: custodyctl policy unfreeze --in " + options.out);
}

Result<Json> policy_explain(Context& context, const std::string& id) {
  return id.empty() ? list_decisions(context) : find_decision(context, id);
}

Result<Json> policy_simulate(Context& context, const SimulateOptions& options) {
  ASSIGN_OR_RETURN(const GenesisFile network, read_genesis(context, options.genesis));
  ASSIGN_OR_RETURN(BundleSource draft, read_bundle(options.draft));
  ASSIGN_OR_RETURN(const engine::CompiledBundle compiled, compile_for(network, std::move(draft.bundle)));
  PastReplay replay(compiled);
  for (std::uint64_t place = 0;;) {
    ASSIGN_OR_RETURN(const Json page, ask_policy(context, {model::PolicyQuestion::kPast, {}, place}));
    ASSIGN_OR_RETURN(const std::optional<std::uint64_t> next, replay.take(page));
    if (!next) break;
    if (*next <= place) return internal_error("the signer's pages do not go on");
    place = *next;
  }
  context.refused = !replay.complete() && !options.incomplete;
  return replay.answer();
}

}  // namespace custody::signer::cli
