#include "policy/engine/explain.h"

#include <algorithm>

#include "policy/cedar/format.h"

namespace custody::policy::engine {
namespace {

using cedar::Expr;
using cedar::ExprKind;

// Bytes that quotes, names and separators take beside the words, in JSON.
constexpr std::size_t kPartFrame = 256;
constexpr std::size_t kPolicyFrame = 64;
constexpr std::size_t kFactFrame = 16;

// Cut where a character of UTF-8 begins.
std::string cut(std::string text) {
  if (text.size() <= kMaxExplainedWords) return text;
  std::size_t size = kMaxExplainedWords;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
  return text + "...";
}

// How many bytes may still be said.
class Room {
 public:
  bool is_left() const { return left_ > 0; }
  void take(std::size_t bytes) { left_ -= std::min(left_, bytes); }

 private:
  std::size_t left_ = kMaxExplained;
};

// Explains one part.
class PartExplainer {
 public:
  PartExplainer(Decider& decider, const Decision& decision, const PartDecision& part,
                const EngineState& state, Room& room)
      : decider_(decider),
        decision_(decision),
        part_(part),
        request_(decider.rebuild(part, state)),
        room_(room) {}

  ExplainedPart run() && {
    out_.action = part_.part.action;
    out_.burn = part_.part.burn;
    out_.outcome = part_.outcome;
    out_.address = std::string(part_.part.address);
    if (decision_.currency != nullptr) {
      out_.amount = render::decimal_text(part_.part.amount, decision_.currency->decimals) + " " +
                    decision_.currency->code;
    }
    room_.take(kPartFrame + out_.amount.size() + out_.address.size());
    if (request_ == nullptr) return std::move(out_);
    out_.principal = cedar::to_string(request_->principal);
    out_.resource = cedar::to_string(request_->resource);
    room_.take(out_.principal.size() + out_.resource.size());
    const std::vector<cedar::Policy>& policies = decider_.compiled().policies().active();
    if (part_.outcome == Outcome::kPending) {
      add_pending(policies);
    } else {
      for (const std::uint32_t place : part_.policies) add(policies[place]);
    }
    for (const std::uint32_t place : part_.erred) add(policies[place], "could not be evaluated");
    if (part_.outcome == Outcome::kDeny && part_.policies.empty() && part_.erred.empty())
      add_failed(policies);
    return std::move(out_);
  }

 private:
  void add_failed(const std::vector<cedar::Policy>& policies) {
    for (const cedar::Policy& policy : policies) {
      if (policy.effect != cedar::Effect::kPermit || !is_in_scope(policy)) continue;
      add(policy, may_add() ? failed_condition(policy) : std::string());
    }
  }

  void add_pending(const std::vector<cedar::Policy>& policies) {
    for (const cedar::Policy& policy : policies) {
      if (policy.effect == cedar::Effect::kForbid && holds(policy)) add(policy);
    }
    const bool permitted =
        std::ranges::any_of(part_.policies, [&](std::uint32_t place) { return holds(policies[place]); });
    for (const std::uint32_t place : part_.policies) {
      if (!permitted || holds(policies[place])) add(policies[place]);
    }
  }

  bool holds(const cedar::Policy& policy) {
    cedar::Evaluator evaluator(*request_, decider_.entities(), arena_);
    return evaluator.satisfied(policy);
  }

  bool may_add() const { return out_.policies.size() < kMaxExplainedPolicies && room_.is_left(); }

  void add(const cedar::Policy& policy, std::string failed = {}) {
    if (!may_add()) {
      ++out_.more_policies;
      return;
    }
    ExplainedPolicy explained{cut(std::string(policy_name(policy))),
                              policy.effect == cedar::Effect::kPermit,
                              {},
                              cut(std::move(failed))};
    for (const cedar::Annotation& annotation : policy.annotations) {
      if (annotation.name == "doc") explained.doc = cut(std::string(annotation.value));
    }
    room_.take(kPolicyFrame + explained.id.size() + explained.doc.size() + explained.failed.size());
    out_.policies.push_back(std::move(explained));
    for (const cedar::Condition& condition : policy.conditions) collect(*condition.body);
  }

