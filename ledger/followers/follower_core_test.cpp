#include "ledger/followers/follower_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "ledger/custody/custody.h"
#include "tests/support/fake_bitcoin_rpc.h"

namespace custody::ledger::followers {
namespace {

namespace bitcoin = chains::bitcoin;
using ::testing::HasSubstr;
using Outcome = std::variant<Json, CallError>;

const Bytes kScript{0x00, 0x14, 1, 2, 3};

CallError down() {
  return {unavailable("the node is down"), std::nullopt};
}

// A core with a node behind it; every call is answered at once, unless `intercept` has another answer.
class FollowerCoreTest : public ::testing::Test {
 public:
  using Intercept = std::function<std::optional<Outcome>(const Call&)>;

  FollowerCoreTest() { node.chain.mine_empty(5); }

  FollowerSettings settings() const {
    FollowerSettings out;
    out.chain = node.chain.describe(model::ExternalChainId(1), "test");
    out.default_fee_rate = model::FeeRate(2'000);
    return out;
  }
  FollowerCore& core() {
    if (!core_) core_.emplace(settings());
    return *core_;
  }
  void use(const FollowerSettings& changed) { core_.emplace(changed); }

  // Feeds the event, answers every call that follows from it, and keeps all other actions in `seen`.
  void feed(const Event& event) {
    std::deque<Event> events{event};  // a loop, because a long chain would overflow the stack
    while (!events.empty()) {
      std::vector<Action> actions = core().step(events.front());
      events.pop_front();
      for (Action& action : actions) {
        if (auto* call = std::get_if<Call>(&action)) {
          events.emplace_back(CallReply{call->id, now, answer(*call)});
        } else {
          seen.push_back(std::move(action));
        }
      }
    }
  }
  void run(std::uint64_t ms) {
    for (std::uint64_t passed = 0; passed <= ms; passed += 50) {
      now.value += 50;
      feed(Tick{now});
    }
  }
  Outcome answer(const Call& call) {
    if (intercept) {
      if (auto other = intercept(call)) return *other;
    }
    const Json reply = node.answer(call.method, call.params);
    if (const Json* error = reply.find("error"); error != nullptr && !error->is_null()) {
      return CallError{refused(error->string_at("message").value()), error->at("code")->as_i64().value()};
    }
    return *reply.find("result");
  }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> out;
    for (const Action& action : seen) {
      if (const auto* match = std::get_if<T>(&action)) out.push_back(*match);
    }
    return out;
  }
  std::optional<HeadObserved> head() const {
    const auto heads = all<HeadObserved>();
    return heads.empty() ? std::nullopt : std::optional<HeadObserved>(heads.back());
  }
  Status problem() const {
    const auto problems = all<Problem>();
    return problems.empty() ? ok_status() : problems.back().status;
  }
  // The fake node answers `method` with this, every time.
  void always(const std::string& method, const Json& result) {
    intercept = [=](const Call& call) -> std::optional<Outcome> {
      if (call.method == method) return Outcome(result);
      return std::nullopt;
    };
  }

