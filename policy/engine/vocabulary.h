// The facts that policies can be about: a fixed table (action, attribute) -> type and unit. A bundle's schema
// declares any part of it and nothing else; the engine fills what is declared. Thread-safety: pure functions
// and values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cedar/schema.h"
#include "policy/engine/windows.h"

namespace custody::policy::engine {

enum class ActionKind : std::uint8_t { kMint, kWithdraw, kPayout, kPropose, kBallot };
constexpr std::size_t kActions = 5;
constexpr std::string_view kLedgerName = "chain";  // what proposals and ballots are about: Ledger::"chain"
std::string_view action_name(ActionKind action);   // "mint"
bool moves_money(ActionKind action);

enum class Fact : std::uint8_t {
  kAmount,           // mint: what is credited; withdraw: what the payee gets; payout: payees and fee
  kAmountReference,  // the same in the reference unit, at the price stated last
  kFee,              // payout: of the external chain
  kFeeCap,           // what the burn, or all of them, let the fee be
  kReserveShare,
  kConfirmations,
  kPayees,
  kPayeeAddress,
  kPayeeListed,
  kPayeeOwner,  // empty when not listed
  kPayeeListedHours,
  kWindow,    // FactRow::scope, period, measure
  kProposal,  // what is proposed, or voted on
  kApprove,   // whether the ballot is for it
  kHeight,
  kTime,
  kHour,
  kWeekday,
  kWaitedHours,
};

enum class Scope : std::uint8_t { kCurrency, kGateway, kPayee, kAll };  // kAll: every currency
enum class Measure : std::uint8_t { kAmount, kCount, kReference };

struct FactRow {
  std::string path;  // "windows.gateway.amount24h", below context
  cedar::Type::Kind type = cedar::Type::Kind::kLong;
  std::string_view unit;     // empty: it has none
  std::uint8_t actions = 0;  // bit of each ActionKind that has it
  Fact fact = Fact::kAmount;
  Scope scope = Scope::kCurrency;
  Period period = Period::kHour;
  Measure measure = Measure::kAmount;

  bool belongs_to(ActionKind action) const { return (actions >> static_cast<unsigned>(action) & 1) != 0; }
  bool needs_price() const;
};

// Everything but the approvals, which every action has: a number for each group, and `distinct`.
const std::vector<FactRow>& fact_table();

// An attribute that a schema declares, as the engine fills it: a record, a fact or a number of approvals.
struct DeclaredField {
  static constexpr std::size_t kNoGroup = SIZE_MAX;
  std::string name;
  const FactRow* row = nullptr;
  std::size_t group = kNoGroup;       // place in the bundle's groups; their number means `distinct`
  std::size_t place = 0;              // in its record, whose fields are in the order of cedar::make_record
  std::vector<DeclaredField> fields;  // as the schema declares them

  bool is_approvals() const { return group != kNoGroup; }
  bool is_record() const { return row == nullptr && !is_approvals(); }
};

struct DeclaredAction {
  DeclaredField context;  // a record without a name
  bool in_money_out = false;
  bool by_member = false;  // who may ask for it; only of what moves no money
  bool by_officer = false;
};

struct DeclaredFacts {
  std::array<std::optional<DeclaredAction>, kActions> actions;  // what is not declared is denied
  bool currency = false;                                        // the entity types
  bool gateway = false;
  bool gateway_kyc_hours = false;
  bool group = false;
  bool officer = false;
  bool officer_in_group = false;
  bool wallet_frozen = false;
  bool wallet_in_currency = false;
};

// That the schema is a part of the table. groups: of the bundle, ascending. prices: whether the bundle names
// a price source. kInvalid names the first declaration that is not, and what to do.
Result<DeclaredFacts> read_declared_facts(const cedar::Schema& schema, std::span<const Bytes> groups,
                                          bool prices);

// A schema that declares everything there is, with comments, as an officer reads it.
std::string schema_text(std::span<const Bytes> groups, bool prices);

}  // namespace custody::policy::engine
