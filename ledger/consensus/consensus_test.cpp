// The rules, each by a scripted run of one member among four; the others' messages are made here with their
// keys.
#include "ledger/consensus/consensus.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crypto/secp256k1.h"
#include "base/merkle/merkle.h"
#include "ledger/consensus/proposer.h"
#include "ledger/light/light.h"
#include "proto/reader/describe_peer.h"
#include "proto/reader/digests.h"

namespace custody::ledger::consensus {
namespace {

using model::BlockHash;
using model::Height;
using model::MemberId;
using model::Round;
using model::Vote;
using model::VoteType;
using model::Weight;

constexpr std::uint64_t kStart = 1'700'000'000'000;

struct Network {
  Network() {
    SeededEntropy entropy(7);
    const std::uint64_t weights[] = {28, 26, 24, 22};
    for (std::uint16_t i = 1; i <= 4; ++i) {
      keys.push_back(crypto::SoftwareKey::generate(entropy));
      set.members.push_back({MemberId(i), Weight(weights[i - 1]), keys.back().public_key()});
    }
    chain.data()[0] = 9;
    parameters.empty_block_ms = 1'000;
    parameters.time_precision_ms = 500;
    parameters.round_timeout_ms = 100;
    parameters.round_timeout_step_ms = 50;
  }
  const crypto::SoftwareKey& key(MemberId member) const { return keys.at(member.get() - 1u); }

  model::ChainId chain;
  model::MemberSet set;
  std::vector<crypto::SoftwareKey> keys;
  model::NetworkParameters parameters;
};

// A ledger whose state root is a function of the previous block.
class FakeApplication final : public Application {
 public:
  explicit FakeApplication(const Network& network) : network_(network) {
    tip_.time = model::LedgerMs(kStart - 10'000);
  }

  Tip tip() const override { return tip_; }
  model::MemberSet members(Height) const override { return network_.set; }
  const model::NetworkParameters& parameters() const override { return network_.parameters; }
  bool has_transactions() const override { return has_transactions_; }
  Result<model::Block> propose(Height height, model::LedgerMs time, MemberId proposer,
                               const std::optional<model::Commit>& last_commit) override {
    model::Block block;
    block.transactions = transactions_;
    block.last_commit = last_commit;
    model::BlockHeader& header = block.header;
    header.chain_id = network_.chain;
    header.height = height;
    header.time = time;
    header.previous = tip_.hash;
    std::vector<Hash256> leaves;
    for (const Bytes& one : transactions_) leaves.push_back(merkle::leaf_hash(one));
    header.transactions_root = merkle::root(leaves);
    header.state_root = crypto::sha256(tip_.hash);
    header.members_hash = header.next_members_hash = proto::reader::member_set_hash(network_.set);
    header.proposer = proposer;
    return block;
  }
  Status validate(const model::Block& block) override {
    return block.header.state_root == crypto::sha256(tip_.hash) ? ok_status()
                                                                : refused("state root is wrong");
  }
  Status commit(const model::Block& block, const model::Commit& commit) override {
    if (fail_commit_) return io_error("disk");
    blocks_.push_back({block, commit});
    tip_ = {block.header.height, proto::reader::block_hash(block.header), block.header.time, commit};
    return ok_status();
  }
  Result<std::optional<DecidedBlock>> decided(Height height) const override {
    ++reads_;
    if (height.get() == 0 || height.get() > blocks_.size()) return std::optional<DecidedBlock>();
    return std::optional(blocks_[height.get() - 1]);
  }

  const Network& network_;
  Tip tip_;
  std::vector<DecidedBlock> blocks_;
  std::vector<Bytes> transactions_;
  bool has_transactions_ = false;
  bool fail_commit_ = false;
  mutable int reads_ = 0;
};

class MemoryLog final : public Log {
 public:
  Status append(const LogRecord& record) override {
    unsynced_.push_back(record);
    return ok_status();
  }
  Status sync() override {
    if (fail_) return io_error("disk");
    synced_.insert(synced_.end(), unsynced_.begin(), unsynced_.end());
    unsynced_.clear();
    ++syncs_;
    return ok_status();
  }
  Status start_height(Height) override {
    synced_.clear();
    unsynced_.clear();
    return ok_status();
  }
  std::vector<LogRecord> synced_, unsynced_;
  int syncs_ = 0;
  bool fail_ = false;
};

class ConsensusTest : public testing::Test {
 protected:
  // The proposers of height 1, by round.
  MemberId proposer_at(std::uint32_t round, std::uint64_t height = 1) const {
    return proposer(net_.set, Height(height), Round(round));
  }
  // A member that proposes in none of the first rounds of height 1 would be ideal; one that is not the first
  // is enough.
  void start_as(MemberId self) {
    self_ = self;
    start();
  }
  void start_as_bystander() {
    for (std::uint16_t i = 1; i <= 4; ++i) {
      if (MemberId(i) != proposer_at(0) && MemberId(i) != proposer_at(1)) return start_as(MemberId(i));
    }
  }
  void start() {
    core_.reset();
    const auto verify = [this](const PublicKey& key, const Hash256& digest, const Signature& signature) {
      ++verified_;
      return crypto::verify(key, digest, signature);
    };
    core_ = std::make_unique<Consensus>(Config{net_.chain, self_, model::is_quorum, verify}, app_, log_,
                                        log_.synced_);
    log_.unsynced_.clear();
    give(Start{});
  }

