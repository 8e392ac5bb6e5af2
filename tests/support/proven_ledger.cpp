#include "tests/support/proven_ledger.h"

#include "base/crypto/hash.h"
#include "ledger/light/light.h"

namespace custody::tests {
namespace {

namespace model = ledger::model;
namespace light = ledger::light;

constexpr std::uint64_t kGenesisTime = 1'700'000'000'000;

// The compact sparse Merkle tree of ledger/light, by its definition: every leaf is listed at each level.
struct Leaf {
  Hash256 position;
  Hash256 value_hash;
};

Hash256 subtree(const std::vector<Leaf>& leaves, std::size_t depth) {
  if (leaves.empty()) return {};
  if (leaves.size() == 1) return light::leaf_hash(leaves[0].position, leaves[0].value_hash);
  std::vector<Leaf> sides[2];
  for (const Leaf& leaf : leaves) sides[light::position_bit(leaf.position, depth) ? 1 : 0].push_back(leaf);
  return light::inner_hash(subtree(sides[0], depth + 1), subtree(sides[1], depth + 1));
}

model::StateProof prove(std::vector<Leaf> leaves, const Bytes& key, const Bytes& value) {
  model::StateProof proof;
  proof.key = key;
  proof.value = value;
  const Hash256 position = light::leaf_position(key);
  for (std::size_t depth = 0; leaves.size() > 1; ++depth) {
    std::vector<Leaf> sides[2];
    for (const Leaf& leaf : leaves) sides[light::position_bit(leaf.position, depth) ? 1 : 0].push_back(leaf);
    const bool right = light::position_bit(position, depth);
    proof.siblings.push_back(subtree(sides[right ? 0 : 1], depth + 1));
    leaves = std::move(sides[right ? 1 : 0]);
  }
  if (value.empty() && !leaves.empty()) {
    proof.other_position = leaves[0].position;
    proof.other_value_hash = leaves[0].value_hash;
  }
  return proof;
}

model::Member make_member(std::uint16_t id, std::uint64_t weight, const ProvenLedger::PublicKeys& keys) {
  model::Member member;
  member.id = model::MemberId(id);
  member.name = to_bytes("member-" + std::to_string(id));
  member.legal_entity = to_bytes("Entity " + std::to_string(id) + " SA");
  member.jurisdiction = to_bytes("CH");
  member.kyc_expiry = model::LedgerMs(kGenesisTime * 2);
  member.weight = model::Weight(weight);
  member.validator_key = keys.validator;
  member.attest_key = keys.attest;
  member.governance_key = keys.governance;
  member.curve_key = *model::CurveKey::from(Bytes(32, static_cast<std::uint8_t>(id)));
  member.seats = {{model::CurrencyId(1), model::WalletEpoch(1), keys.seat}};
  return member;
}

model::NetworkParameters make_parameters() {
  model::CurrencyParameters btc;
  btc.currency = model::CurrencyId(1);
  btc.min_fee_per_byte = 1;
  btc.deposit_depth = 3;
  btc.settlement_depth = 3;
  btc.min_deposit = model::Amount(10'000);
  btc.min_burn = model::Amount(10'000);
  btc.default_fee_rate = model::FeeRate(2'000);
  btc.min_fee_rate = model::FeeRate(1'000);
  btc.max_fee_rate = model::FeeRate(100'000);
  btc.batch_time_ms = 1'000;
  btc.batch_count = 3;
  btc.batch_value = model::Amount(100'000'000);
  btc.max_inputs = 20;
  btc.max_payees = 10;
  btc.payout_cooldown = 1;
  btc.bucket_capacity = model::Amount(10'000'000);
  btc.bucket_refill_per_hour = model::Amount(3'600'000);
  model::NetworkParameters out;
  out.max_transaction_bytes = 128u << 10;
  out.max_block_bytes = 1u << 20;
  out.max_valid_blocks = 1'000;
  out.empty_block_ms = 1'000;
  out.time_precision_ms = 1'000;
  out.round_timeout_ms = 500;
  out.round_timeout_step_ms = 100;
  out.epoch_blocks = 10;
  out.notice_epochs = 1;
  out.treasury_permille = 100;
  out.currencies = {btc};
  return out;
}

}  // namespace

ProvenLedger::ProvenLedger(const FakeChain& chain, std::uint64_t seed,
                           const std::optional<PublicKeys>& fourth) {
  SeededEntropy entropy(seed);
  const std::uint64_t weights[] = {28, 26, 24, 22};
  model::ReserveWallet wallet;
  wallet.currency = model::CurrencyId(1);
  wallet.epoch = model::WalletEpoch(1);
  wallet.threshold = 3;
  for (std::uint16_t id = 1; id <= 4; ++id) {
    keys_.push_back({crypto::SoftwareKey::generate(entropy), crypto::SoftwareKey::generate(entropy),
                     crypto::SoftwareKey::generate(entropy), crypto::SoftwareKey::generate(entropy)});
    const MemberKeys& software = keys_.back();
    const PublicKeys own{software.validator.public_key(), software.attest.public_key(),
                         software.governance.public_key(), software.seat.public_key()};
    const PublicKeys& keys = id == 4 && fourth ? *fourth : own;
    genesis_.members.push_back(make_member(id, weights[id - 1], keys));
    wallet.seats.push_back(keys.seat);
    wallet.members.emplace_back(id);
  }
  genesis_.address_prefix = to_bytes("tcaas");
  genesis_.time = model::LedgerMs(kGenesisTime);
  genesis_.chains = {chain.describe(model::ExternalChainId(1), "bitcoin-regtest")};
  genesis_.currencies = {{model::CurrencyId(1), to_bytes("BTC"), 8, 8, model::ExternalChainId(1)}};
  genesis_.wallets = {wallet};
  genesis_.parameters = make_parameters();
  const Status sound = model::check_genesis(genesis_);
  if (!sound.ok()) std::fprintf(stderr, "%s\n", sound.to_string().c_str());
  CHECK(sound.ok());
  chain_id_ = proto::reader::chain_id_of(proto::reader::encode(genesis_));
  header.chain_id = chain_id_;
  header.height = model::Height(1);
  header.time = model::LedgerMs(kGenesisTime + 1'000);
  header.members_hash = proto::reader::member_set_hash(model::member_set(genesis_));
  header.next_members_hash = header.members_hash;
  header.proposer = model::MemberId(1);
  put_basics();
}

void ProvenLedger::put_basics() {
  put(model::parameters_key(), genesis_.parameters);
  put(model::wallet_key(model::CurrencyId(1), model::WalletEpoch(1)), wallet());
}

void ProvenLedger::advance(std::uint64_t ms) {
  header.height = model::next(header.height);
  header.time = model::LedgerMs(header.time.get() + ms);
}

model::LedgerEvidence ProvenLedger::evidence(const std::vector<Bytes>& keys,
                                             const std::vector<std::uint16_t>& signers) const {
  std::vector<Leaf> leaves;
  for (const auto& [key, value] : state_)
    leaves.push_back({light::leaf_position(key), crypto::sha256(value)});
  model::LedgerEvidence out;
  out.header = header;
  out.header.state_root = subtree(leaves, 0);
  out.set = model::member_set(genesis_);
  out.commit.height = header.height;
  out.commit.block = proto::reader::block_hash(out.header);
  const Hash256 digest = proto::reader::vote_digest(chain_id_, model::VoteType::kPrecommit, out.commit.height,
                                                    out.commit.round, out.commit.block);
  for (const std::uint16_t id : signers) {
    out.commit.signatures.push_back({model::MemberId(id), this->keys(id).validator.sign(digest)});
  }
  for (const Bytes& key : keys) {
    const auto found = state_.find(key);
    out.proofs.push_back(prove(leaves, key, found == state_.end() ? Bytes() : found->second));
  }
  return out;
}

}  // namespace custody::tests
