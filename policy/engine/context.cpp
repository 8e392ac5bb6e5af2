#include "policy/engine/context.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace custody::policy::engine {
namespace {

using cedar::Value;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kPlaceholder = "?";

unsigned __int128 power_of_ten(unsigned exponent) {
  unsigned __int128 out = 1;
  while (exponent-- > 0) out *= 10;
  return out;
}

std::int64_t saturated(std::uint64_t number) {
  return number > static_cast<std::uint64_t>(kMost) ? kMost : static_cast<std::int64_t>(number);
}

// Whole hours from a to b; 0 when b is not after a.
std::int64_t hours_between(model::LedgerMs a, model::LedgerMs b) {
  return b <= a ? 0 : static_cast<std::int64_t>((b.get() - a.get()) / kHourMs);
}

}  // namespace

std::int64_t rounded_up(unsigned __int128 numerator, unsigned __int128 denominator) {
  if (denominator == 0) return kMost;
  const unsigned __int128 quotient = numerator / denominator + (numerator % denominator == 0 ? 0 : 1);
  return quotient > static_cast<unsigned __int128>(kMost) ? kMost : static_cast<std::int64_t>(quotient);
}

std::int64_t in_units(unsigned __int128 amount, const CompiledCurrency& currency) {
  return rounded_up(amount, power_of_ten(currency.decimals - currency.unit));
}

std::int64_t hour_of_day(model::LedgerMs time) {
  return static_cast<std::int64_t>(time.get() / kHourMs % 24);
}

// 1970-01-01 was a Thursday.
std::int64_t weekday(model::LedgerMs time) {
  return static_cast<std::int64_t>((time.get() / (24 * kHourMs) + 3) % 7) + 1;
}

ContextBuilder::ContextBuilder(const CompiledBundle& compiled) : compiled_(compiled) {
  for (Names* names : {&gateway_, &wallet_}) {
    for (std::string& text : names->text) text.reserve(2 * model::kMaxName);
  }
  fill_store();
}

// Everything that does not change, and a place for the gateway and the wallet of the request.
void ContextBuilder::fill_store() {
  cedar::EntitiesBuilder builder;
  cedar::Arena& arena = builder.arena();
  const DeclaredFacts& facts = compiled_.facts();
  const auto add = [&builder](const cedar::EntityUid& uid, std::span<const cedar::EntityUid> parents = {}) {
    CHECK(builder.add(uid, {}, {}, parents).ok());
  };
  const cedar::EntityUid money_out = cedar::entity_uid("Action", "moneyOut");
  bool has_money_out = false;
  for (std::size_t i = 0; i < kActions; ++i) {
    action_uids_[i] = cedar::entity_uid("Action", action_name(static_cast<ActionKind>(i)));
    if (!facts.actions[i]) continue;
    const bool below = facts.actions[i]->in_money_out;
    has_money_out = has_money_out || below;
    add(action_uids_[i],
        below ? arena.copy(std::vector<cedar::EntityUid>{money_out}) : std::span<cedar::EntityUid>());
  }
  if (has_money_out) add(money_out);
  for (const CompiledCurrency& currency : compiled_.currencies()) {
    if (facts.currency) add(cedar::entity_uid("Currency", currency.code));
  }
  add_officers(&builder);
  member_ = cedar::entity_uid(store_arena_, "Member", as_text(compiled_.network().member_name));
  ledger_ = cedar::entity_uid("Ledger", kLedgerName);
  gateway_.uid = cedar::entity_uid("Gateway", kPlaceholder);
  wallet_.uid = cedar::entity_uid("Wallet", kPlaceholder);
  for (const cedar::EntityUid& uid : {member_, ledger_, gateway_.uid, wallet_.uid}) add(uid);
  auto built = std::move(builder).build();
  CHECK(built.ok());  // two levels, without cycles
  entities_ = std::move(built).value();
}