  Now now() const { return {UnixMs{kStart + ms_}, MonotonicMs{1'000 + ms_}}; }
  // Feeds the event and answers what the member wants to be signed.
  void give(const Event& event) {
    Actions actions = core_->step(now(), event);
    take(actions);
  }
  void take(Actions& actions) {
    for (Action& action : actions) {
      if (const auto* sign = std::get_if<Sign>(&action)) {
        intents_.push_back(sign->request.intent);
        if (signer_on_) {
          Actions more = core_->step(now(), FromSigner{answer(sign->request)});
          take(more);
        } else {
          unanswered_.push_back(sign->request);
        }
      } else if (const auto* cast = std::get_if<Broadcast>(&action)) {
        sent_.push_back(*decode_peer_message(cast->message));
      } else if (const auto* send = std::get_if<Send>(&action)) {
        sent_.push_back(*decode_peer_message(send->message));
        if (std::holds_alternative<model::BlockRequest>(sent_.back())) asked_.push_back(send->peer);
      } else if (const auto* wake = std::get_if<WakeAt>(&action)) {
        wake_ = wake->at;
      } else if (auto* halt = std::get_if<Halt>(&action)) {
        halted_ = halt->status;
      } else if (const auto* proof = std::get_if<Equivocation>(&action)) {
        equivocations_.push_back(*proof);
      } else if (std::holds_alternative<Committed>(action)) {
        ++committed_;
      }
    }
  }
  model::SignReply answer(const model::SignRequest& request) {
    Hash256 digest;
    if (const auto* vote = std::get_if<model::VoteIntent>(&request.intent)) {
      digest = proto::reader::vote_digest(net_.chain, vote->type, vote->height, vote->round, vote->block);
    } else {
      const auto& p = std::get<model::ProposalIntent>(request.intent);
      digest = proto::reader::proposal_digest(
          net_.chain, {p.height, p.round, p.proof_of_lock, p.block, p.parts_root, p.part_count, self_, {}});
    }
    model::SignReply reply;
    reply.id = request.id;
    reply.signatures.push_back(net_.key(self_).sign(digest));
    return reply;
  }
  void advance(std::uint64_t ms) {
    ms_ += ms;
    give(Tick{});
  }
  // Round 0 begins when the time of an empty block has come, and its proposal does not.
  void wait_out_proposal() {
    advance(1'000);
    advance(100);
  }
  void from(MemberId peer, model::PeerMessageBody message) { give(FromPeer{peer, std::move(message)}); }

  // Others' messages.
  Vote vote(MemberId member, VoteType type, std::uint32_t round, std::optional<BlockHash> block,
            std::uint64_t height = 1) {
    Vote out{type, Height(height), Round(round), block, member, {}};
    out.signature =
        net_.key(member).sign(proto::reader::vote_digest(net_.chain, type, out.height, out.round, block));
    return out;
  }
  // From every other member.
  void others_vote(VoteType type, std::uint32_t round, std::optional<BlockHash> block,
                   std::uint64_t height = 1) {
    for (const model::SetMember& member : net_.set.members) {
      if (member.id != self_) from(member.id, vote(member.id, type, round, block, height));
    }
  }
  struct Proposed {
    model::BlockProposal proposal;
    PartSet parts;
    BlockHash hash;
  };
  Proposed propose(std::uint32_t round, std::uint64_t time_offset = 0, std::uint64_t height = 1,
                   const std::function<void(model::Block&)>& change = {}) {
    const MemberId member = proposer_at(round, height);
    model::Block block =
        *app_.propose(Height(height), model::LedgerMs(kStart + ms_ + time_offset), member, app_.tip_.commit);
    if (change) change(block);
    return sign_proposal(*PartSet::of(proto::reader::encode(block)), proto::reader::block_hash(block.header),
                         round, std::nullopt, height);
  }
  Proposed sign_proposal(const PartSet& parts, const BlockHash& hash, std::uint32_t round,
                         std::optional<std::uint32_t> proof, std::uint64_t height = 1) {
    const MemberId member = proposer_at(round, height);
    Proposed out{{Height(height), Round(round), std::nullopt, hash, parts.root(), parts.count(), member, {}},
                 parts,
                 hash};
    if (proof) out.proposal.proof_of_lock = Round(*proof);
    out.proposal.signature = net_.key(member).sign(proto::reader::proposal_digest(net_.chain, out.proposal));
    return out;
  }
  void send(const Proposed& proposed) {
    from(proposed.proposal.member, proposed.proposal);
    send_parts(proposed);
  }
  void send_parts(const Proposed& proposed) {
    for (std::uint32_t i = 0; i < proposed.parts.count(); ++i) {
      from(proposed.proposal.member,
           model::ProposalPart{proposed.proposal.height, proposed.parts.root(), proposed.parts.part(i)});
    }
  }

  // What the member asked to be signed.
  std::optional<model::VoteIntent> intent(VoteType type, std::uint32_t round) const {
    for (const model::Intent& one : intents_) {
      const auto* vote = std::get_if<model::VoteIntent>(&one);
      if (vote != nullptr && vote->type == type && vote->round == Round(round)) return *vote;
    }
    return std::nullopt;
  }
  bool voted(VoteType type, std::uint32_t round, std::optional<BlockHash> block) const {
    const auto found = intent(type, round);
    return found && found->block == block;
  }
  template <typename T>
  std::vector<T> sent() const {
    std::vector<T> out;
    for (const model::PeerMessageBody& one : sent_) {
      if (const T* message = std::get_if<T>(&one)) out.push_back(*message);
    }
    return out;
  }
  // Height 1 decided in round 0 by everyone.
  void decide_one() {
    const Proposed p = propose(0);
    send(p);
    others_vote(VoteType::kPrevote, 0, p.hash);
    others_vote(VoteType::kPrecommit, 0, p.hash);
    ASSERT_EQ(committed_, 1);
  }

  Network net_;
  FakeApplication app_{net_};
  MemoryLog log_;
  std::unique_ptr<Consensus> core_;
  MemberId self_{1};
  std::uint64_t ms_ = 0;
  bool signer_on_ = true;
  std::vector<model::Intent> intents_;
  std::vector<model::SignRequest> unanswered_;
  std::vector<model::PeerMessageBody> sent_;
  std::vector<MemberId> asked_;  // for a block
  int verified_ = 0;             // signatures
  std::vector<Equivocation> equivocations_;
  std::optional<MonotonicMs> wake_;
  std::optional<Status> halted_;
  int committed_ = 0;
};

TEST_F(ConsensusTest, AProposalWithQuorumsIsDecided) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, p.hash));
  others_vote(VoteType::kPrevote, 0, p.hash);
  EXPECT_TRUE(voted(VoteType::kPrecommit, 0, p.hash));
  others_vote(VoteType::kPrecommit, 0, p.hash);
  ASSERT_EQ(committed_, 1);
  EXPECT_EQ(core_->height(), Height(2));
  EXPECT_TRUE(light::verify_commit(net_.chain, net_.set, app_.blocks_[0].commit).ok());
  EXPECT_EQ(app_.blocks_[0].commit.block, p.hash);
}

TEST_F(ConsensusTest, TwoThirdsOfWeightAreNotEnough) {
  start_as(MemberId(4));
  if (proposer_at(0) == MemberId(4)) start_as(MemberId(3));
  const Proposed p = propose(0);
  send(p);
  // Own weight 24 or 22 with one other is below two thirds.
  for (const MemberId member : {MemberId(1), MemberId(2)}) {
    if (member != self_) from(member, vote(member, VoteType::kPrecommit, 0, p.hash));
  }
  EXPECT_EQ(committed_, 0);
}

TEST_F(ConsensusTest, AnEmptyBlockIsProposedAfterItsTimeAndTransactionsAtOnce) {
  start_as(proposer_at(0));
  advance(999);
  EXPECT_TRUE(intents_.empty());
  ASSERT_TRUE(wake_);
  EXPECT_LE(wake_->value, 1'000u + 1'000u);
  advance(1);
  ASSERT_EQ(intents_.size(), 2u);  // the proposal and the own prevote
  EXPECT_TRUE(std::holds_alternative<model::ProposalIntent>(intents_[0]));
  EXPECT_EQ(sent<model::BlockProposal>().size(), 1u);
  EXPECT_EQ(sent<model::ProposalPart>().size(), 1u);

  intents_.clear();
  log_.synced_.clear();
  app_.has_transactions_ = true;
  start();
  give(TransactionsAvailable{});
  EXPECT_FALSE(intents_.empty());
}

TEST_F(ConsensusTest, WithoutAProposalTheMemberPrevotesNilAfterTheTimeOut) {
  start_as_bystander();
  advance(1'000);
  EXPECT_FALSE(intent(VoteType::kPrevote, 0));
  advance(100);
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
}

TEST_F(ConsensusTest, ABlockOutsideThePrecisionOfTheClockGetsNil) {
  start_as_bystander();
  send(propose(0, 501));
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
}

TEST_F(ConsensusTest, AWrongStateRootGetsNil) {
  start_as_bystander();
  send(propose(0, 0, 1, [](model::Block& block) { block.header.state_root = {}; }));
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
}

TEST_F(ConsensusTest, HeadersThatDoNotFollowTheTipGetNil) {
  const std::vector<std::function<void(model::Block&)>> changes = {
      [](model::Block& b) { b.header.version = 2; },
      [](model::Block& b) { b.header.chain_id = {}; },
      [](model::Block& b) { b.header.previous.data()[0] = 1; },
      [](model::Block& b) { b.header.height = Height(2); },
      [](model::Block& b) { b.header.members_hash = {}; },
      [](model::Block& b) { b.header.proposer = MemberId(9); },
      [](model::Block& b) { b.header.transactions_root = {}; },
      [](model::Block& b) { b.last_commit = model::Commit{}; },
  };
  for (const auto& change : changes) {
    intents_.clear();
    log_.synced_.clear();
    start_as_bystander();
    send(propose(0, 0, 1, change));
    EXPECT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
  }
}

TEST_F(ConsensusTest, ABlockThatClaimsAnotherProposerGetsNil) {
  start_as_bystander();
  send(propose(0, 0, 1, [&](model::Block& b) { b.header.proposer = self_; }));
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
}

TEST_F(ConsensusTest, AProposalByAnotherMemberOrWithABadSignatureIsIgnored) {
  start_as_bystander();
  Proposed p = propose(0);
  p.proposal.member = self_;
  from(self_ == MemberId(1) ? MemberId(2) : MemberId(1), p.proposal);
  p = propose(0);
  p.proposal.signature.data()[3] ^= 1;
  send(p);
  EXPECT_TRUE(intents_.empty());
}

TEST_F(ConsensusTest, AVoteWithABadSignatureOrByAStrangerCountsForNothing) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  for (const model::SetMember& member : net_.set.members) {
    if (member.id == self_) continue;
    Vote bad = vote(member.id, VoteType::kPrevote, 0, p.hash);
    bad.signature.data()[1] ^= 1;
    from(member.id, bad);
    Vote stranger = vote(member.id, VoteType::kPrevote, 0, p.hash);
    stranger.member = MemberId(77);
    from(member.id, stranger);
  }
  EXPECT_FALSE(intent(VoteType::kPrecommit, 0));
}

TEST_F(ConsensusTest, PrecommitsNilOnAQuorumOfNilPrevotesAndGoesOnOnAQuorumOfNilPrecommits) {
  start_as_bystander();
  wait_out_proposal();
  others_vote(VoteType::kPrevote, 0, std::nullopt);
  EXPECT_TRUE(voted(VoteType::kPrecommit, 0, std::nullopt));
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  EXPECT_EQ(core_->round(), Round(1));
}

TEST_F(ConsensusTest, MixedVotesTimeOutAndTimeOutsGrow) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  std::vector<MemberId> others;
  for (const model::SetMember& member : net_.set.members) {
    if (member.id != self_) others.push_back(member.id);
  }
  for (const MemberId member : others) from(member, vote(member, VoteType::kPrevote, 0, std::nullopt));
  // Own prevote for the block and three for nil: a quorum of nil, so make it mixed in the precommits.
  EXPECT_TRUE(voted(VoteType::kPrecommit, 0, std::nullopt));
  from(others[0], vote(others[0], VoteType::kPrecommit, 0, p.hash));
  from(others[1], vote(others[1], VoteType::kPrecommit, 0, std::nullopt));
  EXPECT_EQ(core_->round(), Round(0));
  advance(99);
  EXPECT_EQ(core_->round(), Round(0));
  advance(1);
  EXPECT_EQ(core_->round(), Round(1));
  intents_.clear();
  advance(149);
  EXPECT_FALSE(intent(VoteType::kPrevote, 1));
  advance(1);
  EXPECT_TRUE(voted(VoteType::kPrevote, 1, std::nullopt));
}

TEST_F(ConsensusTest, LockedMembersPrevoteNilForAnotherBlock) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  ASSERT_TRUE(voted(VoteType::kPrecommit, 0, p.hash));
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  send(propose(1, 5));
  EXPECT_TRUE(voted(VoteType::kPrevote, 1, std::nullopt));
}

TEST_F(ConsensusTest, AProofOfLockOfALaterRoundUnlocks) {
  start_as_bystander();
  const Proposed first = propose(0);
  send(first);
  others_vote(VoteType::kPrevote, 0, first.hash);
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  // Round 1: another block gets a quorum of prevotes, but this member does not see the block.
  const Proposed second = propose(1, 2'000);  // outside the precision: not checked under a proof of lock
  advance(150);
  others_vote(VoteType::kPrevote, 1, second.hash);
  advance(150);
  others_vote(VoteType::kPrecommit, 1, std::nullopt);
  ASSERT_EQ(core_->round(), Round(2));
  if (proposer_at(2) == self_) GTEST_FAIL() << "choose another bystander";
  send(sign_proposal(second.parts, second.hash, 2, 1));
  EXPECT_TRUE(voted(VoteType::kPrevote, 2, second.hash));
}

TEST_F(ConsensusTest, AClaimedProofOfLockWithoutItsPrevotesIsNotBelieved) {
  start_as_bystander();
  const Proposed p = propose(0);
  wait_out_proposal();
  others_vote(VoteType::kPrevote, 0, std::nullopt);
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  send(sign_proposal(p.parts, p.hash, 1, 0));
  EXPECT_FALSE(intent(VoteType::kPrevote, 1));
  advance(150);
  EXPECT_TRUE(voted(VoteType::kPrevote, 1, std::nullopt));
}

TEST_F(ConsensusTest, AnOlderProofOfLockDoesNotUnlock) {
  start_as_bystander();
  // Round 0: a quorum prevotes X, unseen by this member. Round 1: it locks Y.
  const Proposed x = propose(0);
  wait_out_proposal();
  others_vote(VoteType::kPrevote, 0, x.hash);
  advance(100);
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  const Proposed y = propose(1, 3);
  send(y);
  others_vote(VoteType::kPrevote, 1, y.hash);
  ASSERT_TRUE(voted(VoteType::kPrecommit, 1, y.hash));
  others_vote(VoteType::kPrecommit, 1, std::nullopt);
  ASSERT_EQ(core_->round(), Round(2));
  send(sign_proposal(x.parts, x.hash, 2, 0));
  EXPECT_TRUE(voted(VoteType::kPrevote, 2, std::nullopt));
}

TEST_F(ConsensusTest, TheProposerProposesItsValidBlockAgainWithTheProof) {
  self_ = proposer_at(1);
  start_as(self_);
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  const auto proposals = sent<model::BlockProposal>();
  ASSERT_EQ(proposals.size(), 1u);
  EXPECT_EQ(proposals[0].block, p.hash);
  EXPECT_EQ(proposals[0].proof_of_lock, std::optional(Round(0)));
  EXPECT_TRUE(voted(VoteType::kPrevote, 1, p.hash));
}

TEST_F(ConsensusTest, MembersAboveOneThirdInLaterRoundsPullTheMemberAlong) {
  start_as(MemberId(4));
  from(MemberId(1), vote(MemberId(1), VoteType::kPrevote, 7, std::nullopt));
  EXPECT_EQ(core_->round(), Round(0));  // 28 of 100
  from(MemberId(2), vote(MemberId(2), VoteType::kPrecommit, 5, std::nullopt));
  EXPECT_EQ(core_->round(), Round(5));
}

TEST_F(ConsensusTest, VotesOfFarRoundsOfOneMemberAreBounded) {
  start_as(MemberId(4));
  for (std::uint32_t round = 1; round < 500; ++round) {
    from(MemberId(1), vote(MemberId(1), VoteType::kPrevote, round, std::nullopt));
  }
  from(MemberId(2), vote(MemberId(2), VoteType::kPrevote, 400, std::nullopt));
  EXPECT_EQ(core_->round(), Round(400));
  from(MemberId(1), vote(MemberId(1), VoteType::kPrevote, 400, std::nullopt));
  advance(250);
  const auto statuses = sent<model::PeerStatus>();
  ASSERT_FALSE(statuses.empty());
  EXPECT_LE(statuses.back().votes.size(), 16u);
}

TEST_F(ConsensusTest, AStepEndsEvenWhenTheOthersAreSilent) {
  start_as_bystander();
  wait_out_proposal();
  ASSERT_TRUE(voted(VoteType::kPrevote, 0, std::nullopt));
  advance(kStallFactor * 100);
  EXPECT_TRUE(voted(VoteType::kPrecommit, 0, std::nullopt));
  advance(kStallFactor * 100);
  EXPECT_EQ(core_->round(), Round(1));
}

TEST_F(ConsensusTest, WhatIsSignedIsDurableBeforeTheSignerIsAsked) {
  start_as_bystander();
  signer_on_ = false;
  const Proposed p = propose(0);
  send(p);
  ASSERT_EQ(unanswered_.size(), 1u);
  EXPECT_TRUE(log_.unsynced_.empty());
  const bool logged = std::ranges::any_of(log_.synced_, [&](const LogRecord& record) {
    const auto* vote = std::get_if<model::VoteIntent>(&record.entry);
    return vote != nullptr && vote->block == p.hash;
  });
  EXPECT_TRUE(logged);
  EXPECT_TRUE(sent<Vote>().empty());
}

TEST_F(ConsensusTest, AFailedSyncStopsTheNodeBeforeTheSignerIsAsked) {
  start_as_bystander();
  log_.fail_ = true;
  send(propose(0));
  ASSERT_TRUE(halted_);
  EXPECT_TRUE(intents_.empty());
  EXPECT_TRUE(core_->halted());
  advance(5'000);
  EXPECT_TRUE(intents_.empty());
}

TEST_F(ConsensusTest, ARefusedVoteIsNotSentAndNothingElseStops) {
  start_as_bystander();
  signer_on_ = false;
  const Proposed p = propose(0);
  send(p);
  ASSERT_EQ(unanswered_.size(), 1u);
  model::SignReply reply;
  reply.id = unanswered_[0].id;
  reply.code = static_cast<std::uint8_t>(Code::kRefused);
  give(FromSigner{reply});
  EXPECT_TRUE(sent<Vote>().empty());
  others_vote(VoteType::kPrevote, 0, p.hash);
  EXPECT_TRUE(voted(VoteType::kPrecommit, 0, p.hash));
}

TEST_F(ConsensusTest, AnUnknownOutcomeIsAskedAgainWithTheSameIntent) {
  start_as_bystander();
  signer_on_ = false;
  send(propose(0));
  model::SignReply reply;
  reply.id = unanswered_.at(0).id;
  reply.code = static_cast<std::uint8_t>(Code::kOutcomeUnknown);
  give(FromSigner{reply});
  advance(499);
  EXPECT_EQ(unanswered_.size(), 1u);
  advance(1);
  ASSERT_EQ(unanswered_.size(), 2u);
  EXPECT_EQ(unanswered_[1], unanswered_[0]);
}

TEST_F(ConsensusTest, ASignatureThatDoesNotVerifyIsNotSent) {
  start_as_bystander();
  signer_on_ = false;
  send(propose(0));
  model::SignReply reply = answer(unanswered_.at(0));
  reply.signatures[0].data()[9] ^= 1;
  give(FromSigner{reply});
  EXPECT_TRUE(sent<Vote>().empty());
}

TEST_F(ConsensusTest, ARestartGoesOnWhereItStopped) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  ASSERT_TRUE(voted(VoteType::kPrecommit, 0, p.hash));
  intents_.clear();
  start();
  EXPECT_EQ(core_->current_step(), Step::kPrecommit);
  // The signed precommit was not durable yet: the same intent is asked for again, nothing else.
  for (const model::Intent& one : intents_) {
    EXPECT_EQ(std::get<model::VoteIntent>(one).block, std::optional(p.hash));
  }
  // Still locked.
  others_vote(VoteType::kPrecommit, 0, std::nullopt);
  ASSERT_EQ(core_->round(), Round(1));
  send(propose(1, 5));
  EXPECT_TRUE(voted(VoteType::kPrevote, 1, std::nullopt));
}

TEST_F(ConsensusTest, ARestartedMemberCanStillDecideTheBlockItPrecommitted) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  start();
  others_vote(VoteType::kPrecommit, 0, p.hash);
  EXPECT_EQ(committed_, 1);
}

TEST_F(ConsensusTest, ARestartedProposerAsksForTheSameProposal) {
  signer_on_ = false;
  start_as(proposer_at(0));
  advance(1'000);
  ASSERT_EQ(unanswered_.size(), 1u);
  const model::Intent first = unanswered_[0].intent;
  unanswered_.clear();
  ms_ += 77;  // a new proposal would have another time
  start();
  ASSERT_EQ(unanswered_.size(), 1u);
  EXPECT_EQ(unanswered_[0].intent, first);
  give(FromSigner{answer(unanswered_[0])});
  EXPECT_EQ(sent<model::BlockProposal>().size(), 1u);
  EXPECT_EQ(sent<model::ProposalPart>().size(), 1u) << "its block was in the log";
}

TEST_F(ConsensusTest, EquivocationIsReportedOnceAndCountedPerBlock) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  const MemberId cheat = p.proposal.member;
  from(cheat, vote(cheat, VoteType::kPrevote, 0, std::nullopt));
  from(cheat, vote(cheat, VoteType::kPrevote, 0, p.hash));
  BlockHash other;
  other.data()[0] = 1;
  from(cheat, vote(cheat, VoteType::kPrevote, 0, other));
  ASSERT_EQ(equivocations_.size(), 1u);
  EXPECT_EQ(equivocations_[0].member, cheat);
}

TEST_F(ConsensusTest, TwoProposalsOfOneRoundAreReportedAndTheFirstStands) {
  start_as_bystander();
  const Proposed first = propose(0);
  send(first);
  send(propose(0, 3));
  ASSERT_EQ(equivocations_.size(), 1u);
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, first.hash));
}