  bool is_in_scope(cedar::Policy policy) {
    policy.conditions = {};
    return holds(policy);
  }

  bool is_true(const Expr& expr) {
    cedar::Evaluator evaluator(*request_, decider_.entities(), arena_);
    cedar::Value value;
    return evaluator.evaluate(expr, &value) && value.is(cedar::Value::Kind::kBool) && value.flag();
  }

  std::string failed_condition(const cedar::Policy& policy) {
    for (const cedar::Condition& condition : policy.conditions) {
      if (is_true(*condition.body) != condition.unless) continue;
      if (condition.unless) return "unless { " + cedar::format_expr(*condition.body) + " }";
      return first_false(*condition.body);
    }
    return {};
  }

  std::string first_false(const Expr& expr) {
    if (expr.kind == ExprKind::kAnd && !expr.has_path) {
      for (const Expr* operand : expr.operands) {
        if (!is_true(*operand)) return first_false(*operand);
      }
    }
    return cedar::format_expr(expr);
  }

  static bool is_path(const Expr& expr) {
    const Expr* at = &expr;
    while (at->kind == ExprKind::kAttribute) at = at->operands[0];
    return at != &expr && at->kind == ExprKind::kVariable;
  }

  void collect(const Expr& expr) {
    if (++steps_ > kMaxExplainedSteps) {
      out_.more_facts = true;
      return;
    }
    if (!is_path(expr)) {
      for (const Expr* operand : expr.operands) collect(*operand);
      return;
    }
    std::string path = cedar::format_expr(expr);
    if (std::ranges::find(out_.facts, path, &ReadFact::path) != out_.facts.end()) return;
    cedar::Evaluator evaluator(*request_, decider_.entities(), arena_);
    cedar::Value value;
    if (!evaluator.evaluate(expr, &value)) return;
    if (out_.facts.size() == kMaxExplainedFacts || !room_.is_left()) {
      out_.more_facts = true;
      return;
    }
    room_.take(kFactFrame + path.size() + cedar::to_string(value).size());
    out_.facts.push_back({std::move(path), value});
  }