void ContextBuilder::add_officers(cedar::EntitiesBuilder* builder) const {
  const DeclaredFacts& facts = compiled_.facts();
  const bundle::Bundle& bundle = compiled_.bundle();
  if (facts.group) {
    for (const Bytes& group : bundle.groups) {
      CHECK(builder->add(cedar::entity_uid("Group", as_text(group)), {}, {}, {}).ok());
    }
  }
  if (!facts.officer) return;
  for (const bundle::Officer& officer : bundle.officers) {
    std::vector<cedar::EntityUid> groups;
    if (facts.officer_in_group) {
      for (const Bytes& group : officer.groups) groups.push_back(cedar::entity_uid("Group", as_text(group)));
    }
    const cedar::EntityUid uid = cedar::entity_uid("Officer", as_text(officer.name));
    CHECK(builder->add(uid, {}, {}, builder->arena().copy(groups)).ok());
  }
}

const cedar::Request* ContextBuilder::build(const Part& part, const Subject& subject,
                                            const Approvals& approvals, const EngineState& state,
                                            cedar::Arena& arena) {
  const std::size_t action = static_cast<std::size_t>(part.action);
  const auto& declared = compiled_.facts().actions[action];
  CHECK(declared.has_value());
  const Input input{part, subject, approvals, state, arena};
  counted_.clear();
  cedar::Record context;
  if (!add_record(declared->context, input, &context)) return nullptr;
  if (!part.gateway_name.empty()) put_gateway(part, subject);
  if (subject.currency != nullptr) put_wallet(subject);
  return arena.make<cedar::Request>(principal_of(input), action_uids_[action], resource_of(input), context);
}

bool ContextBuilder::add_record(const DeclaredField& record, const Input& input, cedar::Record* out) {
  const std::span<cedar::Field> fields = input.arena.array<cedar::Field>(record.fields.size());
  for (const DeclaredField& declared : record.fields) {
    cedar::Field& field = fields[declared.place];
    field.name = declared.name;
    if (!value_of(declared, input, &field.value)) return false;
  }
  auto made = cedar::make_record(fields);
  CHECK(made.ok());  // the schema declares no attribute twice
  *out = *made;
  return true;
}

bool ContextBuilder::value_of(const DeclaredField& field, const Input& input, Value* out) {
  if (field.is_approvals()) {
    const bool distinct = field.group == compiled_.bundle().groups.size();
    *out = Value(std::int64_t{distinct ? input.approvals.distinct : input.approvals.groups[field.group]});
    return true;
  }
  if (!field.is_record()) return fact_of(*field.row, input, out);
  auto* record = input.arena.make<cedar::Record>();
  if (!add_record(field, input, record)) return false;
  *out = Value(record);
  return true;
}

bool ContextBuilder::fact_of(const FactRow& row, const Input& input, Value* out) {
  const Part& part = input.part;
  switch (row.fact) {
    case Fact::kPayeeAddress:
      *out = Value(input.arena.copy(part.address));
      return true;
    case Fact::kPayeeOwner:
      *out = Value(input.arena.copy(part.owner));
      return true;
    case Fact::kPayeeListed:
      *out = Value(!part.owner.empty());
      return true;
    case Fact::kProposal:
      *out = Value(input.arena.copy(as_text(input.subject.facts->action)));
      return true;
    case Fact::kApprove:
      *out = Value(input.subject.facts->approve);
      return true;
    case Fact::kTime:
      *out = Value::datetime(saturated(input.subject.time.get()));
      return true;
    default:
      break;
  }
  std::int64_t number = 0;
  if (!number_of(row, input, &number)) return false;
  *out = Value(number);
  return true;
}

bool ContextBuilder::number_of(const FactRow& row, const Input& input, std::int64_t* out) {
  if (row.fact == Fact::kWindow) return window_of(row, input, out);
  if (row.fact == Fact::kAmountReference) {
    return in_reference(input.part.amount.get(), input.subject.currency->id, row, input, out);
  }
  *out = plain_number(row.fact, input);
  return true;
}

