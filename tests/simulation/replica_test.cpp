// ledger/node's replica alone: one member that is a quorum by itself, its guard, a store and a disk in
// memory.
#include "ledger/node/replica.h"

#include <gtest/gtest.h>

#include <set>

#include "ledger/light/light.h"
#include "ledger/state/audit.h"
#include "proto/reader/digests.h"
#include "tests/simulation/signer.h"

namespace custody::tests::simulation {
namespace {

namespace consensus = ledger::consensus;
namespace node = ledger::node;
using ledger::store::Family;
using model::Height;

class ReplicaTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(open().ok());
    endow(network_, store_);
    start();
  }
  Status open(std::size_t pool_count = 100) {
    replica_.reset();
    log_.reset();
    std::vector<consensus::LogRecord> records;
    ASSIGN_OR_RETURN(log_, consensus::FileLog::open(disk_, entropy_, records));
    node::ReplicaConfig config{
        network_.genesis, chain_, model::MemberId(1), model::is_quorum, {1u << 20, pool_count}};
    ASSIGN_OR_RETURN(replica_,
                     node::Replica::open(std::move(config), store_, *log_, std::move(records), verifier_));
    return ok_status();
  }
  void start(std::size_t pool_count = 100) {
    const Status opened = open(pool_count);
    ASSERT_TRUE(opened.ok()) << opened.to_string();
    step(consensus::Start{});
  }
  void step(const node::Event& event) {
    const consensus::Now now{UnixMs{kGenesisMs + 1'000 + ms_}, MonotonicMs{ms_}};
    for (node::Action& action : replica_->step(now, event)) {
      if (const auto* sign = std::get_if<consensus::Sign>(&action)) {
        if (signer_on_) {
          step(consensus::FromSigner{*signer_.sign(sign->request)});
        } else {
          unsigned_.push_back(sign->request);
        }
      } else if (auto* submitted = std::get_if<node::Submitted>(&action)) {
        submitted_ = std::move(submitted->id);
      } else if (const auto* report = std::get_if<consensus::Report>(&action)) {
        reports_.push_back(report->status);
      } else if (const auto* broadcast = std::get_if<consensus::Broadcast>(&action)) {
        const auto message = consensus::decode_peer_message(broadcast->message);
        ASSERT_TRUE(message.ok()) << message.status().to_string();
        const auto* told = std::get_if<model::TransactionsMessage>(&*message);
        if (told != nullptr) told_.push_back(told->envelopes);
      }
    }
  }
  void advance(std::uint64_t ms) {
    ms_ += ms;
    step(consensus::Tick{});
  }
  Result<model::TxId> submit(const Bytes& envelope) {
    step(node::Submit{7, envelope});
    return *submitted_;
  }
  // A payment that is within the client's funds.
  Bytes transfer() {
    for (;;) {
      Bytes envelope = make_transfer(network_, Height(replica_->tip().height.get() + 10), random_);
      ledger::state::SerialVerifier serial;
      if (replica_->state().check_transaction(envelope, serial).ok()) return envelope;
    }
  }
  // All that the first client has of a currency: valid alone, and no two of them together.
  Bytes spend_all(std::uint64_t salt) {
    const crypto::SoftwareKey& client = network_.clients[0];
    const model::CurrencyId currency(1);
    const model::Amount all =
        replica_->state().balance(model::Address::of_key(client.public_key()), currency);
    model::Transaction transaction;
    transaction.valid_until = Height(20);
    transaction.salt = salt;
    transaction.body =
        model::Transfer{{{model::Address::of_key(client.public_key()), currency, all}},
                        {{model::Address::treasury(), currency, model::Amount(all.get() - 500)}},
                        {}};
    model::Envelope envelope;
    envelope.payload = proto::reader::encode(transaction);
    envelope.signatures = {{client.public_key(), client.sign(proto::reader::transaction_digest(
                                                     chain_, envelope.payload, transaction.body))}};
    return proto::reader::encode(envelope);
  }
  std::uint64_t height() const { return replica_->tip().height.get(); }

  Random random_{5};
  Network network_ = make_network(1, random_);
  model::ChainId chain_ = network_.chain;
  Checks checks_{network_, {Conduct::kCorrect}};
  Signer signer_{network_, 0, {}, 3, checks_};
  SimDirectory disk_{4};
  SeededEntropy entropy_{6};
  ledger::store::MemoryStore store_;
  ledger::state::SerialVerifier verifier_;
  std::unique_ptr<consensus::FileLog> log_;
  std::unique_ptr<node::Replica> replica_;
  std::uint64_t ms_ = 1'000;
  std::optional<Result<model::TxId>> submitted_;
  bool signer_on_ = true;
  std::vector<model::SignRequest> unsigned_;
  std::vector<Status> reports_;
  std::vector<std::vector<Bytes>> told_;  // envelopes of each message to peers
};

TEST_F(ReplicaTest, MakesEmptyBlocksInTime) {
  advance(299);
  EXPECT_EQ(height(), 0u);
  advance(1);
  EXPECT_EQ(height(), 1u);
  advance(300);
  EXPECT_EQ(height(), 2u);
  EXPECT_EQ(replica_->tip().commit->signatures.size(), 1u);
}

TEST_F(ReplicaTest, ATransactionIsExecutedAtOnceAndFoundAgain) {
  const Bytes envelope = transfer();
  const auto id = submit(envelope);
  ASSERT_TRUE(id.ok()) << id.status().to_string();
  ASSERT_EQ(height(), 1u);
  const auto place = replica_->find_transaction(*id);
  ASSERT_TRUE(place.ok() && place->has_value());
  EXPECT_EQ((*place)->height, Height(1));
  EXPECT_EQ((*place)->index, 0u);
  const auto block = replica_->decided(Height(1));
  ASSERT_TRUE(block.ok() && block->has_value());
  EXPECT_EQ((*block)->block.transactions, std::vector<Bytes>{envelope});
  EXPECT_TRUE(ledger::state::audit(replica_->state()).ok());
  EXPECT_TRUE(replica_->mempool().empty());
  EXPECT_FALSE(replica_->find_transaction(model::TxId())->has_value());
  EXPECT_FALSE(replica_->decided(Height(2))->has_value());
}

TEST_F(ReplicaTest, ATransactionIsTakenOnce) {
  const Bytes envelope = transfer();
  ASSERT_TRUE(submit(envelope).ok());
  EXPECT_EQ(submit(envelope).code(), Code::kExists);
}

// One of them pays a fee; the others would only have filled every member's pool.
TEST_F(ReplicaTest, PaymentsThatExcludeOneAnotherDoNotWaitTogether) {
  signer_on_ = false;
  const Bytes first = spend_all(1);
  ASSERT_TRUE(submit(first).ok());
  EXPECT_EQ(submit(spend_all(2)).code(), Code::kRefused);
  EXPECT_EQ(replica_->mempool().count(), 1u);
}

TEST_F(ReplicaTest, WhatABlockMadeInvalidIsDropped) {
  // A restart forgets what waited, not the block that was proposed with it.
  signer_on_ = false;
  ASSERT_TRUE(submit(spend_all(1)).ok());
  unsigned_.clear();
  start();
  ASSERT_TRUE(submit(spend_all(2)).ok());
  EXPECT_EQ(replica_->mempool().count(), 1u);
  signer_on_ = true;
  for (const model::SignRequest& request : std::exchange(unsigned_, {})) {
    step(consensus::FromSigner{*signer_.sign(request)});
  }
  EXPECT_EQ(height(), 1u);
  EXPECT_TRUE(replica_->mempool().empty());
  EXPECT_TRUE(ledger::state::audit(replica_->state()).ok());
}

TEST_F(ReplicaTest, AFullMempoolRefuses) {
  start(1);
  signer_on_ = false;
  ASSERT_TRUE(submit(transfer()).ok());
  EXPECT_EQ(submit(transfer()).code(), Code::kExhausted);
}

TEST_F(ReplicaTest, MalformedAndInvalidTransactionsAreRefused) {
  EXPECT_EQ(submit(Bytes{1, 2, 3}).code(), Code::kInvalid);
  EXPECT_EQ(submit(Bytes(network_.genesis.parameters.max_transaction_bytes + 1)).code(), Code::kInvalid);
  Bytes envelope = transfer();
  envelope.back() ^= 1;  // in the signature
  EXPECT_EQ(submit(envelope).code(), Code::kInvalid);
  EXPECT_TRUE(replica_->mempool().empty());
}

TEST_F(ReplicaTest, APeersTransactionIsTakenWithinItsBudget) {
  const Bytes message = consensus::encode_peer_message(model::TransactionsMessage{{transfer()}});
  step(node::PeerBytes{model::MemberId(2), message});
  EXPECT_EQ(height(), 1u);
  step(node::PeerBytes{model::MemberId(2), Bytes(model::kMaxPeerMessage + 1)});
  EXPECT_EQ(reports_.size(), 1u);
  // Rubbish uses the budget up; then even a good one waits for the next period.
  const Bytes rubbish = consensus::encode_peer_message(model::TransactionsMessage{{Bytes(100'000)}});
  for (int i = 0; i < 11; ++i) step(node::PeerBytes{model::MemberId(2), rubbish});
  const Bytes good = consensus::encode_peer_message(model::TransactionsMessage{{transfer()}});
  step(node::PeerBytes{model::MemberId(2), good});
  EXPECT_EQ(height(), 1u);
  advance(250);
  step(node::PeerBytes{model::MemberId(2), good});
  EXPECT_EQ(height(), 2u);
}

TEST_F(ReplicaTest, WhatWasSubmittedIsToldTogetherAndWhatAPeerToldOnlyIfItWaitsLong) {
  signer_on_ = false;
  const Bytes first = transfer();
  const Bytes second = transfer();
  const Bytes of_peer = transfer();
  ASSERT_TRUE(submit(first).ok());
  ASSERT_TRUE(submit(second).ok());
  step(node::PeerBytes{model::MemberId(2),
                       consensus::encode_peer_message(model::TransactionsMessage{{of_peer}})});
  EXPECT_TRUE(told_.empty());
  step(node::PassOn{});
  EXPECT_EQ(told_, (std::vector<std::vector<Bytes>>{{first, second}}));
  advance(1'000);
  EXPECT_EQ(told_.size(), 1u);
  advance(1'000);
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(std::set<Bytes>(told_[1].begin(), told_[1].end()), (std::set<Bytes>{first, second, of_peer}));
}

TEST_F(ReplicaTest, APeerThatPassesOnABadSignatureIsNotListenedToForAWhile) {
  const auto told = [&](std::uint16_t peer, const Bytes& envelope) {
    step(node::PeerBytes{model::MemberId(peer),
                         consensus::encode_peer_message(model::TransactionsMessage{{envelope}})});
  };
  Bytes bad = transfer();
  bad.back() ^= 1;
  told(2, bad);
  told(2, transfer());
  EXPECT_EQ(height(), 0u);
  told(3, transfer());
  EXPECT_EQ(height(), 1u) << "the others are listened to";
  ms_ += 10'000;
  const std::uint64_t before = height();
  told(2, transfer());
  EXPECT_EQ(height(), before + 1);
}

TEST_F(ReplicaTest, MalformedMessagesOfAPeerAreReportedOnceInAPeriod) {
  for (int i = 0; i < 100; ++i) step(node::PeerBytes{model::MemberId(2), Bytes{1, 2, 3}});
  step(node::PeerBytes{model::MemberId(3), Bytes{1, 2, 3}});
  EXPECT_EQ(reports_.size(), 2u);
  advance(250);
  step(node::PeerBytes{model::MemberId(2), Bytes{1, 2, 3}});
  EXPECT_EQ(reports_.size(), 3u);
}

TEST_F(ReplicaTest, ARestartLoadsWhatWasCommitted) {
  ASSERT_TRUE(submit(transfer()).ok());
  advance(300);
  const auto tip = replica_->tip();
  const Hash256 root = replica_->state().root();
  ASSERT_EQ(tip.height, Height(2));
  disk_.crash(SimDirectory::Tear::kPrefix);
  store_.crash();
  start();
  EXPECT_EQ(replica_->tip().hash, tip.hash);
  EXPECT_EQ(replica_->tip().commit, tip.commit);
  EXPECT_EQ(replica_->state().root(), root);
  advance(300);
  EXPECT_EQ(height(), 3u);
}

TEST_F(ReplicaTest, AStoreOfAnotherNetworkIsRefused) {
  chain_.data()[0] ^= 1;
  EXPECT_EQ(open().code(), Code::kCorrupt);
}

TEST_F(ReplicaTest, AStoreWhoseStateWasChangedIsRefused) {
  ASSERT_TRUE(submit(transfer()).ok());
  ledger::store::Batch batch;
  batch.put(Family::kState, model::balance_key(model::Address::treasury(), model::CurrencyId(1)),
            proto::reader::encode(model::Balance{model::Amount(1)}));
  ASSERT_TRUE(store_.write(batch, ledger::store::Durability::kSync).ok());
  EXPECT_EQ(open().code(), Code::kCorrupt);
}

TEST_F(ReplicaTest, AStoreWithoutItsLastBlockIsRefused) {
  advance(300);
  ledger::store::Batch batch;
  batch.remove(Family::kBlocks, Bytes{0, 0, 0, 0, 0, 0, 0, 1});
  ASSERT_TRUE(store_.write(batch, ledger::store::Durability::kSync).ok());
  EXPECT_EQ(open().code(), Code::kCorrupt);
}

TEST_F(ReplicaTest, EvidenceIsProvenUnderTheLastCommit) {
  EXPECT_EQ(replica_->evidence({}).code(), Code::kUnavailable);
  ASSERT_TRUE(submit(transfer()).ok());
  const Bytes absent = model::freeze_key(model::CurrencyId(1));
  const auto evidence = replica_->evidence({model::parameters_key(), absent});
  ASSERT_TRUE(evidence.ok());
  const Hash256 members = proto::reader::member_set_hash(model::member_set(network_.genesis));
  const auto proven = ledger::light::ProvenState::check(chain_, members, *evidence);
  ASSERT_TRUE(proven.ok()) << proven.status().to_string();
  EXPECT_EQ(*proven->require<model::NetworkParameters>(model::parameters_key(), "parameters"),
            network_.genesis.parameters);
  EXPECT_EQ(*proven->raw(absent), std::nullopt);
}

}  // namespace
}  // namespace custody::tests::simulation
