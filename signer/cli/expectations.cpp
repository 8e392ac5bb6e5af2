#include "signer/cli/expectations.h"

#include <algorithm>

#include "policy/engine/explain.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;
namespace model = ledger::model;
namespace render = policy::render;

constexpr std::uint64_t kHourMs = 3'600'000;

bool has_to_wait(const ExpectedCase& asked) {
  return !asked.approved_by.empty() || asked.waited_hours > 0;
}

struct Answer {
  const engine::Decision* decision = nullptr;
  bool at_once = false;  // though the case says who approves it, or how long it waits
};

// A signer reduced to what it does with the engine: decide, and let the record count.
class Trial {
 public:
  Trial(const engine::CompiledBundle& compiled, const Expectations& expectations)
      : compiled_(compiled), prices_(expectations.prices), decider_(compiled) {
    const Status started = state_.apply(
        engine::activate_record(compiled.bundle(), compiled.hash(), state_, expectations.in_force_since));
    CHECK(started.ok());  // the first record of a new state
  }

  // The decision at the case's time, after waiting and approvals; that of its opening where nobody is asked.
  Result<Answer> ask(const ExpectedCase& asked) {
    if (has_to_wait(asked)) {
      const model::LedgerMs opened(asked.time.get() - kHourMs * asked.waited_hours);
      TRY(state_prices(opened));
      const engine::Decision& first = decide(asked, opened);
      if (first.outcome != engine::Outcome::kPending) return Answer{&first, true};
      TRY(open(asked, first, opened));
    }
    TRY(state_prices(asked.time));
    return Answer{&decide(asked, asked.time), false};
  }
  // It counts from then on.
  Status record(const ExpectedCase& asked, const engine::Decision& decision) {
    if (decision.outcome == engine::Outcome::kDeny) return ok_status();
    if (decision.outcome == engine::Outcome::kAllow) {
      ASSIGN_OR_RETURN(const engine::CommitRecord commit, decider_.commit_record(asked.facts, decision));
      return state_.apply(commit);
    }
    if (decision.known != nullptr) return ok_status();
    ASSIGN_OR_RETURN(const engine::ReserveRecord reserve, decider_.reserve_record(asked.facts, decision));
    return state_.apply(reserve);
  }
  engine::Explanation explain(const engine::Decision& decision) {
    return engine::explain(decider_, decision, state_);
  }

 private:
  const engine::Decision& decide(const ExpectedCase& asked, model::LedgerMs time) {
    return decider_.decide(asked.facts, state_, {model::Height(1), time}, as_bytes(asked.officer));
  }
  Status open(const ExpectedCase& asked, const engine::Decision& decision, model::LedgerMs time) {
    ASSIGN_OR_RETURN(const engine::ReserveRecord reserve, decider_.reserve_record(asked.facts, decision));
    TRY(state_.apply(reserve));
    for (const ApprovedBy& by : asked.approved_by) {
      // Not signed: apply() takes what the journal holds, and that was checked before.
      bundle::SignedVote vote{render::request_id(reserve.request),
                              render::Vote::kApprove,
                              to_bytes(by.officer),
                              to_bytes(by.group),
                              {}};
      TRY(state_.apply(engine::ApprovalRecord{std::move(vote), time}));
    }
    return ok_status();
  }
  Status state_prices(model::LedgerMs time) {
    if (prices_.empty() || (state_.prices() && state_.prices()->time >= time)) return ok_status();
    const bundle::PriceSource& source = *compiled_.bundle().price_source;
    return state_.apply(engine::PriceRecord{
        {compiled_.bundle().chain_id, source.name, source.unit, source.decimals, time, prices_}, time});
  }

  const engine::CompiledBundle& compiled_;
  const std::vector<engine::Price>& prices_;
  engine::EngineState state_;
  engine::Decider decider_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "none" : out;
}