  Decider& decider_;
  const Decision& decision_;
  const PartDecision& part_;
  const cedar::Request* request_;
  Room& room_;
  std::size_t steps_ = 0;
  cedar::Arena arena_;
  ExplainedPart out_;
};

// At most kMaxExplainedParts, those that are not allowed first, in their order.
std::vector<const PartDecision*> choose_parts(std::span<const PartDecision> parts) {
  std::vector<const PartDecision*> out;
  for (const bool allowed : {false, true}) {
    for (const PartDecision& part : parts) {
      if (out.size() < kMaxExplainedParts && (part.outcome == Outcome::kAllow) == allowed)
        out.push_back(&part);
    }
  }
  std::ranges::sort(out);
  return out;
}

std::size_t& number_of(Outcome outcome, LeftOut* out) {
  if (outcome == Outcome::kAllow) return out->allowed;
  return outcome == Outcome::kPending ? out->pending : out->denied;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return out;
}

std::string counted(std::int64_t number, const std::string& word) {
  return std::to_string(number) + " " + word + (number == 1 ? "" : "s");
}

std::string approvals_text(const Explanation& explanation) {
  const Approvals& approvals = explanation.decision->approvals;
  std::vector<std::string> words;
  const std::vector<Bytes>& groups = explanation.compiled->bundle().groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (approvals.groups[i] > 0) {
      words.push_back(std::to_string(approvals.groups[i]) + " of " + to_printable(as_text(groups[i])));
    }
  }
  if (words.empty()) words.emplace_back("none");
  words.push_back(counted(approvals.waited_hours, "hour") + " since opening");
  return join_words(words);
}

std::string policy_text(const ExplainedPolicy& policy) {
  std::string out = (policy.permit ? "permit " : "forbid ") + to_printable(policy.id);
  if (!policy.doc.empty()) out += ": " + to_printable(policy.doc);
  if (!policy.failed.empty()) out += "\n      not so: " + to_printable(policy.failed);
  return out;
}

std::string part_text(const ExplainedPart& part) {
  std::string out = "  " + std::string(action_name(part.action));
  if (part.burn != 0) out += " of burn " + std::to_string(part.burn);
  if (!part.amount.empty()) out += ", " + part.amount;
  if (!part.principal.empty()) {
    out += ", " + to_printable(part.principal) + ", " + to_printable(part.resource);
  }
  if (!part.address.empty()) out += ", to " + to_printable(part.address);
  out += ": " + std::string(outcome_name(part.outcome)) + "\n";
  for (const ExplainedPolicy& policy : part.policies) out += "    " + policy_text(policy) + "\n";
  std::string_view label = "    where ";
  for (const ReadFact& fact : part.facts) {
    out += label;
    out += to_printable(fact.path) + " = " + to_printable(cedar::to_string(fact.value)) + "\n";
    label = "          ";
  }
  if (part.more_facts) out += "    and more facts\n";
  if (part.more_policies > 0) {
    out += "    and " + std::to_string(part.more_policies) + " more policies that are not listed\n";
  }
  return out;
}

// Before the parts, so that a reply that is cut says it too.
std::string left_out_text(const LeftOut& left_out) {
  std::vector<std::string> words;
  const auto add = [&](std::size_t number, Outcome outcome) {
    if (number > 0) words.push_back(std::to_string(number) + " " + std::string(outcome_name(outcome)));
  };
  add(left_out.denied, Outcome::kDeny);
  add(left_out.pending, Outcome::kPending);
  add(left_out.allowed, Outcome::kAllow);
  return words.empty() ? "" : "  not explained here: " + join_words(words) + " more" + "\n";
}

Json left_out_json(const LeftOut& left_out) {
  return Json::object()
      .set("DENY", static_cast<std::uint64_t>(left_out.denied))
      .set("PENDING", static_cast<std::uint64_t>(left_out.pending))
      .set("ALLOW", static_cast<std::uint64_t>(left_out.allowed));
}

Json value_json(const cedar::Value& value) {
  switch (value.kind()) {
    case cedar::Value::Kind::kBool:
      return Json(value.flag());
    case cedar::Value::Kind::kLong:
      return Json(value.number());
    case cedar::Value::Kind::kString:
      return Json(value.text());
    default:
      return Json(cedar::to_string(value));
  }
}

Json part_json(const ExplainedPart& part) {
  Json policies = Json::array();
  for (const ExplainedPolicy& policy : part.policies) {
    policies.push(Json::object()
                      .set("id", policy.id)
                      .set("effect", policy.permit ? "permit" : "forbid")
                      .set("doc", policy.doc)
                      .set("failed", policy.failed.empty() ? Json() : Json(policy.failed)));
  }
  Json facts = Json::object();
  for (const ReadFact& fact : part.facts) facts.set(fact.path, value_json(fact.value));
  Json out = Json::object()
                 .set("action", action_name(part.action))
                 .set("burn", part.burn == 0 ? Json() : Json(part.burn))
                 .set("principal", part.principal)
                 .set("resource", part.resource)
                 .set("amount", part.amount.empty() ? Json() : Json(part.amount))
                 .set("address", part.address.empty() ? Json() : Json(part.address))
                 .set("outcome", outcome_name(part.outcome))
                 .set("policies", std::move(policies))
                 .set("facts", std::move(facts));
  if (part.more_policies > 0) out.set("more_policies", static_cast<std::uint64_t>(part.more_policies));
  if (part.more_facts) out.set("more_facts", true);
  return out;
}

Json wants_json(const std::vector<render::Wants>& alternatives) {
  Json out = Json::array();
  for (const render::Wants& wants : alternatives) {
    Json all = Json::object();
    for (const render::Want& want : wants.all_of) {
      all.set(want.group.empty() ? "distinct" : std::string(as_text(want.group)), want.count);
    }
    out.push(std::move(all));
  }
  return out;
}

Json approvals_json(const Explanation& explanation) {
  const Approvals& approvals = explanation.decision->approvals;
  Json out = Json::object();
  const std::vector<Bytes>& groups = explanation.compiled->bundle().groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    out.set(std::string(as_text(groups[i])), approvals.groups[i]);
  }
  return out.set("distinct", approvals.distinct).set("wait", approvals.waited_hours);
}

}  // namespace

