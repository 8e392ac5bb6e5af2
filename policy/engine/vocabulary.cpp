#include "policy/engine/vocabulary.h"

#include <algorithm>

#include "policy/cedar/lexer.h"

namespace custody::policy::engine {
namespace {

using Kind = cedar::Type::Kind;

constexpr std::string_view kHours = "hours";
constexpr std::string_view kBlocks = "blocks";
constexpr std::string_view kOfficers = "officers";
constexpr std::string_view kUnits = "currency units, rounded up";
constexpr std::string_view kReferenceUnits = "reference units, rounded up";
constexpr std::string_view kRemove =
    "remove it; `custodyctl policy new` writes a schema with everything that the engine knows";

constexpr std::uint8_t bit(ActionKind action) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(action));
}
constexpr std::uint8_t kMint = bit(ActionKind::kMint);
constexpr std::uint8_t kWithdraw = bit(ActionKind::kWithdraw);
constexpr std::uint8_t kPayout = bit(ActionKind::kPayout);
constexpr std::uint8_t kMoney = kMint | kWithdraw | kPayout;
constexpr std::uint8_t kAllActions = kMoney | bit(ActionKind::kPropose) | bit(ActionKind::kBallot);

constexpr std::string_view kScopeNames[] = {"currency", "gateway", "payee", "all"};
constexpr std::string_view kMeasureNames[] = {"amount", "count", "reference"};
constexpr std::string_view kMeasureUnits[] = {kUnits, "mints or burns", kReferenceUnits};
constexpr std::string_view kPeriodNames[] = {"1h", "24h", "7d"};

void add_windows(std::vector<FactRow>* table) {
  constexpr std::uint8_t kScopeActions[] = {kMoney, kMint | kWithdraw, kWithdraw, kMoney};
  for (const Scope scope : {Scope::kCurrency, Scope::kGateway, Scope::kPayee, Scope::kAll}) {
    for (const Measure measure : {Measure::kAmount, Measure::kReference, Measure::kCount}) {
      // Amounts of different currencies add up in the reference unit only.
      if (measure == (scope == Scope::kAll ? Measure::kAmount : Measure::kReference)) continue;
      for (const Period period : {Period::kHour, Period::kDay, Period::kWeek}) {
        FactRow row;
        const auto at = [](auto value) { return static_cast<std::size_t>(value); };
        row.path = std::string("windows.").append(kScopeNames[at(scope)]).append(".");
        row.path.append(kMeasureNames[at(measure)]).append(kPeriodNames[at(period)]);
        row.unit = kMeasureUnits[at(measure)];
        row.actions = kScopeActions[at(scope)];
        row.fact = Fact::kWindow;
        row.scope = scope;
        row.period = period;
        row.measure = measure;
        table->push_back(row);
      }
    }
  }
}

std::vector<FactRow> make_table() {
  const auto row = [](std::string path, Kind type, std::string_view unit, std::uint8_t actions, Fact fact) {
    FactRow out;
    out.path = std::move(path);
    out.type = type;
    out.unit = unit;
    out.actions = actions;
    out.fact = fact;
    return out;
  };
  std::vector<FactRow> table = {
      row("amount", Kind::kLong, kUnits, kMoney, Fact::kAmount),
      row("amountReference", Kind::kLong, kReferenceUnits, kMoney, Fact::kAmountReference),
      row("fee", Kind::kLong, kUnits, kPayout, Fact::kFee),
      row("feeCap", Kind::kLong, kUnits, kWithdraw | kPayout, Fact::kFeeCap),
      row("reserveShareBp", Kind::kLong, "1/10000 of the recorded reserve, rounded up", kMoney,
          Fact::kReserveShare),
      row("confirmations", Kind::kLong, kBlocks, kMint, Fact::kConfirmations),
      row("payees", Kind::kLong, "burns", kPayout, Fact::kPayees),
      row("payee.address", Kind::kString, "", kWithdraw, Fact::kPayeeAddress),
      row("payee.listed", Kind::kBool, "", kWithdraw, Fact::kPayeeListed),
      row("payee.listedHours", Kind::kLong, kHours, kWithdraw, Fact::kPayeeListedHours),
      row("payee.owner", Kind::kString, "", kWithdraw, Fact::kPayeeOwner),
  };
  add_windows(&table);
  for (FactRow& more : std::vector<FactRow>{
           row("proposal", Kind::kString, "", bit(ActionKind::kPropose) | bit(ActionKind::kBallot),
               Fact::kProposal),
           row("approve", Kind::kBool, "", bit(ActionKind::kBallot), Fact::kApprove),
           row("height", Kind::kLong, kBlocks, kAllActions, Fact::kHeight),
           row("time", Kind::kDatetime, "ledger time, UTC", kAllActions, Fact::kTime),
           row("hour", Kind::kLong, "0 to 23, UTC", kAllActions, Fact::kHour),
           row("weekday", Kind::kLong, "1 (Monday) to 7 (Sunday), UTC", kAllActions, Fact::kWeekday),
           row("waitedHours", Kind::kLong, kHours, kAllActions, Fact::kWaitedHours)}) {
    table.push_back(std::move(more));
  }
  return table;
}

