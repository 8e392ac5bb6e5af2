#include "tests/simulation/network.h"

#include <algorithm>

#include "ledger/model/records.h"
#include "proto/reader/digests.h"

namespace custody::tests::simulation {
namespace {

using ledger::store::Family;

constexpr model::CurrencyId kCurrency{1};
constexpr std::uint64_t kFunds = 1'000'000'000;  // of each client

std::vector<std::uint64_t> draw_weights(std::size_t members, Random& random) {
  if (members == 1) return {10};
  if (members == 4) {
    static const std::vector<std::vector<std::uint64_t>> kFour = {
        {28, 26, 24, 22}, {30, 30, 25, 15}, {32, 31, 30, 7}};
    return kFour[random.below(kFour.size())];
  }
  // In the first two some members together hold exactly one third, so the others exactly two.
  static const std::vector<std::vector<std::uint64_t>> kSeven = {
      {6, 4, 4, 4, 4, 4, 4}, {5, 4, 4, 3, 3, 3, 2}, {20, 19, 17, 14, 12, 10, 8}, {25, 22, 19, 16, 10, 5, 3}};
  std::vector<std::uint64_t> weights = kSeven[random.below(kSeven.size())];
  for (std::size_t i = weights.size(); i-- > 1;) std::swap(weights[i], weights[random.below(i + 1)]);
  return weights;
}

model::ExternalChain make_chain() {
  model::ExternalChain chain;
  chain.id = model::ExternalChainId(1);
  chain.name = to_bytes("bitcoin-regtest");
  chain.genesis_hash.data()[0] = 1;
  chain.anchor_hash.data()[0] = 2;
  chain.anchor_height = model::ExternalHeight(100);
  chain.anchor_bits = chain.pow_limit_bits = 0x207fffff;
  chain.magic = 0xfabfb5da;
  chain.hrp = to_bytes("bcrt");
  chain.p2pkh_version = 111;
  chain.p2sh_version = 196;
  chain.no_retarget = true;
  return chain;
}

model::NetworkParameters make_parameters() {
  model::CurrencyParameters btc;
  btc.currency = kCurrency;
  btc.min_fee_per_byte = 1;
  btc.deposit_depth = btc.settlement_depth = 3;
  btc.min_deposit = btc.min_burn = model::Amount(10'000);
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
  out.max_transaction_bytes = 8u << 10;
  out.max_block_bytes = 256u << 10;
  out.max_valid_blocks = 100;
  out.empty_block_ms = 300;
  out.time_precision_ms = 1'000;
  out.round_timeout_ms = 100;
  out.round_timeout_step_ms = 50;
  out.epoch_blocks = 7;
  out.notice_epochs = 1;
  out.treasury_permille = 100;
  out.currencies = {btc};
  return out;
}

model::Member make_member(std::uint16_t id, std::uint64_t weight, const PublicKey& validator,
                          const PublicKey& attester, Random& random) {
  model::Member member;
  member.id = model::MemberId(id);
  member.name = to_bytes("member-" + std::to_string(id));
  member.legal_entity = to_bytes("Entity " + std::to_string(id));
  member.jurisdiction = to_bytes("CH");
  member.kyc_expiry = model::LedgerMs(kGenesisMs * 2);
  member.weight = model::Weight(weight);
  member.validator_key = validator;
  member.attest_key = attester;
  member.governance_key = crypto::SoftwareKey::generate(random.entropy()).public_key();
  member.curve_key.data()[0] = static_cast<std::uint8_t>(id);
  member.seats = {
      {kCurrency, model::WalletEpoch(1), crypto::SoftwareKey::generate(random.entropy()).public_key()}};
  return member;
}

Bytes signed_by(const Network& network, const crypto::SoftwareKey& key,
                const model::Transaction& transaction) {
  model::Envelope envelope;
  envelope.payload = proto::reader::encode(transaction);
  const Hash256 digest = proto::reader::transaction_digest(network.chain, envelope.payload, transaction.body);
  envelope.signatures.push_back({key.public_key(), key.sign(digest)});
  return proto::reader::encode(envelope);
}

}  // namespace

Network make_network(std::size_t members, Random& random) {
  Network out;
  const std::vector<std::uint64_t> weights = draw_weights(members, random);
  model::ReserveWallet wallet;
  wallet.currency = kCurrency;
  wallet.epoch = model::WalletEpoch(1);
  std::vector<model::Weight> seat_weights;
  for (std::size_t member = 1; member <= members; ++member) {
    const auto id = static_cast<std::uint16_t>(member);
    out.validators.push_back(crypto::SoftwareKey::generate(random.entropy()));
    out.attesters.push_back(crypto::SoftwareKey::generate(random.entropy()));
    out.genesis.members.push_back(make_member(id, weights[id - 1u], out.validators.back().public_key(),
                                              out.attesters.back().public_key(), random));
    seat_weights.emplace_back(weights[id - 1u]);
    wallet.seats.push_back(out.genesis.members.back().seats.front().key);
    wallet.members.emplace_back(id);
  }
  wallet.threshold = static_cast<std::uint8_t>(model::allowed_thresholds(seat_weights).front());
  out.genesis.address_prefix = to_bytes("sim");
  out.genesis.time = model::LedgerMs(kGenesisMs);
  out.genesis.chains = {make_chain()};
  out.genesis.currencies = {{kCurrency, to_bytes("BTC"), 8, 8, model::ExternalChainId(1)}};
  out.genesis.wallets = {wallet};
  out.genesis.parameters = make_parameters();
  out.chain = proto::reader::chain_id_of(proto::reader::encode(out.genesis));
  for (std::size_t i = 0; i < kClients; ++i)
    out.clients.push_back(crypto::SoftwareKey::generate(random.entropy()));
  return out;
}

void endow(const Network& network, ledger::store::KeyValueStore& store) {
  ledger::store::Batch batch;
  for (const crypto::SoftwareKey& client : network.clients) {
    batch.put(Family::kState, model::balance_key(model::Address::of_key(client.public_key()), kCurrency),
              proto::reader::encode(model::Balance{model::Amount(kFunds)}));
  }
  const model::Amount all(kFunds * kClients);
  model::CurrencyTotals totals;
  totals.supply = totals.recorded_reserve = all;
  totals.next_coin = 2;
  batch.put(Family::kState, model::totals_key(kCurrency), proto::reader::encode(totals));
  model::CoinRecord coin;
  coin.outpoint.txid.data()[0] = 3;
  coin.amount = all;
  coin.epoch = model::WalletEpoch(1);
  batch.put(Family::kState, model::coin_key(kCurrency, 1), proto::reader::encode(coin));
  CHECK(store.write(batch, ledger::store::Durability::kSync).ok());
}

Bytes make_transfer(const Network& network, model::Height valid_until, Random& random) {
  const std::size_t from = random.below(kClients);
  const std::size_t to = (from + 1 + random.below(kClients - 1)) % kClients;
  const auto address = [&](std::size_t client) {
    return model::Address::of_key(network.clients[client].public_key());
  };
  const std::uint64_t amount = random.chance(0.02) ? kFunds * kClients : random.between(1, 50'000);
  const std::uint64_t fee = random.between(400, 500);
  return signed_by(network, network.clients[from],
                   {1, valid_until, random.entropy().next_u64(),
                    model::Transfer{{{address(from), kCurrency, model::Amount(amount + fee)}},
                                    {{address(to), kCurrency, model::Amount(amount)}},
                                    {}}});
}

Bytes make_attestation(const Network& network, std::uint64_t version, model::Height valid_until,
                       Random& random) {
  const std::size_t member = random.below(network.attesters.size());
  const model::MemberId id(static_cast<std::uint16_t>(member + 1));
  return signed_by(network, network.attesters[member],
                   {1, valid_until, random.entropy().next_u64(),
                    model::PolicyAttestation{id, version, Hash256(network.chain.array())}});
}

}  // namespace custody::tests::simulation
