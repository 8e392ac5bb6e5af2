#include <algorithm>
#include <limits>
#include <map>
#include <sstream>

#include "base/config.h"
#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/address.h"
#include "policy/render/text.h"
#include "signer/cli/context.h"
#include "signer/cli/expectations.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;
namespace render = policy::render;

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  std::istringstream in(text);
  Words out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

class Parser {
 public:
  Parser(Config config, const engine::CompiledBundle& compiled)
      : config_(std::move(config)), compiled_(compiled) {}

  Result<Expectations> parse(const std::string& origin) {
    Expectations out;
    out.origin = origin;
    ASSIGN_OR_RETURN(default_time_, time("time"));
    ASSIGN_OR_RETURN(out.in_force_since, time("in_force_since"));
    TRY(read_listed(out.listed));
    TRY(read_prices(out.prices));
    const std::vector<std::string> names = config_.tables("cases");
    if (names.empty()) return invalid(origin + ": there are no cases", "[cases.NAME] begins one");
    if (names.size() > kMaxCases)
      return exhausted(origin + ": more than " + std::to_string(kMaxCases) + " cases");
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(ExpectedCase one, read_case(name, names));
      out.cases.push_back(std::move(one));
    }
    for (const ExpectedCase& one : out.cases) TRY(check_times(out, one));
    TRY(check_defaults());
    TRY(config_.finish());
    return out;
  }

 private:
  static constexpr std::uint64_t kHourMs = 3'600'000;

  Status at(const std::string& key, const Status& status) const {
    return status.with_context(config_.where(key) + ": " + to_printable(key));
  }
  // A key that is missing is the file's fault, not a missing file.
  static Status as_invalid(const Status& status) {
    return status.code() == Code::kNotFound ? invalid(status.message(), status.hint()) : status;
  }
  Result<std::string> text(const std::string& key) {
    auto value = config_.string(key);
    if (!value.ok()) return as_invalid(value.status());
    return value;
  }
  Result<model::LedgerMs> time(const std::string& key) {
    ASSIGN_OR_RETURN(const std::string value, text(key));
    const auto parsed = render::parse_time(value);
    if (!parsed.ok()) return at(key, parsed.status());
    return *parsed;
  }
  Result<std::vector<std::string>> list(const std::string& key) {
    if (!config_.has(key)) return std::vector<std::string>{};
    return config_.strings(key);
  }
  Result<std::optional<std::vector<std::string>>> sorted_list(const std::string& key) {
    std::optional<std::vector<std::string>> out;
    if (!config_.has(key)) return out;
    ASSIGN_OR_RETURN(out, config_.strings(key));
    std::ranges::sort(*out);
    return out;
  }
  Result<std::uint64_t> number(const std::string& key, std::uint64_t most) {
    if (!config_.has(key)) return std::uint64_t{0};
    ASSIGN_OR_RETURN(const std::uint64_t value, config_.u64(key));
    if (value <= most) return value;
    return at(key, invalid("must be at most " + std::to_string(most)));
  }
  // The case's own, or the file's.
  std::string nearest(const std::string& base, const std::string& key) const {
    return config_.has(base + key) ? base + key : key;
  }

  Result<const engine::CompiledCurrency*> currency(const std::string& key, std::string_view code) {
    for (const engine::CompiledCurrency& one : compiled_.currencies()) {
      if (one.code == code) return &one;
    }
    return at(key, invalid("the bundle has no unit for \"" + to_printable(code) + "\""));
  }
  Result<Bytes> script(const std::string& key, const std::string& address,
                       const engine::CompiledCurrency& currency) {
    auto out = ledger::chains::bitcoin::parse_address(address, currency.chain);
    if (!out.ok()) return at(key, out.status());
    return out;
  }

  // Ledger time does not go back: a request is opened when what it comes after has been asked.
  Status check_times(const Expectations& all, const ExpectedCase& one) const {
    model::LedgerMs now = all.in_force_since;
    std::string before = "in_force_since";
    std::vector<const ExpectedCase*> asked;
    for (const std::size_t place : one.after) asked.push_back(&all.cases[place]);
    asked.push_back(&one);
    for (const ExpectedCase* next : asked) {
      if (next->time.get() < now.get() + kHourMs * next->waited_hours) {
        return at("cases." + one.name, invalid("cases." + next->name + " begins before " + before));
      }
      now = next->time;
      before = "cases." + next->name + " is asked";
    }
    return ok_status();
  }

  // What stands for all cases is read even when each of them has its own.
  Status check_defaults() {
    if (config_.has("kyc_until")) TRY(time("kyc_until"));
    if (!config_.has("reserve")) return ok_status();
    Status refusal = invalid("the bundle has no currency to count it in");
    for (const engine::CompiledCurrency& one : compiled_.currencies()) {
      const auto found = amount("reserve", one.decimals);
      if (found.ok()) return ok_status();
      refusal = found.status();
    }
    return refusal;
  }

  Status read_listed(std::vector<bundle::AllowEntry>& out) {
    ASSIGN_OR_RETURN(const auto entries, list("listed"));
    for (const std::string& entry : entries) {
      const Words words = words_of(entry);
      if (words.size() != 2)
        return at("listed", invalid("\"" + to_printable(entry) + "\" is not \"BTC ADDRESS\""));
      ASSIGN_OR_RETURN(const auto* found, currency("listed", words[0]));
      TRY(script("listed", words[1], *found));
      out.push_back({to_bytes(words[0]), to_bytes(words[1]), to_bytes("expectation"),
                     to_bytes("stands in the expectations"), render::kMaxTime});
    }
    return ok_status();
  }

  Status read_prices(std::vector<engine::Price>& out) {
    ASSIGN_OR_RETURN(const auto entries, list("prices"));
    if (entries.empty()) return ok_status();
    if (!compiled_.bundle().price_source) return at("prices", invalid("the bundle names no price source"));
    for (const std::string& entry : entries) {
      const Words words = words_of(entry);
      if (words.size() != 2)
        return at("prices", invalid("\"" + to_printable(entry) + "\" is not \"BTC 60000\""));
      ASSIGN_OR_RETURN(const auto* found, currency("prices", words[0]));
      const auto price = parse_amount(words[1], compiled_.bundle().price_source->decimals);
      if (!price.ok()) return at("prices", price.status());
      if (price->get() == 0) return at("prices", invalid("the price of " + words[0] + " is 0"));
      if (std::ranges::find(out, found->id, &engine::Price::currency) != out.end()) {
        return at("prices", invalid(words[0] + " has two prices"));
      }
      out.push_back({found->id, price->get()});
    }
    std::ranges::sort(out, {}, &engine::Price::currency);
    return ok_status();
  }

  Result<ExpectedCase> read_case(const std::string& name, const std::vector<std::string>& names) {
    const std::string base = "cases." + name + ".";
    ExpectedCase out;
    out.name = name;
    out.time = default_time_;
    if (config_.has(base + "time")) {
      ASSIGN_OR_RETURN(out.time, time(base + "time"));
    }
    TRY(read_question(base, out));
    TRY(read_circumstances(base, names, out));
    TRY(read_answer(base, out));
    return out;
  }

  Status read_question(const std::string& base, ExpectedCase& out) {
    ASSIGN_OR_RETURN(const std::string ask, text(base + "ask"));
    // Which case it is decides about its subject: a case stands for one deposit, slot, proposal or ballot.
    out.facts.subject = crypto::sha256(as_bytes(out.name));
    if (ask == "mint") return read_mint(base, out.facts);
    if (ask == "payout") return read_payout(base, out.facts);
    TRY(read_officer(base, out));
    if (ask == "propose") return read_proposal(base, out.facts);
    if (ask == "ballot") return read_ballot(base, out.facts);
    return at(base + "ask", invalid("must be mint, payout, propose or ballot"));
  }

  Result<const engine::CompiledCurrency*> read_money(const std::string& base, model::IntentFacts& out) {
    ASSIGN_OR_RETURN(const std::string code, text(base + "currency"));
    ASSIGN_OR_RETURN(const auto* found, currency(base + "currency", code));
    out.currency = found->id;
    out.epoch = model::WalletEpoch(1);
    ASSIGN_OR_RETURN(out.reserve, amount(nearest(base, "reserve"), found->decimals));
    return found;
  }
  Result<model::Amount> amount(const std::string& key, unsigned decimals) {
    ASSIGN_OR_RETURN(const std::string value, text(key));
    auto out = parse_amount(value, decimals);
    if (!out.ok()) return at(key, out.status());
    return out;
  }
  Result<model::GatewayId> gateway(const std::string& key, const std::string& name) {
    if (!render::is_name(as_bytes(name)))
      return at(key, invalid("\"" + to_printable(name) + "\" is no gateway's name"));
    const auto place = gateways_.emplace(name, static_cast<std::uint32_t>(gateways_.size() + 1)).first;
    return model::GatewayId(place->second);
  }

  Status read_mint(const std::string& base, model::IntentFacts& out) {
    out.kind = model::IntentKind::kMint;
    ASSIGN_OR_RETURN(const auto* found, read_money(base, out));
    ASSIGN_OR_RETURN(out.amount, amount(base + "amount", found->decimals));
    ASSIGN_OR_RETURN(const std::string name, text(base + "gateway"));
    ASSIGN_OR_RETURN(out.gateway, gateway(base + "gateway", name));
    out.gateway_name = to_bytes(name);
    ASSIGN_OR_RETURN(out.kyc_expiry, time(nearest(base, "kyc_until")));
    ASSIGN_OR_RETURN(const std::uint64_t confirmations,
                     number(base + "confirmations", std::numeric_limits<std::uint32_t>::max()));
    out.confirmations = static_cast<std::uint32_t>(confirmations);
    out.deposit = {model::ExternalHash(out.subject.array()), 0};
    return ok_status();
  }

  Status read_payout(const std::string& base, model::IntentFacts& out) {
    out.kind = model::IntentKind::kPayout;
    ASSIGN_OR_RETURN(const auto* found, read_money(base, out));
    ASSIGN_OR_RETURN(out.fee, amount(base + "fee", found->decimals));
    model::Amount fee_cap = out.fee;
    if (config_.has(base + "fee_cap")) {
      ASSIGN_OR_RETURN(fee_cap, amount(base + "fee_cap", found->decimals));
    }
    out.slot = model::SlotId(++slots_);
    ASSIGN_OR_RETURN(const auto burns, list(base + "pay"));
    if (burns.empty()) return at(base + "pay", invalid("a payout pays at least one burn"));
    std::uint64_t sum = out.fee.get();
    for (const std::string& burn : burns) {
      ASSIGN_OR_RETURN(const model::PayeeFact payee, read_burn(base, burn, *found, fee_cap));
      out.payees.push_back(payee);
      const auto next = checked_add(sum, payee.amount.get());
      if (!next) return at(base + "pay", invalid("the amounts are too large"));
      sum = *next;
    }
    out.amount = model::Amount(sum);
    return ok_status();
  }
  Result<model::PayeeFact> read_burn(const std::string& base, const std::string& burn,
                                     const engine::CompiledCurrency& found, model::Amount fee_cap) {
    const std::string key = base + "pay";
    const Words words = words_of(burn);
    if (words.size() != 4 || words[2] != "to") {
      return at(key, invalid("\"" + to_printable(burn) + "\" is not \"GATEWAY AMOUNT to ADDRESS\""));
    }
    model::PayeeFact out;
    out.burn = ++burns_;
    ASSIGN_OR_RETURN(out.gateway, gateway(key, words[0]));
    out.gateway_name = to_bytes(words[0]);
    const auto parsed = parse_amount(words[1], found.decimals);
    if (!parsed.ok()) return at(key, parsed.status());
    out.amount = *parsed;
    out.fee_cap = fee_cap;
    ASSIGN_OR_RETURN(out.script, script(key, words[3], found));
    ASSIGN_OR_RETURN(out.kyc_expiry, time(nearest(base, "kyc_until")));
    return out;
  }

  // A mint or payout has none: its key is refused as unknown.
  Status read_officer(const std::string& base, ExpectedCase& out) {
    if (!config_.has(base + "officer")) return ok_status();
    ASSIGN_OR_RETURN(out.officer, config_.string(base + "officer"));
    if (bundle::find_officer(compiled_.bundle(), as_bytes(out.officer)) != nullptr) return ok_status();
    return at(base + "officer",
              invalid("\"" + to_printable(out.officer) + "\" is not an officer of the bundle"));
  }
  Status read_proposal(const std::string& base, model::IntentFacts& out) {
    out.kind = model::IntentKind::kProposalTx;
    return read_action(base, out);
  }
  Status read_action(const std::string& base, model::IntentFacts& out) {
    ASSIGN_OR_RETURN(const std::string action, text(base + "proposal"));
    if (!render::is_printable(as_bytes(action), render::kMaxAction)) {
      return at(base + "proposal", invalid("must be 1 to 200 printable ASCII characters"));
    }
    out.action = to_bytes(action);
    return ok_status();
  }
  Status read_ballot(const std::string& base, model::IntentFacts& out) {
    out.kind = model::IntentKind::kBallot;
    out.proposal = model::TxId(out.subject.array());
    out.action = to_bytes("register gateway example");
    if (config_.has(base + "proposal")) TRY(read_action(base, out));
    const auto approve = config_.boolean(base + "approve");
    if (!approve.ok()) return as_invalid(approve.status());
    out.approve = *approve;
    return ok_status();
  }

  Status read_circumstances(const std::string& base, const std::vector<std::string>& names,
                            ExpectedCase& out) {
    ASSIGN_OR_RETURN(out.waited_hours, number(base + "waited_hours", bundle::kMaxHours));
    ASSIGN_OR_RETURN(const auto approvals, list(base + "approved_by"));
    for (const std::string& approval : approvals) {
      const Words words = words_of(approval);
      const bundle::Officer* officer = words.size() == 3 && words[1] == "as"
                                           ? bundle::find_officer(compiled_.bundle(), as_bytes(words[0]))
                                           : nullptr;
      if (officer == nullptr || !bundle::is_member_of(*officer, as_bytes(words[2]))) {
        return at(base + "approved_by", invalid("\"" + to_printable(approval) +
                                                    "\" is not an officer of the bundle as one of his groups",
                                                "write \"alice as treasury\""));
      }
      if (std::ranges::find(out.approved_by, words[0], &ApprovedBy::officer) != out.approved_by.end()) {
        return at(base + "approved_by", invalid(words[0] + " approves twice", "a person counts once"));
      }
      if (words[0] == out.officer) {
        return at(base + "approved_by",
                  invalid(words[0] + " asks for it, so that his approval does not count", "name others"));
      }
      out.approved_by.push_back({words[0], words[2]});
    }
    ASSIGN_OR_RETURN(const auto after, list(base + "after"));
    for (const std::string& name : after) {
      const auto place = std::ranges::find(names, name);
      if (place == names.end() || name == out.name) {
        return at(base + "after", invalid("there is no other case \"" + to_printable(name) + "\""));
      }
      const auto index = static_cast<std::size_t>(place - names.begin());
      if (std::ranges::find(out.after, index) != out.after.end()) {
        return at(base + "after", invalid("\"" + to_printable(name) + "\" is asked twice"));
      }
      out.after.push_back(index);
    }
    return ok_status();
  }

  Status read_answer(const std::string& base, ExpectedCase& out) {
    ASSIGN_OR_RETURN(const std::string expect, text(base + "expect"));
    bool known = false;
    for (const auto outcome : {engine::Outcome::kAllow, engine::Outcome::kPending, engine::Outcome::kDeny}) {
      if (expect != engine::outcome_name(outcome)) continue;
      out.expect = outcome;
      known = true;
    }
    if (!known) return at(base + "expect", invalid("must be ALLOW, PENDING or DENY"));
    if (config_.has(base + "rule")) {
      ASSIGN_OR_RETURN(out.rule, config_.string(base + "rule"));
    }
    ASSIGN_OR_RETURN(out.policies, sorted_list(base + "policies"));
    ASSIGN_OR_RETURN(out.wants, sorted_list(base + "wants"));
    return ok_status();
  }

  Config config_;
  const engine::CompiledBundle& compiled_;
  model::LedgerMs default_time_;
  std::map<std::string, std::uint32_t> gateways_;
  std::uint64_t slots_ = 0;
  std::uint64_t burns_ = 0;
};

}  // namespace

Result<Expectations> parse_expectations(std::string_view text, const std::string& origin,
                                        const engine::CompiledBundle& compiled) {
  ASSIGN_OR_RETURN(Config config, Config::parse(text, origin));
  return Parser(std::move(config), compiled).parse(origin);
}

}  // namespace custody::signer::cli