std::string_view leaf_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : std::string(path).append(".").append(name);
}

std::optional<ActionKind> find_action(const cedar::EntityUid& uid) {
  if (uid.type != "Action") return std::nullopt;
  for (std::size_t i = 0; i < kActions; ++i) {
    if (uid.id == action_name(static_cast<ActionKind>(i))) return static_cast<ActionKind>(i);
  }
  return std::nullopt;
}

// Reads one schema.
class SchemaReader {
 public:
  SchemaReader(const cedar::Schema& schema, std::span<const Bytes> groups, bool prices)
      : schema_(schema), groups_(groups), prices_(prices) {}

  Result<DeclaredFacts> read() && {
    for (const cedar::SchemaAnnotation& annotation : schema_.annotations()) TRY(check_annotation(annotation));
    for (const auto& [name, type] : schema_.types()) TRY(read_type(type));
    for (const cedar::ActionType& action : schema_.actions()) TRY(read_action(action));
    return std::move(out_);
  }

 private:
  Status check_annotation(const cedar::SchemaAnnotation& annotation) const {
    if (annotation.name == "doc") return ok_status();
    const std::string what = annotation.where + ": the annotation @" + annotation.name;
    if (annotation.name != "unit") {
      return invalid(what + " is not known: annotations decide nothing",
                     "remove it, or say it with @doc(\"...\")");
    }
    std::string_view unit;
    for (const FactRow& row : fact_table()) {
      if (leaf_of(row.path) == annotation.attribute && !row.unit.empty()) unit = row.unit;
      if (leaf_of(row.path) == annotation.attribute && row.unit == annotation.value) return ok_status();
    }
    if (annotation.attribute == "kycHours") unit = kHours;
    if (unit.empty() && is_approvals_name(annotation.attribute)) unit = kOfficers;
    if (!unit.empty() && unit == annotation.value) return ok_status();
    if (is_approvals_name(annotation.attribute) && annotation.value == kOfficers) return ok_status();
    if (unit.empty()) return invalid(what + " stands where there is no unit", "remove it");
    return invalid(what + " says " + cedar::quote(annotation.value) + " of " + annotation.attribute,
                   "the engine gives it in " + cedar::quote(unit));
  }

  bool is_approvals_name(std::string_view name) const {
    return name == "distinct" || find_group(name) != DeclaredField::kNoGroup;
  }

