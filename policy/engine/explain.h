// A decision in words that an officer reads, and as JSON: which policies, which facts they read with which
// values, what is missing, under which version. A plan of many burns under many policies is explained by a
// part of them, and the rest is counted: whoever explains holds up what else must be decided, a freeze too.
// Thread-safety: as the Decider.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "policy/engine/decide.h"

namespace custody::policy::engine {

constexpr std::size_t kMaxExplainedParts = 16;     // those that are not allowed first
constexpr std::size_t kMaxExplainedPolicies = 16;  // of a part
constexpr std::size_t kMaxExplainedFacts = 64;     // of a part
constexpr std::size_t kMaxExplainedWords = 256;    // bytes of an id, a doc or a condition; cut with "..."
constexpr std::size_t kMaxExplained = 14u << 10;   // bytes of all parts together, about as in JSON
constexpr std::size_t kMaxExplainedSteps = 4'096;  // expressions of a part that are searched for facts

struct ReadFact {
  std::string path;  // "context.amount", "principal.kycHours"
  cedar::Value value;
};

struct ExplainedPolicy {
  std::string id;
  bool permit = false;
  std::string doc;  // its @doc
  // Of a permit that was about this but did not hold: the first condition that is false.
  std::string failed;
};

struct ExplainedPart {
  ActionKind action = ActionKind::kMint;
  std::uint64_t burn = 0;
  Outcome outcome = Outcome::kDeny;
  std::string principal;  // as in a policy: Gateway::"acme"
  std::string resource;
  std::string amount;   // exact, with its currency; empty: no money moves
  std::string address;  // of the payee
  // What decided. PENDING: the forbids that hold now, and the permits that hold now or, when there are none,
  // those that would. When no permit holds whatever officers approve: the permits whose scope fits, with
  // `failed`.
  std::vector<ExplainedPolicy> policies;
  std::vector<ReadFact> facts;    // that these policies read, in the order in which they read them, each once
  std::size_t more_policies = 0;  // that would stand there too
  bool more_facts = false;
};

// Parts that are not explained, by outcome.
struct LeftOut {
  std::size_t denied = 0;
  std::size_t pending = 0;
  std::size_t allowed = 0;
};

// Valid until the decider's next decision. Everything else that it says stands in the decision.
struct Explanation {
  const Decision* decision = nullptr;
  const CompiledBundle* compiled = nullptr;
  std::vector<ExplainedPart> parts;
  LeftOut left_out;
};

// Of the decider's last decision; the state is as it was then.
Explanation explain(Decider& decider, const Decision& decision, const EngineState& state);

// ASCII, a thing per line, ended by a line feed.
std::string to_text(const Explanation& explanation);
// {"schema": "custody.decision/1", ...}
Json to_json(const Explanation& explanation);

// "2 of treasury and 24 hours since opening"
std::string wants_text(const render::Wants& wants);

}  // namespace custody::policy::engine
