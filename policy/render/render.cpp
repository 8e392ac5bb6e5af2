#include "policy/render/render.h"

#include <algorithm>
#include <utility>

#include "policy/render/describe.h"
#include "proto/reader/digests.h"

namespace custody::policy::render {
namespace {

using Kind = model::IntentKind;
using Lines = std::vector<std::string>;

constexpr std::size_t kLabel = 10;  // columns
constexpr std::size_t kText = kMaxColumns - kLabel;
static_assert(kMaxAddress <= kText, "an address stands on one line");
constexpr std::size_t kVoteLines = 3;   // what render_vote adds
constexpr std::size_t kWantLines = 10;  // the longest alternative, and how many are left out
constexpr std::size_t kRestLines = 2;   // sums and hash of the payments that are not listed

// Up to kText characters of the text, broken at a space where there is one; the rest stays in `text`.
std::string_view take_line(std::string_view& text) {
  if (text.size() <= kText) return std::exchange(text, {});
  const std::size_t space = text.rfind(' ', kText);
  const bool in_word = space == std::string_view::npos || space == 0;
  const std::string_view line = text.substr(0, in_word ? kText : space);
  text.remove_prefix(in_word ? kText : space + 1);
  return line;
}

void add_field(Lines& lines, std::string label, std::string_view text) {
  CHECK(label.size() < kLabel);
  do {
    label.resize(kLabel, ' ');
    lines.push_back(label + std::string(take_line(text)));
    label.clear();
  } while (!text.empty());
}

void add_lines(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

std::string joined(const Lines& lines) {
  CHECK(lines.size() <= kMaxLines);
  std::string out;
  for (const std::string& line : lines) {
    CHECK(line.size() <= kMaxColumns);
    out += line + "\n";
  }
  return out;
}

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string money(const Terms& terms, model::Amount amount) {
  return decimal_text(amount, terms.decimals) + " " + std::string(as_text(terms.currency_code));
}

struct Sum {
  model::Amount amount;
  model::Amount fee_cap;
};
Sum sum_from(const Terms& terms, std::size_t first) {
  Sum out;
  for (std::size_t i = first; i < terms.payments.size(); ++i) {
    const auto amount = add(out.amount, terms.payments[i].amount);
    const auto fee_cap = add(out.fee_cap, terms.payments[i].fee_cap);
    CHECK(amount && fee_cap);  // check_request
    out = {*amount, *fee_cap};
  }
  return out;
}

std::string payment_text(const Terms& terms, const Payment& payment) {
  const std::string owner =
      payment.owner.empty() ? "NOT ON THE ALLOW-LIST" : "\"" + std::string(as_text(payment.owner)) + "\"";
  return money(terms, payment.amount) + " to " + owner + ", fee at most " + money(terms, payment.fee_cap) +
         ", burn " + std::to_string(payment.burn) + " of " + std::string(as_text(payment.gateway));
}

Lines payment_lines(const Terms& terms, std::size_t index) {
  const Payment& payment = terms.payments[index];
  Lines lines;
  add_field(lines, "payee " + std::to_string(index + 1), payment_text(terms, payment));
  add_field(lines, "", as_text(payment.address));
  return lines;
}

Lines all_payment_lines(const Terms& terms) {
  Lines lines;
  for (std::size_t i = 0; i < terms.payments.size(); ++i) add_lines(lines, payment_lines(terms, i));
  return lines;
}

// In at most `room` lines, which hold one payment and kRestLines at least.
Lines shown_payments(const Terms& terms, std::size_t room) {
  if (terms.payments.size() <= kShownPayments) {
    Lines all = all_payment_lines(terms);
    if (all.size() <= room) return all;
  }
  Lines lines;
  std::size_t shown = 0;
  while (shown < kShownPayments) {
    const Lines next = payment_lines(terms, shown);
    if (lines.size() + next.size() + kRestLines > room) break;
    add_lines(lines, next);
    ++shown;
  }
  const Sum rest = sum_from(terms, shown);
  add_field(lines, "more",
            counted(terms.payments.size() - shown, "payment") + ", " + money(terms, rest.amount) +
                ", fees at most " + money(terms, rest.fee_cap));
  add_field(lines, "list", "sha256 " + crypto::sha256(as_bytes(render_payments(terms))).hex());
  return lines;
}

void add_network(Lines& lines, const model::ChainId& chain, model::MemberId member) {
  add_field(lines, "network", chain.hex());
  add_field(lines, "member", std::to_string(member.get()));
}

void add_policy(Lines& lines, std::uint64_t version, const Hash256& hash) {
  add_field(lines, "policy", "version " + std::to_string(version));
  add_field(lines, "", hash.hex());
}

void add_what(Lines& lines, const Terms& terms) {
  const std::string wallet =
      std::string(as_text(terms.currency_code)) + "-" + std::to_string(terms.epoch.get());
  switch (terms.kind) {
    case Kind::kMint:
      add_field(lines, "asks", "mint, backed by wallet " + wallet);
      add_field(lines, "amount", money(terms, terms.payments[0].amount));
      add_field(lines, "to", "gateway " + std::string(as_text(terms.payments[0].gateway)));
      return add_field(lines, "deposit",
                       to_hex_reversed(terms.deposit.txid) + ":" + std::to_string(terms.deposit.vout));
    case Kind::kPayout: {
      const Sum sum = sum_from(terms, 0);
      add_field(lines, "asks", "payout from wallet " + wallet + ", slot " + std::to_string(terms.slot.get()));
      add_field(lines, "amount",
                money(terms, sum.amount) + " in " + counted(terms.payments.size(), "payment"));
      return add_field(lines, "fee cap", money(terms, sum.fee_cap));
    }
    case Kind::kBallot:
      add_field(lines, "asks",
                std::string("ballot that ") + (terms.approve ? "APPROVES" : "REJECTS") + " a proposal");
      add_field(lines, "proposal", terms.proposal.hex());
      return add_field(lines, "action", as_text(terms.action));
    default:
      add_field(lines, "asks", "proposal");
      return add_field(lines, "action", as_text(terms.action));
  }
}

std::string want_text(const Want& want) {
  if (want.group.empty()) return counted(want.count, "officer") + " in all";
  if (as_text(want.group) == kWaitGroup) return counted(want.count, "hour") + " since opening";
  return std::to_string(want.count) + " of " + std::string(as_text(want.group));
}

Lines alternative_lines(const Wants& wants, bool first) {
  std::string text;
  for (const Want& want : wants.all_of) text += (text.empty() ? "" : ", ") + want_text(want);
  Lines lines;
  add_field(lines, first ? "wants" : "or", text);
  return lines;
}

Lines wants_lines(const Request& request) {
  Lines lines;
  for (std::size_t i = 0; i < request.wants.size(); ++i) {
    const Lines next = alternative_lines(request.wants[i], i == 0);
    const bool last = i + 1 == request.wants.size();
    if (lines.size() + next.size() + (last ? 0 : 1) > kWantLines) {
      add_field(lines, "or", counted(request.wants.size() - i, "other way"));
      break;
    }
    add_lines(lines, next);
  }
  return lines;
}

// Money is asked for by the node; a proposal or ballot over the operator's socket only.
std::string asked_by(const Request& request) {
  if (!request.initiator.empty()) return "officer " + std::string(as_text(request.initiator));
  const bool is_money = request.terms.kind == Kind::kMint || request.terms.kind == Kind::kPayout;
  return is_money ? "the member's node" : "the member's operator";
}

Lines head_lines(const Request& request) {
  Lines lines = {"CAASIOPE REQUEST v1"};
  add_field(lines, "request", request_id(request).hex());
  add_network(lines, request.terms.chain_id, request.terms.member);
  add_field(lines, "asked by", asked_by(request));
  add_what(lines, request.terms);
  return lines;
}

Lines tail_lines(const Request& request) {
  Lines lines;
  add_field(lines, "evidence",
            request.height.get() == 0 ? "none" : "ledger block " + std::to_string(request.height.get()));
  add_field(lines, "subject", request.terms.subject.hex());
  add_policy(lines, request.bundle, request.bundle_hash);
  add_lines(lines, wants_lines(request));
  add_field(lines, "opened", time_text(request.opened));
  add_field(lines, "expires", time_text(request.expires));
  return lines;
}

Lines request_lines(const Request& request) {
  CHECK(check_request(request).ok());
  Lines lines = head_lines(request);
  const Lines tail = tail_lines(request);
  const std::size_t used = lines.size() + tail.size() + kVoteLines;
  CHECK(used < kMaxLines);
  if (request.terms.kind == Kind::kPayout) {
    add_lines(lines, shown_payments(request.terms, kMaxLines - used));
  }
  add_lines(lines, tail);
  return lines;
}

Hash256 text_digest(std::string_view tag, const model::ChainId& chain, const std::string& text) {
  return proto::reader::digest(tag, chain, as_bytes(text));
}

}  // namespace

Hash256 terms_hash(const Terms& terms) {
  return proto::reader::digest("caasiope/policy/request", terms.chain_id, proto::reader::encode(terms));
}

Hash256 request_id(const Request& request) {
  return proto::reader::digest("caasiope/policy/open-request", request.terms.chain_id,
                               encode_request(request));
}

std::string render_request(const Request& request) {
  return joined(request_lines(request));
}

std::string render_vote(const Request& request, std::string_view officer, std::string_view group, Vote vote) {
  CHECK(is_name(as_bytes(officer)) && is_name(as_bytes(group)));
  Lines lines = request_lines(request);
  add_field(lines, "officer", officer);
  add_field(lines, "as", group);
  add_field(lines, "says", vote == Vote::kApprove ? "APPROVE" : "REJECT");
  return joined(lines);
}

Hash256 vote_digest(const Request& request, std::string_view officer, std::string_view group, Vote vote) {
  return text_digest(kVoteTag, request.terms.chain_id, render_vote(request, officer, group, vote));
}

std::string render_payments(const Terms& terms) {
  std::string out;
  for (std::size_t i = 0; i < terms.payments.size(); ++i) {
    const Payment& payment = terms.payments[i];
    out += std::to_string(i + 1) + " " + std::string(as_text(payment.address)) + " " +
           payment_text(terms, payment) + "\n";
  }
  return out;
}

std::string render_ask(const Ask& ask, std::string_view officer) {
  CHECK(check_ask(ask).ok() && is_name(as_bytes(officer)));
  Lines lines = {"CAASIOPE ASK v1"};
  add_network(lines, ask.terms.chain_id, ask.terms.member);
  add_what(lines, ask.terms);
  add_field(lines, "subject", ask.terms.subject.hex());
  add_policy(lines, ask.bundle, ask.bundle_hash);
  add_field(lines, "expires", time_text(ask.expires));
  add_field(lines, "officer", officer);
  add_field(lines, "says", "ASK");
  return joined(lines);
}

Hash256 ask_digest(const Ask& ask, std::string_view officer) {
  return text_digest(kAskTag, ask.terms.chain_id, render_ask(ask, officer));
}

std::string render_activation(const Activation& activation, std::string_view officer) {
  CHECK(is_name(as_bytes(officer)));
  Lines lines = {"CAASIOPE POLICY ACTIVATION v1"};
  add_network(lines, activation.chain_id, activation.member);
  add_field(lines, "version", std::to_string(activation.version));
  add_field(lines, "bundle", activation.bundle_hash.hex());
  add_field(lines, "follows", activation.previous.hex());
  add_field(lines, "officer", officer);
  add_field(lines, "says", "ACTIVATE");
  return joined(lines);
}

Hash256 activation_digest(const Activation& activation, std::string_view officer) {
  return text_digest(kActivateTag, activation.chain_id, render_activation(activation, officer));
}

std::string render_order(const FreezeOrder& order, std::string_view officer) {
  CHECK(check_order(order).ok() && is_name(as_bytes(officer)));
  const bool freeze = order.what == Freeze::kFreeze;
  Lines lines = {freeze ? "CAASIOPE FREEZE v1" : "CAASIOPE UNFREEZE v1"};
  add_network(lines, order.chain_id, order.member);
  add_field(lines, "what",
            order.currency.empty() ? "everything" : "currency " + std::string(as_text(order.currency)));
  add_field(lines, "why", as_text(order.reason));
  add_field(lines, "counter", std::to_string(order.counter));
  add_policy(lines, order.bundle, order.bundle_hash);
  add_field(lines, "expires", time_text(order.expires));
  add_field(lines, "officer", officer);
  add_field(lines, "says", freeze ? "FREEZE" : "UNFREEZE");
  return joined(lines);
}

Hash256 order_digest(const FreezeOrder& order, std::string_view officer) {
  const bool freeze = order.what == Freeze::kFreeze;
  return text_digest(freeze ? kFreezeTag : kUnfreezeTag, order.chain_id, render_order(order, officer));
}

}  // namespace custody::policy::render