std::int64_t ContextBuilder::plain_number(Fact fact, const Input& input) {
  const Subject& subject = input.subject;
  const Part& part = input.part;
  switch (fact) {
    case Fact::kAmount:
      return in_units(part.amount.get(), *subject.currency);
    case Fact::kFee:
      return in_units(subject.facts->fee.get(), *subject.currency);
    case Fact::kFeeCap:
      return in_units(part.fee_cap.get(), *subject.currency);
    case Fact::kReserveShare:
      return rounded_up(static_cast<unsigned __int128>(part.amount.get()) * 10'000,
                        subject.facts->reserve.get());
    case Fact::kConfirmations:
      return subject.facts->confirmations;
    case Fact::kPayees:
      return static_cast<std::int64_t>(subject.facts->payees.size());
    case Fact::kPayeeListedHours:
      return part.owner.empty() ? 0 : hours_between(part.listed_since, subject.time);
    case Fact::kHeight:
      return saturated(subject.height.get());
    case Fact::kHour:
      return hour_of_day(subject.time);
    case Fact::kWeekday:
      return weekday(subject.time);
    case Fact::kWaitedHours:
      return input.approvals.waited_hours;
    default:
      CHECK(false);  // the others are no numbers of their own
  }
}

bool ContextBuilder::window_of(const FactRow& row, const Input& input, std::int64_t* out) {
  if (row.scope == Scope::kAll) return reference_total(row, input, out);
  WindowScope scope{input.part.action == ActionKind::kMint ? Direction::kIn : Direction::kOut,
                    input.subject.currency->id,
                    {},
                    {}};
  if (row.scope == Scope::kGateway) scope.gateway = input.part.gateway;
  if (row.scope == Scope::kPayee) scope.payee = input.part.payee;
  const WindowTotal& total = totals_of(scope, input)[static_cast<std::size_t>(row.period)];
  *out = row.measure == Measure::kCount ? saturated(total.count)
                                        : in_units(total.amount, *input.subject.currency);
  return true;
}

// With this request, once, whether it has been reserved before or not.
const WindowTotals& ContextBuilder::totals_of(const WindowScope& scope, const Input& input) {
  const auto known = std::ranges::find(counted_, scope, &CountedScope::scope);
  if (known != counted_.end()) return known->totals;
  const Windows& windows = input.state.windows();
  WindowTotals totals = windows.totals(scope);
  const WindowTotals own = windows.totals_of(input.subject.facts->subject, scope);
  for (std::size_t period = 0; period < kPeriods; ++period) {
    totals[period].amount -= own[period].amount;
    totals[period].count -= own[period].count;
    for (const WindowAmount& amount : input.subject.amounts) {
      if (!scope.covers(amount)) continue;
      totals[period].amount += amount.amount.get();
      ++totals[period].count;
    }
  }
  return counted_.emplace_back(CountedScope{scope, totals}).totals;
}

// Over all currencies of the network: the bundle before may have known others.
bool ContextBuilder::reference_total(const FactRow& row, const Input& input, std::int64_t* out) {
  const Direction direction = input.part.action == ActionKind::kMint ? Direction::kIn : Direction::kOut;
  std::uint64_t sum = 0;
  for (const model::Currency& currency : compiled_.network().currencies) {
    const WindowTotal& total =
        totals_of({direction, currency.id, {}, {}}, input)[static_cast<std::size_t>(row.period)];
    if (row.measure == Measure::kCount) {
      sum += total.count;
      continue;
    }
    std::int64_t value = 0;
    if (total.amount == 0) continue;
    if (!in_reference(total.amount, currency.id, row, input, &value)) return false;
    sum = std::min<std::uint64_t>(sum + static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(kMost));
  }
  *out = saturated(sum);
  return true;
}