  std::size_t find_group(std::string_view name) const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (as_text(groups_[i]) == name) return i;
    }
    return DeclaredField::kNoGroup;
  }

  Status read_type(const cedar::EntityType& type) {
    const std::string what = "the entity type " + std::string(type.name);
    constexpr std::string_view kTypes[] = {"Currency", "Gateway", "Group", "Ledger",
                                           "Member",   "Officer", "Wallet"};
    if (std::ranges::find(kTypes, type.name) == std::end(kTypes)) {
      return invalid(
          what + " is not known; there are Currency, Gateway, Group, Ledger, Member, Officer and Wallet",
          std::string(kRemove));
    }
    if (type.tags != nullptr || type.enumerated) {
      return invalid(what + " cannot have tags or be an enumeration",
                     "declare it as `entity " + std::string(type.name) + ";`");
    }
    TRY(read_parents(what, type));
    if (type.name == "Currency") out_.currency = true;
    if (type.name == "Gateway") out_.gateway = true;
    if (type.name == "Group") out_.group = true;
    if (type.name == "Officer") out_.officer = true;
    return read_attributes(what, type);
  }

  Status read_parents(const std::string& what, const cedar::EntityType& type) {
    for (const std::string_view parent : type.parents) {
      if (type.name == "Wallet" && parent == "Currency") {
        out_.wallet_in_currency = true;
      } else if (type.name == "Officer" && parent == "Group") {
        out_.officer_in_group = true;
      } else {
        return invalid(what + " cannot be in " + std::string(parent),
                       "only these are in something: `entity Wallet in [Currency]`, `entity Officer in "
                       "[Group]`");
      }
    }
    return ok_status();
  }

  Status read_attributes(const std::string& what, const cedar::EntityType& type) {
    for (const cedar::AttributeType& attribute : type.attributes->attributes) {
      if (type.name == "Gateway" && attribute.name == "kycHours") {
        TRY(check_attribute(what, attribute, Kind::kLong));
        out_.gateway_kyc_hours = true;
      } else if (type.name == "Wallet" && attribute.name == "frozen") {
        TRY(check_attribute(what, attribute, Kind::kBool));
        out_.wallet_frozen = true;
      } else {
        return invalid(what + " has no attribute " + cedar::quote(attribute.name), std::string(kRemove));
      }
    }
    return ok_status();
  }

  static Status check_attribute(const std::string& what, const cedar::AttributeType& attribute, Kind kind) {
    const std::string name = what + ": " + cedar::quote(attribute.name);
    if (!attribute.required) {
      return invalid(name + " is optional, but the engine gives it always", "remove the ?");
    }
    if (attribute.type->kind != kind) {
      return invalid(name + " is declared as " + to_string(*attribute.type),
                     "declare it as " + to_string(*cedar::basic_type(kind)));
    }
    return ok_status();
  }

  Status read_action(const cedar::ActionType& action) {
    const std::string what = "the action " + cedar::to_string(action.uid);
    if (action.uid == cedar::entity_uid("Action", "moneyOut")) {
      if (action.parents.empty() && action.principals.empty()) return ok_status();
      return invalid(what + " stands for withdraw and payout and has nothing of its own",
                     "declare it as `action moneyOut;`");
    }
    const auto kind = find_action(action.uid);
    if (!kind) {
      return invalid(what + " is not known; there are mint, withdraw, payout, propose and ballot",
                     std::string(kRemove));
    }
    DeclaredAction declared;
    for (const cedar::EntityUid& parent : action.parents) {
      const bool out = *kind == ActionKind::kWithdraw || *kind == ActionKind::kPayout;
      if (!out || parent != cedar::entity_uid("Action", "moneyOut")) {
        return invalid(what + " cannot be in " + cedar::to_string(parent),
                       "only withdraw and payout are in moneyOut");
      }
      declared.in_money_out = true;
    }
    TRY(read_principals(what, *kind, action.principals, &declared));
    TRY(check_side(what, "resource", action.resources, moves_money(*kind) ? "Wallet" : "Ledger"));
    TRY(read_record(what, *kind, "", *action.context, &declared.context));
    out_.actions[static_cast<std::size_t>(*kind)] = std::move(declared);
    return ok_status();
  }

  static Status read_principals(const std::string& what, ActionKind kind,
                                std::span<const std::string_view> types, DeclaredAction* declared) {
    if (moves_money(kind)) {
      const bool by_gateway = kind == ActionKind::kMint || kind == ActionKind::kWithdraw;
      return check_side(what, "principal", types, by_gateway ? "Gateway" : "Member");
    }
    const auto has = [&](std::string_view type) {
      return std::ranges::find(types, type) != std::ranges::end(types);
    };
    declared->by_member = has("Member");
    declared->by_officer = has("Officer");
    const std::size_t known = (declared->by_member ? 1u : 0u) + (declared->by_officer ? 1u : 0u);
    if (known > 0 && types.size() == known) return ok_status();
    return invalid(what + " must have the principal Member or Officer, or both, and no other",
                   "write `principal: [Member, Officer]`");
  }

  static Status check_side(const std::string& what, const std::string& side,
                           std::span<const std::string_view> types, std::string_view wanted) {
    if (types.size() == 1 && types.front() == wanted) return ok_status();
    return invalid(what + " must have the " + side + " " + std::string(wanted) + " alone",
                   "write `" + side + ": " + std::string(wanted) + "`");
  }

  Status read_record(const std::string& what, ActionKind action, const std::string& path,
                     const cedar::Type& type, DeclaredField* out) const {
    for (const cedar::AttributeType& attribute : type.attributes) {
      DeclaredField field;
      field.name = std::string(attribute.name);
      TRY(read_field(what, action, join(path, attribute.name), attribute, &field));
      out->fields.push_back(std::move(field));
    }
    give_places(&out->fields);
    return ok_status();
  }

  static void give_places(std::vector<DeclaredField>* fields) {
    for (DeclaredField& field : *fields) {
      field.place = static_cast<std::size_t>(std::ranges::count_if(*fields, [&](const DeclaredField& other) {
        return cedar::field_name_less(other.name, field.name);
      }));
    }
  }

  Status read_field(const std::string& what, ActionKind action, const std::string& path,
                    const cedar::AttributeType& attribute, DeclaredField* out) const {
    if (path == "approvals") return read_approvals(what, attribute, out);
    bool is_record = false;
    for (const FactRow& row : fact_table()) {
      if (!row.belongs_to(action)) continue;
      if (row.path == path) return read_fact(what, row, attribute, out);
      is_record = is_record || row.path.starts_with(path + ".");
    }
    if (!is_record) {
      return invalid(what + ": there is no context." + path + " that the engine could give",
                     std::string(kRemove));
    }
    TRY(check_attribute(what, attribute, Kind::kRecord));
    return read_record(what, action, path, *attribute.type, out);
  }

  Status read_fact(const std::string& what, const FactRow& row, const cedar::AttributeType& attribute,
                   DeclaredField* out) const {
    TRY(check_attribute(what, attribute, row.type));
    if (row.needs_price() && !prices_) {
      return invalid(what + ": context." + row.path + " needs prices, and the bundle names no price source",
                     "name one in bundle.toml, or remove the attribute");
    }
    out->row = &row;
    return ok_status();
  }

  Status read_approvals(const std::string& what, const cedar::AttributeType& attribute,
                        DeclaredField* out) const {
    TRY(check_attribute(what, attribute, Kind::kRecord));
    for (const cedar::AttributeType& number : attribute.type->attributes) {
      TRY(check_attribute(what, number, Kind::kLong));
      DeclaredField field;
      field.name = std::string(number.name);
      field.group = number.name == "distinct" ? groups_.size() : find_group(number.name);
      if (!field.is_approvals()) {
        return invalid(what + ": approvals of " + cedar::quote(number.name) + ", which is no group",
                       "name one of the bundle's groups, or `distinct`");
      }
      out->fields.push_back(std::move(field));
    }
    give_places(&out->fields);
    return ok_status();
  }

  const cedar::Schema& schema_;
  std::span<const Bytes> groups_;
  bool prices_;
  DeclaredFacts out_;
};