std::vector<std::string> deciding(const engine::Explanation& explanation) {
  std::vector<std::string> out;
  for (const engine::ExplainedPart& part : explanation.parts) {
    // What is allowed does not explain why the whole is not.
    if (part.outcome != explanation.decision->outcome) continue;
    for (const engine::ExplainedPolicy& policy : part.policies) {
      if (policy.failed.empty()) out.push_back(policy.id);
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::vector<std::string> missing(const engine::Decision& decision) {
  std::vector<std::string> out;
  for (const render::Wants& wants : decision.wants) out.push_back(engine::wants_text(wants));
  std::ranges::sort(out);
  return out;
}

void compare(std::string_view what, const std::optional<std::vector<std::string>>& expected,
             const std::vector<std::string>& found, std::vector<std::string>& out) {
  if (!expected || *expected == found) return;
  out.push_back(std::string(what) + " " + joined(*expected) + ", but found " + joined(found));
}

// "treasury and compliance and 4 hours": what the case says that it takes.
std::string awaited(const ExpectedCase& asked) {
  std::vector<std::string> parts;
  for (const ApprovedBy& by : asked.approved_by) {
    if (std::ranges::find(parts, by.group) == parts.end()) parts.push_back(by.group);
  }
  if (asked.waited_hours > 0)
    parts.push_back(std::to_string(asked.waited_hours) + (asked.waited_hours == 1 ? " hour" : " hours"));
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " and ") + part;
  return out;
}

std::vector<std::string> differences(const ExpectedCase& asked, bool at_once,
                                     const engine::Explanation& explanation) {
  const engine::Decision& decision = *explanation.decision;
  std::vector<std::string> out;
  // What is denied at once is denied whatever anybody approves: that may well be what is expected.
  if (at_once && (decision.outcome == engine::Outcome::kAllow || decision.outcome != asked.expect)) {
    out.push_back("found " + std::string(engine::outcome_name(decision.outcome)) +
                  " without officers; expected to wait for " + awaited(asked));
  }
  if (decision.outcome != asked.expect) {
    out.push_back("expected " + std::string(engine::outcome_name(asked.expect)) + ", but found " +
                  std::string(engine::outcome_name(decision.outcome)));
  }
  if (asked.rule && *asked.rule != decision.rule) {
    out.push_back("expected the rule " + *asked.rule + ", but found " + std::string(decision.rule));
  }
  compare("expected the policies", asked.policies, deciding(explanation), out);
  compare("expected the wants", asked.wants, missing(decision), out);
  return out;
}

Result<engine::CompiledBundle> with_listed(const engine::CompiledBundle& compiled,
                                           const std::vector<bundle::AllowEntry>& listed) {
  bundle::Bundle content = compiled.bundle();
  for (const bundle::AllowEntry& entry : listed) {
    if (bundle::find_entry(content, entry.currency, entry.address) == nullptr)
      content.allow_list.push_back(entry);
  }
  std::ranges::sort(content.allow_list, {},
                    [](const bundle::AllowEntry& one) { return std::tie(one.currency, one.address); });
  return engine::CompiledBundle::compile(std::move(content), compiled.network());
}

Result<std::optional<Unexpected>> run_case(const Expectations& expectations, const ExpectedCase& asked,
                                           const engine::CompiledBundle& compiled) {
  Trial trial(compiled, expectations);
  for (const std::size_t place : asked.after) {
    const ExpectedCase& before = expectations.cases[place];
    ASSIGN_OR_RETURN(const Answer answer, trial.ask(before));
    TRY(trial.record(before, *answer.decision));
  }
  ASSIGN_OR_RETURN(const Answer answer, trial.ask(asked));
  const engine::Explanation explanation = trial.explain(*answer.decision);
  std::vector<std::string> found = differences(asked, answer.at_once, explanation);
  if (found.empty()) return std::optional<Unexpected>();
  return std::optional(Unexpected{asked.name, std::move(found), engine::to_text(explanation)});
}

}  // namespace

Result<std::vector<Unexpected>> run_expectations(const Expectations& expectations,
                                                 const engine::CompiledBundle& compiled) {
  auto listed = with_listed(compiled, expectations.listed);
  if (!listed.ok()) return listed.status().with_context(expectations.origin + ": listed");
  std::vector<Unexpected> out;
  for (const ExpectedCase& asked : expectations.cases) {
    auto found = run_case(expectations, asked, *listed);
    if (!found.ok()) return found.status().with_context(expectations.origin + ": cases." + asked.name);
    if (*found) out.push_back(std::move(**found));
  }
  return out;
}

}  // namespace custody::signer::cli