bool ContextBuilder::in_reference(unsigned __int128 amount, model::CurrencyId id, const FactRow& row,
                                  const Input& input, std::int64_t* out) {
  const auto& source = compiled_.bundle().price_source;
  const auto& prices = input.state.prices();
  CHECK(source.has_value());  // read_declared_facts
  if (!prices || prices->source != source->name || prices->unit != source->unit ||
      prices->decimals != source->decimals) {
    return miss(row, "there are no prices by the bundle's source since it is in force");
  }
  const std::uint64_t max_age = std::uint64_t{source->max_age_minutes} * 60'000;
  if (prices->time < input.subject.time && input.subject.time.get() - prices->time.get() > max_age) {
    return miss(row,
                "the last prices are older than " + std::to_string(source->max_age_minutes) + " minutes");
  }
  const auto& currencies = compiled_.network().currencies;
  const auto currency = std::ranges::find(currencies, id, &model::Currency::id);
  CHECK(currency != currencies.end());  // every currency with a unit is the network's
  const auto price = std::ranges::find(prices->prices, id, &Price::currency);
  if (price == prices->prices.end()) {
    return miss(row, "there is no price of " + std::string(as_text(currency->code)));
  }
  unsigned __int128 value = 0;
  if (__builtin_mul_overflow(amount, static_cast<unsigned __int128>(price->price), &value)) {
    *out = kMost;
    return true;
  }
  *out = rounded_up(value, power_of_ten(currency->decimals));
  return true;
}

bool ContextBuilder::miss(const FactRow& row, const std::string& why) {
  missing_ = row.path + ": " + why;
  return false;
}

void ContextBuilder::put_gateway(const Part& part, const Subject& subject) {
  gateway_.turn ^= 1;
  gateway_.text[gateway_.turn].assign(part.gateway_name);
  const cedar::EntityUid uid = cedar::entity_uid("Gateway", gateway_.text[gateway_.turn]);
  kyc_hours_ = {"kycHours", Value(hours_between(subject.time, part.kyc_expiry))};
  cedar::Entity entity{uid, {}, {}, {}, {}};
  if (compiled_.facts().gateway_kyc_hours) entity.attributes = *cedar::make_record({&kyc_hours_, 1});
  entities_.replace(gateway_.uid, entity);
  gateway_.uid = uid;
}

// "BTC-1"; what is frozen is denied before any policy is asked.
void ContextBuilder::put_wallet(const Subject& subject) {
  wallet_.turn ^= 1;
  std::string& text = wallet_.text[wallet_.turn];
  char digits[16];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), subject.facts->epoch.get()).ptr;
  text.assign(subject.currency->code).append("-").append(digits, end);
  const cedar::EntityUid uid = cedar::entity_uid("Wallet", text);
  frozen_ = {"frozen", Value(false)};
  wallet_currency_ = {cedar::entity_uid("Currency", subject.currency->code)};
  cedar::Entity entity{uid, {}, {}, {}, {}};
  if (compiled_.facts().wallet_frozen) entity.attributes = *cedar::make_record({&frozen_, 1});
  if (compiled_.facts().wallet_in_currency) entity.parents = entity.ancestors = wallet_currency_;
  entities_.replace(wallet_.uid, entity);
  wallet_.uid = uid;
}

// The request outlives the names' turns: its own copies.
cedar::EntityUid ContextBuilder::principal_of(const Input& input) const {
  if (!input.part.gateway_name.empty()) {
    return cedar::entity_uid(input.arena, "Gateway", input.part.gateway_name);
  }
  if (input.subject.officer == nullptr) return member_;
  return cedar::entity_uid("Officer", as_text(input.subject.officer->name));
}

cedar::EntityUid ContextBuilder::resource_of(const Input& input) const {
  return input.subject.currency == nullptr ? ledger_
                                           : cedar::entity_uid(input.arena, "Wallet", wallet_.uid.id);
}

}  // namespace custody::policy::engine