TEST_F(ConsensusTest, ProposalsOfRoundsLongPastAreIgnored) {
  start_as_bystander();
  const Proposed old = propose(0);
  std::vector<MemberId> others;
  for (const model::SetMember& member : net_.set.members) {
    if (member.id != self_) others.push_back(member.id);
  }
  for (const MemberId member : others) from(member, vote(member, VoteType::kPrevote, 5, std::nullopt));
  ASSERT_EQ(core_->round(), Round(5));
  send(old);
  others_vote(VoteType::kPrecommit, 0, old.hash);
  EXPECT_EQ(committed_, 0) << "its block was not kept: it comes by catch-up";
}

TEST_F(ConsensusTest, OfEarlyMessagesTheNewestAreKept) {
  start_as_bystander();
  const Proposed p = propose(0);
  // Parts of nothing known, far more than are kept; then the parts of the proposal, before the proposal
  // itself.
  const PartSet junk = *PartSet::of(Bytes(40 * model::kPartBytes, 1));
  for (std::uint32_t i = 0; i < junk.count(); ++i) {
    from(p.proposal.member, model::ProposalPart{Height(1), junk.root(), junk.part(i)});
  }
  send_parts(p);
  from(p.proposal.member, p.proposal);
  EXPECT_TRUE(voted(VoteType::kPrevote, 0, p.hash));
}

