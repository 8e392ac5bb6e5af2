// policy_decide_{10,100,1000}, policy_bundle_load, policy_cedar_decide: the policy engine's decision of a
// redemption of one burn, of which the burn and its plan are judged. Argument: the measure.

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "policy/engine/fixture_test.h"
#include "tests/bench/measure.h"

namespace custody::policy::cedar {
std::size_t allocation_count();  // of this program, counting_new_test.cpp
}

namespace custody::bench {
namespace {

namespace cedar = policy::cedar;
namespace engine = policy::engine;
namespace model = ledger::model;

constexpr std::size_t kDecisionsPerRun = 2'000;
constexpr std::uint64_t kStart = 1'795'600'000'000;  // a Wednesday in November 2026

// A limit of one gateway, or an allowance for one owner.
std::string further_policy(std::size_t i) {
  const std::string number = std::to_string(i);
  const std::string action = i % 3 == 0 ? "mint" : "withdraw";
  const std::string rest = ", action == Action::\"" + action + "\", resource in Currency::\"" +
                           (i % 4 < 2 ? "BTC" : "LTC") + "\") ";
  if (i % 2 == 0 || action == "mint") {
    return "@id(\"gateway-" + number + "\") forbid (principal == Gateway::\"g" + number + "\"" + rest +
           "when { context.windows.gateway.amount24h > " + number +
           "000 } unless { context.approvals.treasury >= 2 };\n";
  }
  return "@id(\"owner-" + number + "\") permit (principal" + rest + "when { context.payee.owner == \"Owner " +
         number + "\" && context.amount <= " + number + " && context.windows.payee.count24h <= 20 };\n";
}

// The example's policies about redemptions, then its others, then further ones.
std::string policies(std::size_t count) {
  const auto example = must(cedar::PolicySet::parse(as_text(engine::fixture::example_bundle().policies)));
  std::vector<std::string> all;
  for (const bool redemptions : {true, false}) {
    for (const cedar::Policy& policy : example.all()) {
      const std::string_view action = policy.action.entity.id;
      if ((action == "withdraw" || action == "payout") == redemptions) {
        all.push_back(cedar::format_policy(policy) + "\n");
      }
    }
  }
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += i < all.size() ? all[i] : further_policy(i);
  return out;
}

policy::bundle::Bundle bundle_of(std::size_t count) {
  policy::bundle::Bundle out = engine::fixture::example_bundle();
  out.policies = to_bytes(must(cedar::format_policies(policies(count))));
  return out;
}

// A redemption of 0.1 BTC, which the example allows by itself.
model::IntentFacts payout() {
  model::IntentFacts out;
  out.kind = model::IntentKind::kPayout;
  out.currency = model::CurrencyId(1);
  out.fee = model::Amount(10'000);
  out.amount = model::Amount(10'010'000);
  out.epoch = model::WalletEpoch(1);
  out.slot = model::SlotId(1);
  out.reserve = model::Amount(100'000'000'000);
  out.payees.push_back({1, model::GatewayId(1), to_bytes("acme"), model::LedgerMs(kStart * 2),
                        engine::fixture::script_of("exchange-one"), model::Amount(10'000'000),
                        model::Amount(100'000)});
  out.subject = crypto::sha256(as_bytes("slot"));
  return out;
}

struct Latencies {
  double p50 = 0;  // microseconds
  double p99 = 0;
  double allocations = 0;  // for each decision
};

// Of `decide`, called so often.
template <typename Function>
Latencies sample(std::vector<double>& scratch, const Function& decide) {
  scratch.clear();
  const std::size_t allocations = cedar::allocation_count();
  for (std::size_t i = 0; i < kDecisionsPerRun; ++i) {
    const auto start = std::chrono::steady_clock::now();
    decide();
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
    scratch.push_back(taken.count());
  }
  Latencies out;
  out.allocations = static_cast<double>(cedar::allocation_count() - allocations) / kDecisionsPerRun;
  std::ranges::sort(scratch);
  out.p50 = scratch[scratch.size() / 2];
  out.p99 = scratch[scratch.size() * 99 / 100];
  return out;
}

constexpr std::size_t kTraffic = 10'000;

// A bundle in force, a week of traffic in its windows, and the redemption.
class Policy {
 public:
  explicit Policy(std::size_t count)
      : compiled_(must(engine::CompiledBundle::compile(bundle_of(count), engine::fixture::network()))),
        decider_(compiled_),
        burn_(compiled_),
        plan_(compiled_),
        cedar_(compiled_.policies()) {
    scratch_.reserve(kDecisionsPerRun);
    must(state_.apply(engine::activate_record(compiled_.bundle(), compiled_.hash(), state_,
                                              model::LedgerMs(kStart - engine::kHourMs * 24 * 7))));
    for (std::uint32_t i = 0; i < kTraffic; ++i) add_traffic(i);
    must(state_.apply(engine::PriceRecord{{{},
                                           to_bytes("price-desk"),
                                           to_bytes("USD"),
                                           0,
                                           now_.time,
                                           {{model::CurrencyId(1), 60'000}, {model::CurrencyId(2), 90}}},
                                          now_.time}));
    burn_request_ = request_of(burn_, 0);
    plan_request_ = request_of(plan_, 1);
  }

  // The whole decision.
  Latencies decide() {
    return sample(scratch_, [&] { decider_.decide(payout_, state_, now_); });
  }
  // Cedar's part of it: the same requests, their facts ready.
  Latencies cedar_decide() {
    return sample(scratch_, [&] {
      must(cedar_.decide(*burn_request_, burn_.entities()).status());
      must(cedar_.decide(*plan_request_, plan_.entities()).status());
    });
  }
  // The same without an index: every policy is tried.
  Latencies evaluate_all() {
    return sample(scratch_, [&] {
      evaluate_all(*burn_request_, burn_.entities());
      evaluate_all(*plan_request_, plan_.entities());
    });
  }

 private:
  void add_traffic(std::uint32_t i) {
    model::IntentFacts facts = payout();
    facts.payees[0].amount = model::Amount(1'000);
    facts.payees[0].gateway = model::GatewayId(2 + i % 50);
    facts.subject = crypto::sha256(as_bytes("traffic " + std::to_string(i)));
    must(state_.apply(
        engine::CommitRecord{{}, facts, 1, {}, model::LedgerMs(kStart - (kTraffic - i) * 60'000)}));
  }
  const cedar::Request* request_of(engine::Decider& decider, std::size_t part) {
    const engine::Decision& decision = decider.decide(payout_, state_, now_);
    CHECK(decision.parts().size() == 2);
    return decider.rebuild(decision.parts()[part], state_);
  }
  void evaluate_all(const cedar::Request& request, const cedar::Entities& entities) {
    arena_.reset();
    cedar::Evaluator evaluator(request, entities, arena_);
    for (const cedar::Policy& policy : compiled_.policies().active()) evaluator.satisfied(policy);
  }

  engine::CompiledBundle compiled_;
  engine::Decider decider_;
  engine::Decider burn_;  // each keeps the request and the entities of one part
  engine::Decider plan_;
  cedar::Authorizer cedar_;
  cedar::Arena arena_;
  engine::EngineState state_;
  engine::Now now_{model::Height(1'000), model::LedgerMs(kStart)};
  model::IntentFacts payout_ = payout();
  const cedar::Request* burn_request_ = nullptr;
  const cedar::Request* plan_request_ = nullptr;
  std::vector<double> scratch_;
};

void measure_decide(const std::string& name, std::size_t count) {
  Policy policy(count);
  measure(
      {name, "us", "cedar_decide", Better::kLower}, [&] { return policy.decide().p50; },
      [&] { return policy.cedar_decide().p50; });
  measure(
      {name + "_p99", "us", "cedar_decide_p99", Better::kLower}, [&] { return policy.decide().p99; },
      [&] { return policy.cedar_decide().p99; });
  measure(
      {name + "_allocations", "allocations/decision", "one", Better::kLower},
      [&] { return policy.decide().allocations; }, [] { return 1.0; });
}

void measure_cedar() {
  Policy policy(100);
  measure(
      {"policy_cedar_decide", "us", "every_policy_tried", Better::kLower},
      [&] { return policy.cedar_decide().p50; }, [&] { return policy.evaluate_all().p50; });
}

void measure_load() {
  const policy::bundle::Bundle bundle = bundle_of(1'000);
  const Bytes encoded = policy::bundle::encode_bundle(bundle);
  measure(
      {"policy_bundle_load", "ms", "parse_policies", Better::kLower},
      [&] {
        return 1'000 * seconds([&] {
                 auto decoded = must(policy::bundle::decode_bundle(encoded));
                 must(engine::CompiledBundle::compile(std::move(decoded), engine::fixture::network())
                          .status());
               });
      },
      [&] {
        return 1'000 * seconds([&] { must(cedar::PolicySet::parse(as_text(bundle.policies)).status()); });
      });
}

bool run(std::string_view name) {
  if (name == "policy_decide_10") return measure_decide(std::string(name), 10), true;
  if (name == "policy_decide_100") return measure_decide(std::string(name), 100), true;
  if (name == "policy_decide_1000") return measure_decide(std::string(name), 1'000), true;
  if (name == "policy_cedar_decide") return measure_cedar(), true;
  if (name == "policy_bundle_load") return measure_load(), true;
  return false;
}

}  // namespace
}  // namespace custody::bench

int main(int argc, char** argv) {
  if (argc == 2 && custody::bench::run(argv[1])) return 0;
  std::fprintf(stderr,
               "usage: %s policy_decide_10|policy_decide_100|policy_decide_1000|policy_cedar_decide|"
               "policy_bundle_load\n",
               argv[0]);
  return 2;
}