Explanation explain(Decider& decider, const Decision& decision, const EngineState& state) {
  Explanation out{&decision, &decider.compiled(), {}, {}};
  for (const PartDecision& part : decision.parts()) ++number_of(part.outcome, &out.left_out);
  Room room;
  for (const PartDecision* part : choose_parts(decision.parts())) {
    if (!room.is_left()) break;
    out.parts.push_back(PartExplainer(decider, decision, *part, state, room).run());
    --number_of(part->outcome, &out.left_out);
  }
  return out;
}

std::string wants_text(const render::Wants& wants) {
  std::vector<std::string> words;
  for (const render::Want& want : wants.all_of) {
    if (want.group.empty()) {
      words.push_back(counted(want.count, "officer") + " in all");
    } else if (as_text(want.group) == render::kWaitGroup) {
      words.push_back(counted(want.count, "hour") + " since opening");
    } else {
      words.push_back(std::to_string(want.count) + " of " + to_printable(as_text(want.group)));
    }
  }
  return join_words(words);
}

std::string to_text(const Explanation& explanation) {
  const Decision& decision = *explanation.decision;
  std::string out = std::string(outcome_name(decision.outcome)) + " (" + std::string(decision.rule) +
                    ", bundle " + std::to_string(decision.bundle) + ", " + render::time_text(decision.time) +
                    ", block " + std::to_string(decision.height.get()) + ")\n";
  if (!decision.reason.empty()) out += "  " + to_printable(decision.reason) + "\n";
  if (!decision.initiator.empty()) {
    out += "  asked by officer " + to_printable(as_text(decision.initiator)) + "\n";
  }
  if (decision.known != nullptr) out += "  approvals: " + approvals_text(explanation) + "\n";
  out += left_out_text(explanation.left_out);
  for (const ExplainedPart& part : explanation.parts) out += part_text(part);
  for (std::size_t i = 0; i < decision.wants.size(); ++i) {
    out += std::string(i == 0 ? "  needs " : "  or    ") + wants_text(decision.wants[i]) + "\n";
  }
  return out;
}

Json to_json(const Explanation& explanation) {
  const Decision& decision = *explanation.decision;
  Json parts = Json::array();
  for (const ExplainedPart& part : explanation.parts) parts.push(part_json(part));
  Json out = Json::object()
                 .set("schema", "custody.decision/1")
                 .set("outcome", outcome_name(decision.outcome))
                 .set("rule", decision.rule)
                 .set("reason", decision.reason)
                 .set("bundle", decision.bundle)
                 .set("bundle_hash", explanation.compiled->hash().hex())
                 .set("time", render::time_text(decision.time))
                 .set("height", decision.height.get())
                 .set("request", decision.known == nullptr ? Json() : Json(decision.known->id.hex()))
                 .set("initiator", decision.initiator.empty() ? Json() : Json(as_text(decision.initiator)))
                 .set("approvals", approvals_json(explanation))
                 .set("wants", wants_json(decision.wants))
                 .set("parts", std::move(parts));
  const LeftOut& left_out = explanation.left_out;
  if (left_out.denied + left_out.pending + left_out.allowed > 0) out.set("left_out", left_out_json(left_out));
  return out;
}

}  // namespace custody::policy::engine