TEST_F(ConsensusTest, MessagesOfTheNextHeightAreKeptForIt) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  // The proposer of height 2 is faster than this member.
  FakeApplication ahead(net_);
  const model::Block one = *p.parts.decode();
  model::Commit commit{Height(1), Round(0), p.hash, {}};
  for (const model::SetMember& member : net_.set.members) {
    commit.signatures.push_back({member.id, vote(member.id, VoteType::kPrecommit, 0, p.hash).signature});
  }
  ASSERT_TRUE(ahead.commit(one, commit).ok());
  std::swap(ahead.tip_, app_.tip_);
  const Proposed next = propose(0, 1, 2);
  std::swap(ahead.tip_, app_.tip_);
  if (proposer_at(0, 2) != self_) {
    send(next);
    others_vote(VoteType::kPrecommit, 0, p.hash);
    ASSERT_EQ(core_->height(), Height(2));
    const bool prevoted = std::ranges::any_of(intents_, [&](const model::Intent& intent) {
      const auto* vote = std::get_if<model::VoteIntent>(&intent);
      return vote != nullptr && vote->height == Height(2) && vote->block == next.hash;
    });
    EXPECT_TRUE(prevoted);
  }
}

TEST_F(ConsensusTest, LatePrecommitsGoIntoTheNextCommit) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  std::vector<MemberId> others;
  for (const model::SetMember& member : net_.set.members) {
    if (member.id != self_) others.push_back(member.id);
  }
  from(others[0], vote(others[0], VoteType::kPrecommit, 0, p.hash));
  from(others[1], vote(others[1], VoteType::kPrecommit, 0, p.hash));
  ASSERT_EQ(committed_, 1);
  EXPECT_EQ(core_->last_commit()->signatures.size(), 3u);
  Vote bad = vote(others[2], VoteType::kPrecommit, 0, p.hash);
  bad.signature.data()[0] ^= 1;
  from(others[2], bad);
  EXPECT_EQ(core_->last_commit()->signatures.size(), 3u);
  from(others[2], vote(others[2], VoteType::kPrecommit, 0, p.hash));
  EXPECT_EQ(core_->last_commit()->signatures.size(), 4u);
  EXPECT_TRUE(light::verify_commit(net_.chain, net_.set, *core_->last_commit()).ok());
}

