// The facts of a request as Cedar sees them: entities, and a context with what the bundle's schema declares.
// Memory is kept from one decision to the next. Thread-safety: one thread at a time.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cedar/arena.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/evaluator.h"
#include "policy/engine/compiled_bundle.h"
#include "policy/engine/state.h"

namespace custody::policy::engine {

// What is judged by itself: a mint, each burn of a plan, the whole plan, a proposal, a ballot.
struct Part {
  ActionKind action = ActionKind::kMint;
  std::uint64_t burn = 0;  // its sequence; 0: not a burn
  model::Amount amount;
  model::Amount fee_cap;
  model::GatewayId gateway;
  std::string_view gateway_name;
  model::LedgerMs kyc_expiry;
  Hash256 payee;             // SHA-256 of the script
  std::string_view address;  // as people write it
  std::string_view owner;    // empty: not listed
  model::LedgerMs listed_since;
};

// What all parts of a request share.
struct Subject {
  const model::IntentFacts* facts = nullptr;
  const CompiledCurrency* currency = nullptr;  // nullptr: no money moves
  std::span<const WindowAmount> amounts;       // of all parts
  model::LedgerMs time;
  model::Height height;
  const bundle::Officer* officer = nullptr;  // who asks for a proposal or ballot; nullptr: the operator
};

// amount in the currency's unit, rounded up; at most INT64_MAX.
std::int64_t in_units(unsigned __int128 amount, const CompiledCurrency& currency);
// numerator / denominator, rounded up; at most INT64_MAX, also for a denominator of 0.
std::int64_t rounded_up(unsigned __int128 numerator, unsigned __int128 denominator);
std::int64_t hour_of_day(model::LedgerMs time);  // 0..23, UTC
std::int64_t weekday(model::LedgerMs time);      // 1 Monday .. 7 Sunday, UTC

class ContextBuilder {
 public:
  // compiled must outlive the builder.
  explicit ContextBuilder(const CompiledBundle& compiled);

  // A request for Cedar in arena. nullptr: a declared fact is missing, and missing() names it. The state is
  // as of subject.time.
  const cedar::Request* build(const Part& part, const Subject& subject, const Approvals& approvals,
                              const EngineState& state, cedar::Arena& arena);
  // "amountReference: the last prices are older than 30 minutes"
  const std::string& missing() const { return missing_; }
  // For the request that was built last.
  const cedar::Entities& entities() const { return entities_; }

 private:
  struct CountedScope {
    WindowScope scope;
    WindowTotals totals;
  };
  struct Input {
    const Part& part;
    const Subject& subject;
    const Approvals& approvals;
    const EngineState& state;
    cedar::Arena& arena;
  };
  // Text that entities in the store point to, and its turn: the one before is still a key of the store.
  struct Names {
    std::array<std::string, 2> text;
    std::size_t turn = 0;
    cedar::EntityUid uid;
  };

  void fill_store();
  void add_officers(cedar::EntitiesBuilder* builder) const;
  bool add_record(const DeclaredField& record, const Input& input, cedar::Record* out);
  bool value_of(const DeclaredField& field, const Input& input, cedar::Value* out);
  bool fact_of(const FactRow& row, const Input& input, cedar::Value* out);
  bool number_of(const FactRow& row, const Input& input, std::int64_t* out);
  static std::int64_t plain_number(Fact fact, const Input& input);
  bool window_of(const FactRow& row, const Input& input, std::int64_t* out);
  const WindowTotals& totals_of(const WindowScope& scope, const Input& input);
  bool reference_total(const FactRow& row, const Input& input, std::int64_t* out);
  // In the reference unit; false: no price, and missing_ says so.
  bool in_reference(unsigned __int128 amount, model::CurrencyId currency, const FactRow& row,
                    const Input& input, std::int64_t* out);
  bool miss(const FactRow& row, const std::string& why);
  void put_gateway(const Part& part, const Subject& subject);
  void put_wallet(const Subject& subject);
  cedar::EntityUid principal_of(const Input& input) const;
  cedar::EntityUid resource_of(const Input& input) const;

  const CompiledBundle& compiled_;
  cedar::Arena store_arena_;
  cedar::Entities entities_;
  std::array<cedar::EntityUid, kActions> action_uids_;
  cedar::EntityUid member_;
  cedar::EntityUid ledger_;
  Names gateway_;
  Names wallet_;
  cedar::Field kyc_hours_;
  cedar::Field frozen_;
  std::array<cedar::EntityUid, 1> wallet_currency_;
  std::vector<CountedScope> counted_;  // that the context which is being built has asked for
  std::string missing_;
};

}  // namespace custody::policy::engine