std::string_view type_text(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "Bool";
    case Kind::kString:
      return "String";
    case Kind::kDatetime:
      return "datetime";
    default:
      return "Long";
  }
}

std::string field_name(std::string_view group) {
  const bool plain = std::ranges::all_of(group, [](char c) { return c >= 'a' && c <= 'z'; });
  return plain && !cedar::is_reserved_word(group) ? std::string(group) : cedar::quote(group);
}

std::string_view principals_text(ActionKind action) {
  if (!moves_money(action)) return "[Member, Officer]";
  return action == ActionKind::kPayout ? "Member" : "Gateway";
}

// Writes what schema_text() returns.
class SchemaWriter {
 public:
  SchemaWriter(std::span<const Bytes> groups, bool prices) : groups_(groups), prices_(prices) {}

  std::string write() && {
    out_ =
        "// What the policies can be about. The signer fills every attribute that stands here from the "
        "request,\n"
        "// its proofs, its journal and the bundle. Lines may be removed; nothing can be added.\n\n"
        "entity Currency;\n"
        "entity Gateway {\n  @unit(\"hours\") @doc(\"until its KYC ends; 0 when it is over\") kycHours: "
        "Long,\n"
        "};\n"
        "entity Group;\n"
        "entity Ledger;\n"
        "entity Member;\n"
        "entity Officer in [Group];\n"
        "entity Wallet in [Currency] { frozen: Bool };\n\n"
        "// Officers whose approval counts: valid now, not the initiator, each in one group.\n";
    write_approvals();
    out_ += "// What went in, or out, in a period of ledger time, waiting requests and this one included.\n";
    write_totals("Totals", Scope::kCurrency);
    write_totals("TotalsOfAll", Scope::kAll);
    out_ +=
        "\n// Both ways for money to leave: each burn, and the plan that pays all of them.\naction "
        "moneyOut;\n";
    write_action(ActionKind::kMint);
    write_action(ActionKind::kWithdraw);
    write_action(ActionKind::kPayout);
    out_ +=
        "\n// Asked by an officer, who has signed that he asks and whose approval does not count, or by the "
        "member's\n// operator.\n";
    write_action(ActionKind::kPropose);
    write_action(ActionKind::kBallot);
    return std::move(out_);
  }

