#include "policy/engine/engine.h"

#include <algorithm>

namespace custody::policy::engine {
inline namespace narrow {
namespace {

Decision deny(std::string rule, std::string reason) {
  return {Outcome::kDeny, std::move(rule), std::move(reason), std::nullopt};
}

Decision allow(std::string rule, const std::optional<WindowEntry>& entry) {
  return {Outcome::kAllow, std::move(rule), {}, entry};
}

std::string number(model::Amount amount) {
  return std::to_string(amount.get());
}

Decision decide_amount(const model::IntentFacts& intent, const Window& facts, model::LedgerMs now,
                       model::Amount per_transaction, model::Amount per_day) {
  if (intent.amount == model::Amount(0)) return deny("policy.amount", "no amount");
  if (per_transaction < intent.amount) {
    return deny("policy.transaction_limit", "the amount " + number(intent.amount) +
                                                " is above the limit of " + number(per_transaction) +
                                                " for one transaction");
  }
  const WindowEntry entry{intent.kind, intent.currency, intent.amount, intent.subject,
                          std::max(now, facts.latest())};
  // The same deposit or slot again: it has been counted, and nothing more can come of it.
  if (facts.holds(entry, now)) return allow("policy.counted", std::nullopt);
  if (facts.full(now)) return deny("policy.window_full", "more requests in a day than the window can hold");
  const auto used = facts.total(intent.kind, intent.currency, now);
  const auto sum = used ? model::add(*used, intent.amount) : used;
  if (!sum || per_day < *sum) {
    return deny("policy.day_limit",
                "the amount " + number(intent.amount) + " and the " + (used ? number(*used) : "overflow") +
                    " of the last 24 hours are above the day's limit of " + number(per_day));
  }
  return allow("policy.limits", entry);
}

Decision decide_switch(bool allowed, const std::string& rule) {
  return allowed ? allow(rule, std::nullopt) : deny(rule, "the policy denies it");
}

}  // namespace

void Window::add(const WindowEntry& entry) {
  latest_ = std::max(latest_, entry.time);
  entries_.push_back(entry);
  entries_.back().time = latest_;
  while (!entries_.empty() && !counts(entries_.front(), latest_)) entries_.pop_front();
}

bool Window::counts(const WindowEntry& entry, model::LedgerMs now) const {
  return std::max(now, latest_).get() - entry.time.get() < kDayMs;
}

std::optional<model::Amount> Window::total(model::IntentKind kind, model::CurrencyId currency,
                                           model::LedgerMs now) const {
  model::Amount sum;
  for (const WindowEntry& entry : entries_) {
    if (entry.kind != kind || entry.currency != currency || !counts(entry, now)) continue;
    const auto next = model::add(sum, entry.amount);
    if (!next) return std::nullopt;
    sum = *next;
  }
  return sum;
}

bool Window::holds(const WindowEntry& wanted, model::LedgerMs now) const {
  return std::ranges::any_of(entries_, [&](const WindowEntry& entry) {
    return entry.kind == wanted.kind && entry.currency == wanted.currency && entry.amount == wanted.amount &&
           entry.subject == wanted.subject && counts(entry, now);
  });
}

bool Window::full(model::LedgerMs now) const {
  const auto live =
      std::ranges::count_if(entries_, [&](const WindowEntry& entry) { return counts(entry, now); });
  return static_cast<std::size_t>(live) >= kMaxWindowEntries;
}

Decision decide(const model::IntentFacts& intent, const Window& facts, const PolicyBundle& bundle,
                model::LedgerMs now) {
  switch (intent.kind) {
    case model::IntentKind::kBallot:
      return decide_switch(bundle.ballots, "policy.ballots");
    case model::IntentKind::kProposalTx:
      return decide_switch(bundle.proposals, "policy.proposals");
    case model::IntentKind::kMint:
    case model::IntentKind::kPayout: {
      const auto limits = bundle.limits.find(intent.currency);
      if (limits == bundle.limits.end()) {
        return deny("policy.currency", "the policy allows nothing for this currency");
      }
      const Limits& of = limits->second;
      return intent.kind == model::IntentKind::kMint
                 ? decide_amount(intent, facts, now, of.mint_per_transaction, of.mint_per_day)
                 : decide_amount(intent, facts, now, of.payout_per_transaction, of.payout_per_day);
    }
    default:
      return deny("policy.default", "no rule allows this kind of intent");
  }
}

}  // namespace narrow
}  // namespace custody::policy::engine
