#include <algorithm>
#include <set>

#include "policy/render/describe.h"
#include "policy/render/render.h"

namespace custody::policy::render {
namespace {

using Kind = model::IntentKind;

Status field(bool right, std::string_view name, std::string_view rule) {
  return right ? ok_status() : invalid(std::string(name) + " must be " + std::string(rule));
}

bool moves_money(Kind kind) {
  return kind == Kind::kMint || kind == Kind::kPayout;
}

Status check_payment(const Payment& payment, bool payout) {
  TRY(field(is_name(payment.gateway), "gateway", "1 to 32 of a-z, 0-9 and -"));
  TRY(field(payment.amount.get() > 0, "amount", "above zero"));
  if (payout) {
    TRY(field(is_word(payment.address, kMaxAddress), "address", "1 to 90 graphic ASCII characters"));
    TRY(field(payment.owner.empty() || is_plain(payment.owner, kMaxName), "owner",
              "plain text of at most 32"));
    return field(payment.burn > 0, "burn", "above zero");
  }
  TRY(field(payment.address.empty() && payment.owner.empty(), "address and owner", "empty for a mint"));
  return field(payment.fee_cap.get() == 0 && payment.burn == 0, "fee cap and burn", "zero for a mint");
}

Status check_payments(const Terms& terms) {
  const bool payout = terms.kind == Kind::kPayout;
  const std::size_t most = payout ? kMaxPayments : 1;
  TRY(field(!terms.payments.empty() && terms.payments.size() <= most, "payments",
            "1 to " + std::to_string(most)));
  model::Amount amount;
  model::Amount fee_cap;
  for (std::size_t i = 0; i < terms.payments.size(); ++i) {
    const Payment& payment = terms.payments[i];
    TRY(check_payment(payment, payout).with_context("payment " + std::to_string(i + 1)));
    const auto amounts = add(amount, payment.amount);
    const auto caps = add(fee_cap, payment.fee_cap);
    if (!amounts || !caps) return invalid("payments must add up to less than 2^64");
    amount = *amounts;
    fee_cap = *caps;
  }
  return ok_status();
}

Status check_money(const Terms& terms) {
  TRY(field(terms.currency.get() > 0 && is_code(terms.currency_code), "currency", "there"));
  TRY(field(terms.decimals <= 9, "decimals", "0 to 9"));
  TRY(field(terms.epoch.get() > 0, "wallet epoch", "above zero"));
  TRY(field((terms.slot.get() > 0) == (terms.kind == Kind::kPayout), "slot", "there for a payout only"));
  const bool right =
      terms.kind == Kind::kMint ? !terms.deposit.txid.is_zero() : terms.deposit == model::OutPoint();
  TRY(field(right, "deposit", "there for a mint only"));
  return check_payments(terms);
}

Status check_no_money(const Terms& terms) {
  const bool none = terms.currency.get() == 0 && terms.currency_code.empty() && terms.decimals == 0 &&
                    terms.epoch.get() == 0 && terms.slot.get() == 0 && terms.payments.empty();
  TRY(field(terms.deposit == model::OutPoint(), "deposit", "there for a mint only"));
  return field(none, "currency, wallet, slot and payments", "absent where no money moves");
}

Status check_terms(const Terms& terms) {
  const bool known =
      moves_money(terms.kind) || terms.kind == Kind::kProposalTx || terms.kind == Kind::kBallot;
  TRY(field(known, "kind", "mint, payout, proposal or ballot"));
  TRY(field(!terms.chain_id.is_zero(), "chain id", "there"));
  TRY(field(terms.member.get() > 0, "member", "above zero"));
  TRY(moves_money(terms.kind) ? check_money(terms) : check_no_money(terms));
  TRY(field(terms.proposal.is_zero() == (terms.kind != Kind::kBallot), "proposal",
            "there for a ballot only"));
  TRY(field(!terms.approve || terms.kind == Kind::kBallot, "approve", "said by a ballot only"));
  if (moves_money(terms.kind)) return field(terms.action.empty(), "action", "a proposal's or ballot's only");
  return field(is_printable(terms.action, kMaxAction), "action", "1 to 200 printable ASCII characters");
}

Status check_wants(const Wants& wants) {
  TRY(field(!wants.all_of.empty() && wants.all_of.size() <= kMaxGroups + 2, "an alternative",
            "of 1 to 18 wants"));
  std::set<Bytes> groups;
  for (const Want& want : wants.all_of) {
    TRY(field(want.group.empty() || is_name(want.group), "a wanted group", "a name"));
    TRY(field(groups.insert(want.group).second, "a wanted group", "named once in an alternative"));
    const bool wait = as_text(want.group) == kWaitGroup;
    TRY(field(want.count > 0 && want.count <= (wait ? kMaxWaitHours : kMaxCount), "a wanted count",
              wait ? "1 to 99999 hours" : "1 to 999 officers"));
  }
  return ok_status();
}

}  // namespace

Status check_request(const Request& request) {
  TRY(check_terms(request.terms));
  TRY(field(!request.wants.empty() && request.wants.size() <= kMaxWants, "wants", "1 to 8 alternatives"));
  for (const Wants& wants : request.wants) TRY(check_wants(wants));
  TRY(field(request.bundle > 0 && !request.bundle_hash.is_zero(), "bundle", "there"));
  TRY(field(request.opened < request.expires && request.expires <= kMaxTime, "expiry", "after the opening"));
  return field(request.initiator.empty() || is_name(request.initiator), "initiator", "a name");
}

Status check_ask(const Ask& ask) {
  TRY(field(ask.terms.kind == Kind::kProposalTx || ask.terms.kind == Kind::kBallot, "kind",
            "proposal or ballot"));
  TRY(check_terms(ask.terms));
  TRY(field(ask.bundle > 0 && !ask.bundle_hash.is_zero(), "bundle", "there"));
  return field(ask.expires.get() > 0 && ask.expires <= kMaxTime, "expiry", "there");
}

Status check_order(const FreezeOrder& order) {
  TRY(field(order.what == Freeze::kFreeze || order.what == Freeze::kUnfreeze, "order", "freeze or unfreeze"));
  TRY(field(!order.chain_id.is_zero(), "chain id", "there"));
  TRY(field(order.member.get() > 0, "member", "above zero"));
  TRY(field(order.currency.empty() || is_code(order.currency), "currency", "a code of A-Z and 0-9"));
  TRY(field(is_plain(order.reason, kMaxReason), "reason", "plain text of 1 to 120 characters"));
  TRY(field(order.counter > 0, "counter", "above zero"));
  TRY(field(order.bundle > 0 && !order.bundle_hash.is_zero(), "bundle", "there"));
  return field(order.expires.get() > 0 && order.expires <= kMaxTime, "expiry", "there");
}

Result<Request> decode_request(ByteView bytes) {
  auto request = proto::reader::decode<Request>(bytes, kMaxRequest);
  if (!request.ok()) return request.status().with_context("request");
  TRY(check_request(*request).with_context("request"));
  return request;
}

Bytes encode_request(const Request& request) {
  return proto::reader::encode(request);
}

}  // namespace custody::policy::render