 private:
  void line(std::size_t indent, std::string_view name, const FactRow& row) {
    out_.append(indent, ' ');
    if (!row.unit.empty()) out_.append("@unit(").append(cedar::quote(row.unit)).append(") ");
    out_.append(name).append(": ").append(type_text(row.type)).append(",\n");
  }

  void write_approvals() {
    out_ += "type Approvals = {\n";
    for (const Bytes& group : groups_) {
      out_ += "  @unit(\"officers\") " + field_name(as_text(group)) + ": Long,\n";
    }
    out_ += "  @unit(\"officers\") @doc(\"of any group, each person once\") distinct: Long,\n};\n";
  }

  bool is_shown(const FactRow& row) const { return prices_ || !row.needs_price(); }

  void write_totals(const std::string& name, Scope scope) {
    out_ += "type " + name + " = {\n";
    for (const FactRow& row : fact_table()) {
      if (row.fact == Fact::kWindow && row.scope == scope && is_shown(row)) line(2, leaf_of(row.path), row);
    }
    out_ += "};\n";
  }

  void write_action(ActionKind action) {
    const bool out = action == ActionKind::kWithdraw || action == ActionKind::kPayout;
    out_.append("action ").append(action_name(action)).append(out ? " in [moneyOut]" : "");
    out_.append(" appliesTo {\n  principal: ").append(principals_text(action));
    out_.append(",\n  resource: ").append(moves_money(action) ? "Wallet" : "Ledger");
    out_ += ",\n  context: {\n";
    std::string record;
    for (const FactRow& row : fact_table()) {
      if (!row.belongs_to(action) || row.fact == Fact::kWindow || !is_shown(row)) continue;
      const std::size_t dot = row.path.find('.');
      const std::string parent = dot == std::string::npos ? std::string() : row.path.substr(0, dot);
      if (parent != record && !record.empty()) out_ += "    },\n";
      if (parent != record && !parent.empty()) out_ += "    " + parent + ": {\n";
      record = parent;
      line(record.empty() ? 4 : 6, leaf_of(row.path), row);
    }
    out_ += "    approvals: Approvals,\n";
    if (moves_money(action)) write_windows(action);
    out_ += "  },\n};\n";
  }

  void write_windows(ActionKind action) {
    out_ += "    windows: {\n";
    for (const Scope scope : {Scope::kCurrency, Scope::kGateway, Scope::kPayee, Scope::kAll}) {
      const bool has = std::ranges::any_of(fact_table(), [&](const FactRow& row) {
        return row.fact == Fact::kWindow && row.scope == scope && row.belongs_to(action);
      });
      if (!has) continue;
      out_.append("      ").append(kScopeNames[static_cast<std::size_t>(scope)]);
      out_.append(scope == Scope::kAll ? ": TotalsOfAll,\n" : ": Totals,\n");
    }
    out_ += "    },\n";
  }

  std::span<const Bytes> groups_;
  bool prices_;
  std::string out_;
};

}  // namespace

std::string_view action_name(ActionKind action) {
  constexpr std::string_view kNames[kActions] = {"mint", "withdraw", "payout", "propose", "ballot"};
  return kNames[static_cast<std::size_t>(action)];
}

bool moves_money(ActionKind action) {
  return (kMoney & bit(action)) != 0;
}

bool FactRow::needs_price() const {
  return fact == Fact::kAmountReference || (fact == Fact::kWindow && measure == Measure::kReference);
}

const std::vector<FactRow>& fact_table() {
  static const std::vector<FactRow> table = make_table();
  return table;
}

Result<DeclaredFacts> read_declared_facts(const cedar::Schema& schema, std::span<const Bytes> groups,
                                          bool prices) {
  return SchemaReader(schema, groups, prices).read();
}

std::string schema_text(std::span<const Bytes> groups, bool prices) {
  return SchemaWriter(groups, prices).write();
}

}  // namespace custody::policy::engine