TEST_F(ConsensusTest, AStatusIsAnsweredWithWhatIsMissing) {
  start_as_bystander();
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  advance(250);  // opens the budgets
  const MemberId peer = p.proposal.member;
  from(peer, model::PeerStatus{Height(1), Round(0), 1, std::nullopt, {}});
  sent_.clear();
  advance(250);
  sent_.clear();
  from(peer, model::PeerStatus{Height(1), Round(0), 1, std::nullopt, {{Round(0), 0b0001, 0, false}}});
  EXPECT_EQ(sent<model::BlockProposal>().size(), 1u);
  EXPECT_EQ(sent<model::ProposalPart>().size(), 1u);
  EXPECT_EQ(sent<Vote>().size(), 4u);  // three prevotes and the own precommit
  sent_.clear();
  from(peer, model::PeerStatus{Height(1),
                               Round(0),
                               1,
                               model::PartsHeld{p.parts.root(), Bytes{1}},
                               {{Round(0), 0b1111, 0b1111, true}}});
  EXPECT_TRUE(sent_.empty());
}

TEST_F(ConsensusTest, GossipToOnePeerIsBounded) {
  start_as_bystander();
  app_.transactions_.assign(40, Bytes(90'000, 7));
  const Proposed p = propose(0);
  ASSERT_GT(p.parts.count(), 50u);
  send(p);
  const MemberId peer = p.proposal.member;
  const model::PeerStatus behind{Height(1), Round(0), 1, std::nullopt, {}};
  from(peer, behind);
  advance(250);
  sent_.clear();
  for (int i = 0; i < 10; ++i) from(peer, behind);
  EXPECT_LE(sent<model::ProposalPart>().size(), 16u);
  EXPECT_GE(sent<model::ProposalPart>().size(), 10u);
}

class CatchUpTest : public ConsensusTest {
 protected:
  // A peer has block 1; this member sees its status and asks for it.
  void SetUp() override {
    start_as_bystander();
    become_ahead();
    ask();
  }
  void become_ahead() {
    ahead_ = propose(0);
    commit_ = {Height(1), Round(0), ahead_.hash, {}};
    for (const model::SetMember& member : net_.set.members) {
      if (member.id == self_) continue;
      commit_.signatures.push_back(
          {member.id, vote(member.id, VoteType::kPrecommit, 0, ahead_.hash).signature});
    }
    peer_ = commit_.signatures[0].member;
  }
  void ask() {
    from(peer_, model::PeerStatus{Height(2), Round(0), 0, std::nullopt, {}});
    sent_.clear();
    advance(250);
    ASSERT_EQ(sent<model::BlockRequest>().size(), 1u);
    EXPECT_EQ(sent<model::BlockRequest>()[0].height, Height(1));
  }
  model::BlockReply reply(std::uint32_t part = 0) {
    return {commit_, ahead_.parts.root(), ahead_.parts.count(), ahead_.parts.part(part)};
  }
  MemberId last_asked() const { return asked_.back(); }

  Proposed ahead_;
  model::Commit commit_;
  MemberId peer_;
};

TEST_F(CatchUpTest, ABlockWithItsCommitIsApplied) {
  from(peer_, reply());
  EXPECT_EQ(committed_, 1);
  EXPECT_EQ(core_->height(), Height(2));
}

TEST_F(CatchUpTest, ACommitBelowTheQuorumIsRefused) {
  commit_.signatures.pop_back();
  from(peer_, reply());
  EXPECT_EQ(committed_, 0);
  EXPECT_FALSE(halted_);
}

TEST_F(CatchUpTest, ACommitWithABadSignatureIsRefused) {
  commit_.signatures[1].signature.data()[0] ^= 1;
  from(peer_, reply());
  EXPECT_EQ(committed_, 0);
  EXPECT_FALSE(halted_);
}

TEST_F(CatchUpTest, AnotherBlockThanTheCommitNamesIsRefused) {
  const Proposed other = propose(0, 9);
  from(peer_, model::BlockReply{commit_, other.parts.root(), other.parts.count(), other.parts.part(0)});
  EXPECT_EQ(committed_, 0);
  EXPECT_FALSE(halted_);
}

TEST_F(CatchUpTest, ABodyThatIsNotTheHeadersIsThePeersFault) {
  model::Block block = *ahead_.parts.decode();
  block.transactions.push_back({1, 2, 3});
  const PartSet parts = *PartSet::of(proto::reader::encode(block));
  from(peer_, model::BlockReply{commit_, parts.root(), parts.count(), parts.part(0)});
  EXPECT_EQ(committed_, 0);
  EXPECT_FALSE(halted_);
}

TEST_F(CatchUpTest, AValidCommitWithAWrongStateRootStopsTheNode) {
  ahead_ = propose(0, 0, 1, [](model::Block& block) { block.header.state_root = {}; });
  commit_ = {Height(1), Round(0), ahead_.hash, {}};
  for (const model::SetMember& member : net_.set.members) {
    commit_.signatures.push_back(
        {member.id, vote(member.id, VoteType::kPrecommit, 0, ahead_.hash).signature});
  }
  from(peer_, reply());
  EXPECT_EQ(committed_, 0);
  ASSERT_TRUE(halted_);
  EXPECT_EQ(halted_->code(), Code::kCorrupt);
}

TEST_F(CatchUpTest, AnAnswerThatWasNotAskedForIsIgnored) {
  const MemberId other = commit_.signatures[1].member;
  from(other, reply());
  EXPECT_EQ(committed_, 0);
}

TEST_F(CatchUpTest, ASilentPeerIsLeftForAnother) {
  const MemberId other = commit_.signatures[1].member;
  from(other, model::PeerStatus{Height(2), Round(0), 0, std::nullopt, {}});
  for (int i = 0; i < 6; ++i) advance(250);
  from(other, reply());
  EXPECT_EQ(committed_, 1);
}

TEST_F(CatchUpTest, WhatALimitedPeerCouldNotSendAtOnceIsAskedForAgain) {
  app_.transactions_.assign(20, Bytes(90'000, 7));
  become_ahead();
  ASSERT_GT(ahead_.parts.count(), 24u);
  // The peer answers a request with up to eight parts, and with 15 in a gossip period.
  std::size_t answered = 0;
  for (int period = 0; period < 8 && committed_ == 0; ++period) {
    for (std::size_t left = 15; left > 0 && answered < sent<model::BlockRequest>().size(); ++answered) {
      const std::uint32_t first = sent<model::BlockRequest>()[answered].first_part;
      const std::uint32_t end = std::min(first + 8, ahead_.parts.count());
      for (std::uint32_t i = first; i < end && left > 0; ++i, --left) from(peer_, reply(i));
    }
    advance(250);
  }
  EXPECT_EQ(committed_, 1);
}

TEST_F(CatchUpTest, APeerThatDripsIsLeftForAnotherAndNotAskedAgain) {
  app_.transactions_.assign(60, Bytes(60'000, 7));
  become_ahead();
  const MemberId other = commit_.signatures[1].member;
  from(other, model::PeerStatus{Height(2), Round(0), 0, std::nullopt, {}});
  std::uint32_t dripped = 0;
  while (last_asked() == peer_ && dripped < ahead_.parts.count()) {
    from(peer_, reply(dripped++));
    advance(900);
  }
  EXPECT_EQ(last_asked(), other);
  EXPECT_LT(dripped, ahead_.parts.count());
  for (std::uint32_t i = 0; i < ahead_.parts.count(); ++i) from(other, reply(i));
  ASSERT_EQ(committed_, 1);
  // Both are ahead again: the one that took its time is not the one that is asked.
  for (const MemberId ahead : {peer_, other}) from(ahead, model::PeerStatus{Height(3), Round(0), 0, {}, {}});
  advance(250);
  EXPECT_EQ(last_asked(), other);
}

TEST_F(CatchUpTest, APeerThatLiesAtOnceDoesNotKeepUsFromTheOthers) {
  const MemberId other = commit_.signatures[1].member;
  from(other, model::PeerStatus{Height(2), Round(0), 0, std::nullopt, {}});
  model::BlockReply lie = reply();
  lie.commit.signatures.pop_back();
  for (int i = 0; i < 3 && last_asked() == peer_; ++i) {
    from(peer_, lie);
    advance(250);
  }
  EXPECT_EQ(last_asked(), other);
  from(other, reply());
  EXPECT_EQ(committed_, 1);
}

TEST_F(CatchUpTest, TheDeadlineOfAPeerIsActedUponAtOnce) {
  advance(249);  // gossip drifts, so that the deadline falls between two periods
  for (int i = 0; i < 3; ++i) advance(250);
  advance(1);
  const auto at = MonotonicMs{1'000 + ms_};
  ASSERT_TRUE(wake_);
  EXPECT_GT(*wake_, at) << "the daemon would spin";
}

TEST_F(ConsensusTest, ADecidedBlockIsServedToWhoAsks) {
  start_as_bystander();
  decide_one();
  const MemberId peer = self_ == MemberId(1) ? MemberId(2) : MemberId(1);
  from(peer, model::PeerStatus{Height(1), Round(0), 0, std::nullopt, {}});
  advance(250);
  sent_.clear();
  from(peer, model::BlockRequest{Height(1), 0});
  const auto replies = sent<model::BlockReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].commit.block, app_.tip_.hash);
  sent_.clear();
  from(peer, model::BlockRequest{Height(2), 0});
  from(peer, model::BlockRequest{Height(0), 0});
  EXPECT_TRUE(sent<model::BlockReply>().empty());
}

// Two large blocks in turn, so that what was read for one request is of no use for the next.
TEST_F(ConsensusTest, BlocksReadForOnePeerAreBoundedByTheirSize) {
  start_as_bystander();
  app_.transactions_.assign(40, Bytes(90'000, 7));
  decide_one();
  app_.transactions_.clear();
  advance(1'000);
  const Proposed second = propose(0, 0, 2);
  send(second);
  others_vote(VoteType::kPrevote, 0, second.hash, 2);
  others_vote(VoteType::kPrecommit, 0, second.hash, 2);
  ASSERT_EQ(core_->height(), Height(3));
  const MemberId cheat = self_ == MemberId(1) ? MemberId(2) : MemberId(1);
  const MemberId behind = self_ == MemberId(3) ? MemberId(4) : MemberId(3);
  for (const MemberId peer : {cheat, behind}) from(peer, model::PeerStatus{Height(1), Round(0), 0, {}, {}});
  advance(250);
  app_.reads_ = 0;
  for (int i = 0; i < 20; ++i) {
    // Beyond the last part: nothing is sent, nothing of the budget for sending is used.
    from(cheat, model::BlockRequest{Height(1), 64});
    from(cheat, model::BlockRequest{Height(2), 64});
  }
  EXPECT_LE(app_.reads_, 2);
  sent_.clear();
  from(behind, model::BlockRequest{Height(1), 0});
  EXPECT_EQ(sent<model::BlockReply>().size(), 8u) << "another peer does not suffer";
  const int reads = app_.reads_;
  from(cheat, model::BlockRequest{Height(2), 64});
  from(behind, model::BlockRequest{Height(1), 8});
  EXPECT_EQ(app_.reads_, reads) << "what was read for it is kept";
}

TEST_F(ConsensusTest, SignaturesCheckedForOnePeerAreBounded) {
  start_as_bystander();
  const MemberId cheat = proposer_at(1);
  const MemberId honest = proposer_at(0);
  verified_ = 0;
  Vote bad = vote(cheat, VoteType::kPrevote, 0, std::nullopt);
  bad.signature.data()[9] ^= 1;
  for (int i = 0; i < 2'000; ++i) from(cheat, bad);
  EXPECT_LE(verified_, 600);
  from(honest, vote(honest, VoteType::kPrevote, 0, std::nullopt));
  advance(250);
  verified_ = 0;
  from(cheat, vote(cheat, VoteType::kPrevote, 0, std::nullopt));
  EXPECT_EQ(verified_, 1) << "in the next period it is listened to again";
}

TEST_F(ConsensusTest, AVoteOfALaterRoundIsCheckedOnce) {
  start_as_bystander();
  const MemberId member = proposer_at(0);
  const Vote early = vote(member, VoteType::kPrevote, 5, std::nullopt);
  verified_ = 0;
  for (int i = 0; i < 3; ++i) from(member, early);
  EXPECT_EQ(verified_, 1);
}

// A cheat among those who made the proof first told this member that it had prevoted other blocks.
TEST_F(ConsensusTest, ACheatsOtherVotesDoNotHideAProofOfLock) {
  start_as_bystander();
  const MemberId cheat = proposer_at(1);
  wait_out_proposal();
  std::vector<Proposed> others;
  for (std::uint32_t round = 1; round <= 6; ++round) {
    others.push_back(propose(round, round));  // at different times: all blocks differ
    send(others.back());
    others_vote(VoteType::kPrevote, round, std::nullopt);
    others_vote(VoteType::kPrecommit, round, std::nullopt);
  }
  ASSERT_EQ(core_->round(), Round(7));
  for (std::size_t i = 0; i + 1 < others.size(); ++i) {
    from(cheat, vote(cheat, VoteType::kPrevote, 0, others[i].hash));
  }
  // What all but this member prevoted in round 0 comes now, proposed again under that proof.
  const Proposed again = sign_proposal(others.back().parts, others.back().hash, 7, 0);
  send(again);
  EXPECT_FALSE(intent(VoteType::kPrevote, 7));
  others_vote(VoteType::kPrevote, 0, again.hash);
  EXPECT_EQ(equivocations_.size(), 1u);
  EXPECT_TRUE(voted(VoteType::kPrevote, 7, again.hash));
}

TEST_F(ConsensusTest, AQuorumForABlockThatIsWrongHereStopsTheNode) {
  start_as_bystander();
  const Proposed p = propose(0, 0, 1, [](model::Block& block) { block.header.state_root = {}; });
  send(p);
  for (const model::SetMember& member : net_.set.members) {
    if (member.id != self_) from(member.id, vote(member.id, VoteType::kPrecommit, 0, p.hash));
  }
  ASSERT_TRUE(halted_);
  EXPECT_EQ(halted_->code(), Code::kCorrupt);
}

TEST_F(ConsensusTest, AFailedCommitStopsTheNode) {
  start_as_bystander();
  app_.fail_commit_ = true;
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  others_vote(VoteType::kPrecommit, 0, p.hash);
  ASSERT_TRUE(halted_);
  EXPECT_EQ(committed_, 0);
}

TEST_F(ConsensusTest, AnObserverFollowsAndSignsNothing) {
  core_ = std::make_unique<Consensus>(Config{net_.chain, std::nullopt, model::is_quorum, crypto::verify},
                                      app_, log_, std::vector<LogRecord>());
  self_ = MemberId(99);
  give(Start{});
  const Proposed p = propose(0);
  send(p);
  others_vote(VoteType::kPrevote, 0, p.hash);
  others_vote(VoteType::kPrecommit, 0, p.hash);
  EXPECT_EQ(committed_, 1);
  EXPECT_TRUE(intents_.empty());
}

TEST(PeerMessages, MalformedOrOversizeBytesAreRefused) {
  EXPECT_EQ(decode_peer_message({}).code(), Code::kInvalid);
  EXPECT_EQ(decode_peer_message(Bytes(model::kMaxPeerMessage + 1)).code(), Code::kInvalid);
  Bytes bytes = encode_peer_message(model::BlockRequest{Height(3), 4});
  EXPECT_TRUE(decode_peer_message(bytes).ok());
  bytes.push_back(0);
  EXPECT_EQ(decode_peer_message(bytes).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::consensus