  tests::FakeBitcoinRpc node;
  std::optional<FollowerCore> core_;
  MonotonicMs now{1'000};
  std::vector<Action> seen;
  Intercept intercept;
};

TEST_F(FollowerCoreTest, ReachesTheTipAndFollowsIt) {
  run(500);
  ASSERT_TRUE(head());
  EXPECT_EQ(head()->height.get(), 5U);
  EXPECT_EQ(head()->hash, node.chain.hash(5));
  EXPECT_EQ(head()->time, node.chain.header(5).time);
  EXPECT_EQ(head()->fee_rate.get(), 2'000U);
  EXPECT_TRUE(core().synchronized());
  node.chain.mine_empty(3);
  run(500);
  EXPECT_EQ(head()->height.get(), 8U);
  EXPECT_TRUE(problem().ok());
  EXPECT_EQ(core().block_hash(model::ExternalHeight(7)), node.chain.hash(7));
}

TEST_F(FollowerCoreTest, UsesOnlyTheCallsThatAllNodesShare) {
  run(500);
  feed(WatchScript{kScript, model::ExternalHeight(0)});
  feed(BroadcastRequest{1, node.chain.pay({{5, kScript}}).serialize()});
  run(1'000);
  const std::set<std::string> allowed{"getblockchaininfo",  "getblockcount", "getblockhash",
                                      "getblockheader",     "getblock",      "gettxoutproof",
                                      "sendrawtransaction", "getrawmempool", "estimatesmartfee"};
  for (const std::string& method : node.methods) EXPECT_TRUE(allowed.contains(method)) << method;
}

TEST_F(FollowerCoreTest, WithoutAnythingWatchedNoBlockIsFetched) {
  run(1'000);
  EXPECT_EQ(std::count(node.methods.begin(), node.methods.end(), "getblock"), 0);
}

TEST_F(FollowerCoreTest, FindsAPaymentAndItsProofVerifies) {
  feed(WatchScript{kScript, model::ExternalHeight(0)});
  run(500);
  const auto payment = node.chain.pay({{10, Bytes{0x51}}, {700, kScript}});
  node.chain.mine({node.chain.pay({{1, Bytes{0x51}}}), payment});
  node.chain.mine_empty(2);
  run(500);
  const auto found = all<TransactionFound>();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].outputs, std::vector<std::uint32_t>{1});
  EXPECT_EQ(found[0].height.get(), 6U);
  EXPECT_TRUE(found[0].spent.empty());
  const auto proof = core().proof(found[0], model::ExternalHeight(8));
  ASSERT_TRUE(proof.ok()) << proof.status().to_string();
  EXPECT_EQ(*proof, node.chain.proof(payment.txid(), 8));
  const model::RecordedHead recorded{model::ExternalHeight(8), node.chain.hash(8), model::FeeRate(1)};
  const auto verified = ledger::custody::verify_proof(settings().chain, *proof, recorded, 3);
  ASSERT_TRUE(verified.ok()) << verified.status().to_string();
  EXPECT_EQ(verified->outputs[1].script_pubkey, kScript);
  EXPECT_EQ(core().proof(found[0], model::ExternalHeight(9)).code(), Code::kNotFound);
  EXPECT_EQ(core().proof(found[0], model::ExternalHeight(5)).code(), Code::kNotFound);
}

TEST_F(FollowerCoreTest, WatchingLaterReadsOldBlocksAgain) {
  node.chain.mine({node.chain.pay({{700, kScript}})});
  node.chain.mine_empty(4);
  run(500);
  ASSERT_EQ(head()->height.get(), 10U);
  feed(WatchScript{kScript, model::ExternalHeight(7)});
  run(500);
  EXPECT_TRUE(all<TransactionFound>().empty()) << "the payment is in block 6";
  feed(WatchScript{Bytes{0x52}, model::ExternalHeight(6)});
  run(500);
  EXPECT_EQ(all<TransactionFound>().size(), 1U);
}

TEST_F(FollowerCoreTest, FindsTheSpenderOfAWatchedOutpoint) {
  auto payment = node.chain.pay({{700, Bytes{0x51}}});
  const bitcoin::OutPoint coin = payment.inputs[0].previous;
  feed(WatchOutPoint{coin, model::ExternalHeight(0)});
  node.chain.mine({payment});
  run(500);
  ASSERT_EQ(all<TransactionFound>().size(), 1U);
  EXPECT_EQ(all<TransactionFound>()[0].spent, std::vector<bitcoin::OutPoint>{coin});
  feed(UnwatchOutPoint{coin});
  feed(WatchScript{Bytes{0x52}, model::ExternalHeight(0)});
  run(500);
  EXPECT_EQ(all<TransactionFound>().size(), 1U);
}

TEST_F(FollowerCoreTest, ReorganisationUndoesBlocksAndTheirProofs) {
  feed(WatchScript{kScript, model::ExternalHeight(0)});
  node.chain.mine({node.chain.pay({{700, kScript}})});
  node.chain.mine_empty(2);
  run(500);
  ASSERT_EQ(all<TransactionFound>().size(), 1U);
  const TransactionFound lost = all<TransactionFound>()[0];
  node.chain.rewind(5);
  node.chain.mine_empty(4);
  run(1'000);
  ASSERT_EQ(all<BlocksUndone>().size(), 1U);
  EXPECT_EQ(all<BlocksUndone>()[0].first.get(), 6U);
  EXPECT_EQ(head()->height.get(), 9U);
  EXPECT_EQ(head()->hash, node.chain.hash(9));
  EXPECT_EQ(core().proof(lost, model::ExternalHeight(9)).code(), Code::kNotFound);
  EXPECT_TRUE(problem().ok());
}

TEST_F(FollowerCoreTest, ReorganisationToTheSameHeightIsSeen) {
  run(500);
  node.chain.rewind(4);
  node.chain.mine_empty(1);
  run(500);
  EXPECT_EQ(all<BlocksUndone>().size(), 1U);
  EXPECT_EQ(head()->hash, node.chain.hash(5));
}

TEST_F(FollowerCoreTest, TooDeepAReorganisationStopsTheFollower) {
  node.chain.mine_empty(FollowerCore::kMaxReorganisation + 20);
  run(500);
  const std::size_t heads = all<HeadObserved>().size();
  node.chain.rewind(10);
  node.chain.mine_empty(FollowerCore::kMaxReorganisation + 50);
  run(30'000);
  EXPECT_EQ(problem().code(), Code::kCorrupt);
  EXPECT_THAT(problem().message(), HasSubstr("144"));
  EXPECT_EQ(all<HeadObserved>().size(), heads);
  EXPECT_TRUE(all<BlocksUndone>().empty());
}

TEST_F(FollowerCoreTest, NodeThatFallsBackIsWaitedForNotUndone) {
  run(500);
  const std::size_t heads = all<HeadObserved>().size();
  intercept = [&](const Call& call) -> std::optional<Outcome> {
    if (call.method == "getblockcount") return Outcome(Json(std::uint64_t{3}));
    return std::nullopt;
  };
  run(2'000);
  EXPECT_EQ(problem().code(), Code::kUnavailable);
  EXPECT_THAT(problem().message(), HasSubstr("height 3, below 5"));
  EXPECT_TRUE(all<BlocksUndone>().empty());
  intercept = nullptr;
  node.chain.mine_empty(1);
  run(20'000);
  EXPECT_TRUE(problem().ok());
  EXPECT_EQ(all<HeadObserved>().size(), heads + 1);
}

TEST_F(FollowerCoreTest, RefusesANodeOfAnotherChain) {
  FollowerSettings other = settings();
  other.chain.genesis_hash = tests::FakeChain(7).hash(0);
  use(other);
  run(1'000);
  EXPECT_EQ(problem().code(), Code::kRefused);
  EXPECT_THAT(problem().message(),
              HasSubstr("the node follows another chain: its genesis block is " + node.name(0)));
  EXPECT_TRUE(all<HeadObserved>().empty());
}

TEST_F(FollowerCoreTest, RefusesAnotherAnchor) {
  FollowerSettings other = settings();
  other.chain.anchor_height = model::ExternalHeight(3);
  other.chain.anchor_hash = node.chain.hash(2);
  use(other);
  run(1'000);
  EXPECT_EQ(problem().code(), Code::kRefused);
  EXPECT_THAT(problem().message(), HasSubstr("anchor's height 3 is " + node.name(3)));
  EXPECT_TRUE(all<HeadObserved>().empty());
}

TEST_F(FollowerCoreTest, RefusesAnAnchorWithOtherBits) {
  FollowerSettings other = settings();
  other.chain.anchor_bits = 0x1d00ffff;
  use(other);
  run(1'000);
  EXPECT_EQ(problem().code(), Code::kRefused);
}

TEST_F(FollowerCoreTest, WaitsForANodeBelowTheAnchor) {
  FollowerSettings other = settings();
  other.chain.anchor_height = model::ExternalHeight(6);
  tests::FakeChain ahead = node.chain;
  ahead.mine_empty(1);
  other.chain.anchor_hash = ahead.hash(6);
  use(other);
  run(1'000);
  EXPECT_EQ(problem().code(), Code::kUnavailable);
  EXPECT_THAT(problem().message(), HasSubstr("has not reached the anchor block at height 6"));
  node.chain = ahead;
  run(20'000);
  EXPECT_TRUE(problem().ok());
  EXPECT_EQ(head()->height.get(), 6U);
}

TEST_F(FollowerCoreTest, NodeThatIsReplacedByOneOfAnotherChainIsRefused) {
  run(500);
  intercept = [](const Call&) { return Outcome(down()); };
  run(2'000);
  EXPECT_EQ(problem().code(), Code::kUnavailable);
  intercept = nullptr;
  const auto heads = all<HeadObserved>().size();
  node.chain = tests::FakeChain(99);
  node.chain.mine_empty(50);
  run(20'000);
  EXPECT_EQ(problem().code(), Code::kRefused);
  EXPECT_EQ(all<HeadObserved>().size(), heads);
}

TEST_F(FollowerCoreTest, ComesBackAfterTheNodeWasDownAndTriesEverLessOften) {
  std::size_t calls = 0;
  intercept = [&](const Call&) {
    ++calls;
    return Outcome(down());
  };
  run(60'000);
  EXPECT_LE(calls, 12U);
  EXPECT_EQ(all<Problem>().size(), 1U) << "the same problem is reported once";
  intercept = nullptr;
  run(15'000);
  EXPECT_TRUE(problem().ok());
  EXPECT_EQ(head()->height.get(), 5U);
}

// Every kind of nonsense in the answer to every call: a problem, never a head beyond what was verified.
TEST_F(FollowerCoreTest, NonsenseInAnyAnswerIsAProblemAndNothingElse) {
  const std::vector<Json> nonsense{Json(),
                                   Json(-1),
                                   Json(1.5),
                                   Json("x"),
                                   Json(std::string(64, 'z')),
                                   Json(std::string(64, '0')),
                                   Json(std::string(160, '0')),
                                   Json(std::string(2'000, '0')),
                                   Json::array(),
                                   Json::object(),
                                   Json(std::uint64_t{1} << 40U)};
  for (const char* method : {"getblockhash", "getblockheader", "getblockcount", "getblock"}) {
    for (const Json& answer : nonsense) {
      core_.reset();
      seen.clear();
      feed(WatchScript{kScript, model::ExternalHeight(0)});
      always(method, answer);
      run(2'000);
      EXPECT_FALSE(problem().ok()) << method << " " << answer.dump();
      EXPECT_TRUE(all<HeadObserved>().empty()) << method << " " << answer.dump();
      intercept = nullptr;
      run(25'000);
      EXPECT_TRUE(problem().ok()) << method << " " << answer.dump() << " " << problem().to_string();
      EXPECT_EQ(head()->height.get(), 5U);
    }
  }
}

TEST_F(FollowerCoreTest, HeaderThatDoesNotLinkIsRefused) {
  run(500);
  tests::FakeChain other(3);
  other.mine_empty(6);
  node.chain.mine_empty(1);
  const std::string name = bitcoin::to_rpc_hex(Hash256(other.hash(6).array()));
  intercept = [&](const Call& call) -> std::optional<Outcome> {
    if (call.method == "getblockhash" && call.params.items()[0].as_u64().value() == 6)
      return Outcome(Json(name));
    if (call.method == "getblockheader") return Outcome(Json(to_hex(other.header(6).serialize())));
    return std::nullopt;
  };
  run(3'000);
  EXPECT_FALSE(problem().ok());
  EXPECT_EQ(head()->height.get(), 5U);
  intercept = nullptr;
  run(20'000);
  EXPECT_EQ(head()->height.get(), 6U);
}

TEST_F(FollowerCoreTest, HeaderWithoutWorkIsRefused) {
  run(500);
  bitcoin::BlockHeader cheap = node.chain.header(5);
  cheap.previous = Hash256(node.chain.hash(5).array());
  cheap.bits = 0x1d00ffff;
  intercept = [&](const Call& call) -> std::optional<Outcome> {
    if (call.method == "getblockcount") return Outcome(Json(std::uint64_t{6}));
    if (call.method == "getblockhash" && call.params.items()[0].as_u64().value() == 6) {
      return Outcome(Json(bitcoin::to_rpc_hex(cheap.hash())));
    }
    if (call.method == "getblockheader") return Outcome(Json(to_hex(cheap.serialize())));
    return std::nullopt;
  };
  run(3'000);
  EXPECT_EQ(problem().code(), Code::kInvalid);
  EXPECT_EQ(head()->height.get(), 5U);
}

TEST_F(FollowerCoreTest, BlockWithOtherTransactionsIsRefused) {
  feed(WatchScript{kScript, model::ExternalHeight(0)});
  tests::FakeChain other(3);
  other.mine({other.pay({{700, kScript}})});
  always("getblock", Json(to_hex(other.raw_block(1))));
  run(3'000);
  EXPECT_EQ(problem().code(), Code::kInvalid);
  EXPECT_TRUE(all<TransactionFound>().empty());
}

TEST_F(FollowerCoreTest, FeeRateComesFromTheNodeOrTheParameter) {
  const auto rate_for = [&](const Json& fee) {
    core_.reset();
    seen.clear();
    node.fee = fee;
    run(1'000);
    return head() ? head()->fee_rate.get() : 0;
  };
  const auto with = [](std::string key, Json value) {
    Json out = Json::object();
    return out.set(std::move(key), std::move(value));
  };
  EXPECT_EQ(rate_for(with("feerate", 0.00012345)), 12'345U);
  EXPECT_EQ(rate_for(with("fee", 0.0001)), 10'000U);
  EXPECT_EQ(rate_for(with("fee", -1)), 2'000U);
  EXPECT_EQ(rate_for(with("errors", Json::array())), 2'000U);
  EXPECT_EQ(rate_for(with("feerate", 1'000'000)), 2'000U) << "a million coins per kvB";
  EXPECT_EQ(rate_for(Json("nonsense")), 2'000U);
  core_.reset();
  seen.clear();
  intercept = [](const Call& call) -> std::optional<Outcome> {
    if (call.method == "estimatesmartfee") return Outcome(CallError{refused("no"), -32601});
    return std::nullopt;
  };
  run(1'000);
  EXPECT_EQ(head()->fee_rate.get(), 2'000U);
}

TEST_F(FollowerCoreTest, BroadcastIsDoneWhenTheMempoolHasIt) {
  run(500);
  const auto payment = node.chain.pay({{5, Bytes{0x51}}});
  feed(BroadcastRequest{7, payment.serialize()});
  run(200);
  ASSERT_EQ(all<BroadcastDone>().size(), 1U);
  EXPECT_EQ(all<BroadcastDone>()[0].ticket, 7U);
  EXPECT_TRUE(all<BroadcastDone>()[0].status.ok());
}

TEST_F(FollowerCoreTest, BroadcastThatTheNodeSwallowsIsRefusedAfterTwoSeconds) {
  run(500);
  node.keeps_transactions = false;  // bcoin's way of refusing: it returns the id and forgets the transaction
  feed(BroadcastRequest{7, node.chain.pay({{5, Bytes{0x51}}}).serialize()});
  run(1'500);
  EXPECT_TRUE(all<BroadcastDone>().empty());
  run(1'000);
  ASSERT_EQ(all<BroadcastDone>().size(), 1U);
  EXPECT_EQ(all<BroadcastDone>()[0].status.code(), Code::kRefused);
}

TEST_F(FollowerCoreTest, BroadcastThatIsMinedMeanwhileIsDone) {
  run(500);
  node.keeps_transactions = false;
  const auto payment = node.chain.pay({{5, Bytes{0x51}}});
  feed(BroadcastRequest{7, payment.serialize()});
  run(300);
  node.chain.mine({payment});
  run(1'000);
  ASSERT_EQ(all<BroadcastDone>().size(), 1U);
  EXPECT_TRUE(all<BroadcastDone>()[0].status.ok());
}

TEST_F(FollowerCoreTest, BroadcastErrorsAreToldApart) {
  run(500);
  const auto status_for = [&](const Outcome& outcome) {
    seen.clear();
    intercept = [&](const Call& call) -> std::optional<Outcome> {
      if (call.method == "sendrawtransaction") return outcome;
      return std::nullopt;
    };
    feed(BroadcastRequest{1, node.chain.pay({{5, Bytes{0x51}}}).serialize()});
    run(200);
    EXPECT_EQ(all<BroadcastDone>().size(), 1U);
    return all<BroadcastDone>().at(0).status;
  };
  const Status refusal = status_for(CallError{refused("RPC error -26: min relay fee not met"), -26});
  EXPECT_EQ(refusal.code(), Code::kRefused);
  EXPECT_THAT(refusal.message(), HasSubstr("min relay fee not met"));
  EXPECT_TRUE(status_for(CallError{refused("already in block chain"), -27}).ok());
  EXPECT_EQ(status_for(down()).code(), Code::kUnavailable);
}

TEST_F(FollowerCoreTest, BroadcastOfSomethingElseOrTooManyIsRefusedAtOnce) {
  feed(BroadcastRequest{1, Bytes{1, 2, 3}});
  ASSERT_EQ(all<BroadcastDone>().size(), 1U);
  EXPECT_EQ(all<BroadcastDone>()[0].status.code(), Code::kInvalid);
  seen.clear();
  node.keeps_transactions = false;
  for (std::uint64_t i = 0; i <= FollowerCore::kMaxBroadcasts; ++i) {
    feed(BroadcastRequest{i, node.chain.pay({{5, Bytes{0x51}}}).serialize()});
  }
  ASSERT_EQ(all<BroadcastDone>().size(), 1U);
  EXPECT_EQ(all<BroadcastDone>()[0].status.code(), Code::kExhausted);
}

TEST_F(FollowerCoreTest, KeepsABoundedNumberOfHeaders) {
  node.chain.mine_empty(FollowerCore::kKeptHeaders + 100);
  run(1'000);
  EXPECT_EQ(head()->height.get(), FollowerCore::kKeptHeaders + 105);
  EXPECT_FALSE(core().block_hash(model::ExternalHeight(105)));
  EXPECT_TRUE(core().block_hash(model::ExternalHeight(106)));
}

TEST_F(FollowerCoreTest, LateAndUnknownRepliesAreIgnored) {
  run(500);
  const std::size_t before = seen.size();
  feed(CallReply{9'999'999, now, Outcome(Json("x"))});
  feed(CallReply{0, now, Outcome(Json("x"))});
  EXPECT_EQ(seen.size(), before);
}

}  // namespace
}  // namespace custody::ledger::followers
