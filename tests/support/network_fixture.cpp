#include "tests/support/network_fixture.h"

#include <algorithm>
#include <cstdio>

#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "proto/reader/digests.h"

namespace custody::tests {
namespace {

namespace bitcoin = ledger::chains::bitcoin;
namespace model = ledger::model;
namespace reader = proto::reader;

constexpr std::uint64_t kGenesisTime = 1'800'000'000'000;
constexpr std::uint64_t kBlockTime = 1'000;
constexpr std::uint64_t kValidBlocks = 20;
constexpr std::uint64_t kLedgerFee = 1'000;

model::NetworkParameters parameters_for_tests() {
  model::NetworkParameters out;
  out.max_transaction_bytes = 64u << 10;
  out.max_block_bytes = 1u << 20;
  out.max_valid_blocks = 100;
  out.empty_block_ms = 1'000;
  out.time_precision_ms = 500;
  out.round_timeout_ms = 500;
  out.round_timeout_step_ms = 100;
  out.epoch_blocks = 10;
  out.notice_epochs = 1;
  out.treasury_permille = 200;
  return out;
}

model::CurrencyParameters parameters_for_tests(model::CurrencyId currency) {
  model::CurrencyParameters out;
  out.currency = currency;
  out.min_fee_per_byte = 1;
  out.deposit_depth = 3;
  out.settlement_depth = 2;
  out.min_deposit = model::Amount(10'000);
  out.min_burn = model::Amount(10'000);
  out.default_fee_rate = model::FeeRate(2'000);
  out.min_fee_rate = model::FeeRate(1'000);
  out.max_fee_rate = model::FeeRate(100'000);
  out.batch_time_ms = 3'000;
  out.batch_count = 4;
  out.batch_value = model::Amount(50'000'000'000);
  out.max_inputs = 20;
  out.max_payees = 10;
  out.payout_cooldown = 3;
  out.bucket_capacity = model::Amount(1'000'000'000'000);
  out.bucket_refill_per_hour = model::Amount(1'000'000'000'000);
  return out;
}

// A step that a correct program cannot fail: says why before it stops.
void must(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "test network: %s\n", status.to_string().c_str());
  CHECK(status.ok());
}

}  // namespace

Network::Network(const NetworkOptions& options) : entropy_(options.seed) {
  genesis_.address_prefix = to_bytes("tcaas");
  genesis_.time = model::LedgerMs(kGenesisTime);
  genesis_.parameters = parameters_for_tests();
  for (std::size_t i = 1; i <= options.weights.size(); ++i)
    make_member(static_cast<std::uint16_t>(i), options);
  for (std::size_t i = 1; i <= options.currencies.size(); ++i) {
    make_currency(static_cast<std::uint16_t>(i), options.currencies[i - 1]);
  }
  chain_id_ = reader::chain_id_of(reader::encode(genesis_));
  auto state = ledger::state::State::from_genesis(genesis_, chain_id_);
  CHECK(state.ok());
  state_ = std::make_unique<ledger::state::State>(std::move(*state));
}

void Network::make_member(std::uint16_t id, const NetworkOptions& options) {
  MemberKeys keys{new_key(), new_key(), new_key(), {}};
  model::Member member;
  member.id = model::MemberId(id);
  member.name = to_bytes("member-" + std::to_string(id));
  member.legal_entity = to_bytes("Entity " + std::to_string(id));
  member.jurisdiction = to_bytes("CH");
  member.kyc_expiry = model::LedgerMs(4'000'000'000'000);
  member.weight = model::Weight(options.weights[id - 1u]);
  member.validator_key = keys.validator.public_key();
  member.attest_key = keys.attest.public_key();
  member.governance_key = keys.governance.public_key();
  std::array<std::uint8_t, 32> curve{};
  entropy_.fill(curve);
  member.curve_key = model::CurveKey(curve);
  for (std::size_t currency = 1; currency <= options.currencies.size(); ++currency) {
    keys.seats.push_back(new_key());
    member.seats.push_back({model::CurrencyId(static_cast<std::uint16_t>(currency)), model::WalletEpoch(1),
                            keys.seats.back().public_key()});
  }
  genesis_.members.push_back(std::move(member));
  members_.push_back(std::move(keys));
}

void Network::make_currency(std::uint16_t id, const std::string& code) {
  chains_.emplace_back(id);
  const model::ExternalChainId chain(id);
  genesis_.chains.push_back(chains_.back().describe(chain, "chain-" + std::to_string(id)));
  genesis_.currencies.push_back({model::CurrencyId(id), to_bytes(code), 8, 8, chain});
  genesis_.parameters.currencies.push_back(parameters_for_tests(model::CurrencyId(id)));
  model::ReserveWallet wallet;
  wallet.currency = model::CurrencyId(id);
  wallet.epoch = model::WalletEpoch(1);
  std::vector<model::Weight> weights;
  for (const model::Member& member : genesis_.members) {
    weights.push_back(member.weight);
    wallet.seats.push_back(member.seats[id - 1u].key);
    wallet.members.push_back(member.id);
  }
  const auto allowed = model::allowed_thresholds(weights);
  CHECK(!allowed.empty());
  wallet.threshold = static_cast<std::uint8_t>(allowed.back());
  genesis_.wallets.push_back(std::move(wallet));
}

std::vector<model::MemberId> Network::member_ids() const {
  std::vector<model::MemberId> out;
  for (const model::Member& member : genesis_.members) out.push_back(member.id);
  return out;
}

const model::CurrencyParameters& Network::parameters(model::CurrencyId currency) const {
  const auto* found = model::find_parameters(genesis_.parameters, currency);
  CHECK(found != nullptr);
  return *found;
}

const model::ReserveWallet& Network::wallet(model::CurrencyId currency) const {
  return genesis_.wallets.at(currency.get() - 1u);
}

model::Transaction Network::make(model::TransactionBody body) {
  model::Transaction out;
  out.valid_until = model::Height(state_->height().get() + kValidBlocks);
  out.salt = next_salt_++;
  out.body = std::move(body);
  return out;
}

Bytes Network::sign(const model::Transaction& transaction,
                    const std::vector<const crypto::SoftwareKey*>& keys) {
  model::Envelope envelope;
  envelope.payload = reader::encode(transaction);
  const Hash256 digest = reader::transaction_digest(chain_id_, envelope.payload, transaction.body);
  for (const crypto::SoftwareKey* key : keys)
    envelope.signatures.push_back({key->public_key(), key->sign(digest)});
  std::ranges::sort(envelope.signatures, {}, &model::KeySignature::key);
  return reader::encode(envelope);
}

model::TxId Network::id_of(const Bytes& envelope) const {
  const auto decoded = reader::decode_transaction(chain_id_, envelope, envelope.size());
  CHECK(decoded.ok());
  return decoded->id;
}

Bytes Network::transfer(const crypto::SoftwareKey& from, const model::Address& to, model::CurrencyId currency,
                        std::uint64_t amount, std::uint64_t fee) {
  model::Transfer body;
  body.inputs.push_back({model::Address::of_key(from.public_key()), currency, model::Amount(amount + fee)});
  body.outputs.push_back({to, currency, model::Amount(amount)});
  return sign(model::TransactionBody(std::move(body)), {&from});
}

Bytes Network::attest(model::MemberId member, model::TransactionBody body) {
  return sign(std::move(body), {&keys(member).attest});
}

Bytes Network::govern(model::MemberId member, model::TransactionBody body) {
  return sign(std::move(body), {&keys(member).governance});
}

std::vector<Bytes> Network::head_votes(model::CurrencyId currency, std::uint32_t height,
                                       std::uint64_t fee_rate) {
  const FakeChain& external = chain(currency);
  if (height == 0) height = external.height();
  std::vector<Bytes> out;
  for (const model::MemberId member : member_ids()) {
    model::ExternalHead head;
    head.member = member;
    head.chain = genesis_.currencies.at(currency.get() - 1u).chain;
    head.height = model::ExternalHeight(height);
    head.hash = external.hash(height);
    head.time = 1'700'000'000;
    head.fee_rate = model::FeeRate(fee_rate);
    out.push_back(attest(member, head));
  }
  return out;
}

model::BlockHeader Network::next_header() const {
  model::BlockHeader out;
  out.chain_id = chain_id_;
  out.height = next_height();
  out.time = model::LedgerMs(state_->time().get() + kBlockTime);
  if (!blocks_.empty()) out.previous = reader::block_hash(blocks_.back().block.header);
  out.proposer = genesis_.members[state_->height().get() % genesis_.members.size()].id;
  return out;
}

Result<ledger::state::Execution> Network::try_block(const std::vector<Bytes>& transactions) {
  ledger::state::SerialVerifier verifier;
  return state_->execute(next_header(), transactions, verifier);
}

Status Network::produce(const std::vector<Bytes>& transactions) {
  ASSIGN_OR_RETURN(ledger::state::Execution execution, try_block(transactions));
  FinalBlock out;
  out.block.header = next_header();
  execution.seal(out.block.header);
  if (!blocks_.empty()) out.block.last_commit = blocks_.back().commit;
  out.block.transactions = transactions;
  out.commit = commit_of(out.block.header, member_ids());
  state_->apply(std::move(execution));
  blocks_.push_back(std::move(out));
  return ok_status();
}

void Network::produce_until(model::Height height) {
  while (state_->height() < height) must(produce());
}

model::Commit Network::commit_of(const model::BlockHeader& header,
                                 const std::vector<model::MemberId>& members) const {
  model::Commit out;
  out.height = header.height;
  out.block = reader::block_hash(header);
  const Hash256 digest =
      reader::vote_digest(chain_id_, model::VoteType::kPrecommit, out.height, out.round, out.block);
  for (const model::MemberId member : members) {
    out.signatures.push_back({member, keys(member).validator.sign(digest)});
  }
  return out;
}

std::map<Bytes, Bytes> Network::stored() const {
  std::map<Bytes, Bytes> out;
  state_->tree().for_each([&](ByteView key, ByteView value) { out[to_bytes(key)] = to_bytes(value); });
  return out;
}

Result<ledger::state::State> Network::load(const std::map<Bytes, Bytes>& store) const {
  auto at = store.begin();
  return ledger::state::State::load(genesis(), chain_id(), state_->height(), state_->time(),
                                    [&](Bytes& key, Bytes& value) {
                                      if (at == store.end()) return false;
                                      key = at->first;
                                      value = at->second;
                                      ++at;
                                      return true;
                                    });
}

model::LedgerEvidence Network::evidence(const std::vector<Bytes>& keys) const {
  model::LedgerEvidence out;
  out.header = blocks_.back().block.header;
  out.commit = blocks_.back().commit;
  out.set = model::member_set(genesis_);
  for (const Bytes& key : keys) out.proofs.push_back(state_->prove(key));
  return out;
}

model::GatewayId Network::register_gateway(std::string_view name, const crypto::SoftwareKey& account,
                                           model::LedgerMs kyc_expiry) {
  const auto counters = state_->get<model::Counters>(model::counters_key());
  CHECK(counters.has_value());
  model::Proposal proposal;
  proposal.member = model::MemberId(1);
  proposal.action =
      model::RegisterGateway{to_bytes(name), model::Address::of_key(account.public_key()), kyc_expiry};
  const Bytes proposed = govern(model::MemberId(1), proposal);
  must(produce({proposed}));
  const model::TxId id = id_of(proposed);
  std::vector<Bytes> ballots;
  for (const model::MemberId member : quorum())
    ballots.push_back(govern(member, model::Ballot{member, id, true}));
  must(produce(ballots));
  const auto record = state_->get<model::ProposalRecord>(model::proposal_key(id));
  CHECK(record.has_value() && record->status == model::ProposalStatus::kPassed);
  produce_until(record->effective);
  return model::GatewayId(counters->next_gateway);
}

model::MintApproval Network::deposit(model::GatewayId gateway, model::CurrencyId currency,
                                     std::uint64_t amount) {
  FakeChain& external = chain(currency);
  const auto script = ledger::custody::script_pubkey(chain_id_, wallet(currency), gateway);
  CHECK(script.ok());
  const bitcoin::Transaction payment = external.pay({{1'000, payout_script(200)}, {amount, *script}});
  external.mine({payment});
  external.mine_empty(parameters(currency).deposit_depth - 1);
  attest_head(currency);
  model::MintApproval out;
  out.currency = currency;
  out.gateway = gateway;
  out.outpoint = {model::ExternalHash(payment.txid().array()), 1};
  out.amount = model::Amount(amount);
  out.proof = external.proof(payment.txid(), external.height());
  return out;
}

std::vector<Bytes> Network::mint_approvals(const model::MintApproval& terms) {
  std::vector<Bytes> out;
  for (const model::MemberId member : quorum()) {
    model::MintApproval approval = terms;
    approval.member = member;
    out.push_back(attest(member, approval));
  }
  return out;
}

void Network::mint(model::GatewayId gateway, model::CurrencyId currency, std::uint64_t amount) {
  must(produce(mint_approvals(deposit(gateway, currency, amount))));
}

void Network::attest_head(model::CurrencyId currency, std::uint32_t height) {
  std::vector<Bytes> votes = head_votes(currency, height);
  votes.resize(quorum().size());  // one more would come too late: the head is recorded by then
  must(produce(votes));
}

std::vector<model::MemberId> Network::quorum() const {
  std::vector<model::MemberId> out;
  std::uint64_t weight = 0;
  for (const model::Member& member : genesis_.members) {
    if (model::is_quorum(model::Weight(weight), state_->registry().set.total())) break;
    weight += member.weight.get();
    out.push_back(member.id);
  }
  return out;
}

Bytes Network::payout_script(std::uint8_t which) const {
  return bitcoin::p2pkh_script_pubkey(Bytes(20, which));
}

void Network::register_payout(model::GatewayId gateway, const crypto::SoftwareKey& account,
                              model::CurrencyId currency, const Bytes& script) {
  const model::PayoutAddress body{gateway, currency, script, model::Amount(kLedgerFee)};
  must(produce({sign(model::TransactionBody(body), {&account})}));
  produce_until(model::Height(state_->height().get() + parameters(currency).payout_cooldown - 1));
}

Bytes Network::burn(model::GatewayId gateway, const crypto::SoftwareKey& account, model::CurrencyId currency,
                    std::uint64_t amount, std::uint64_t fee_cap, const Bytes& script,
                    std::uint64_t ledger_fee) {
  const model::Burn body{
      gateway, currency, model::Amount(amount), model::Amount(fee_cap), model::Amount(ledger_fee), script};
  return sign(model::TransactionBody(body), {&account});
}

Bytes Network::slot_signature(model::MemberId member, const model::SlotRecord& slot) {
  const auto digests = ledger::custody::payout_digests(chain_id_, slot, wallet(slot.currency));
  CHECK(digests.ok());
  model::SlotSignature body{member, slot.currency, slot.id, {}};
  const crypto::SoftwareKey& seat = keys(member).seats.at(slot.currency.get() - 1u);
  for (const Hash256& digest : *digests) body.signatures.push_back(seat.sign(digest));
  return attest(member, body);
}

model::SettlementProof Network::settlement(const model::SlotRecord& slot) {
  const model::ReserveWallet& reserve = wallet(slot.currency);
  const auto payout = ledger::custody::payout_transaction(chain_id_, slot, reserve);
  const auto digests = ledger::custody::payout_digests(chain_id_, slot, reserve);
  CHECK(payout.ok() && digests.ok());
  std::vector<bitcoin::SignedInput> inputs;
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    bitcoin::SignedInput input;
    const auto script = ledger::custody::witness_script(chain_id_, reserve, slot.inputs[i].gateway);
    CHECK(script.ok());
    input.witness_script = *script;
    input.value = slot.inputs[i].amount.get();
    for (std::size_t seat = 0; seat < reserve.threshold; ++seat) {
      const crypto::SoftwareKey& key = members_[seat].seats.at(slot.currency.get() - 1u);
      input.signatures[key.public_key()] = key.sign((*digests)[i]);
    }
    inputs.push_back(std::move(input));
  }
  const auto assembled = bitcoin::assemble(*payout, inputs);
  CHECK(assembled.ok());
  FakeChain& external = chain(slot.currency);
  external.mine({*assembled});
  external.mine_empty(parameters(slot.currency).settlement_depth - 1);
  attest_head(slot.currency);
  return {slot.currency, slot.id, external.proof(assembled->txid(), external.height())};
}

model::SlotRecord Network::slot(model::CurrencyId currency, std::uint64_t id) const {
  const auto record = state_->get<model::SlotRecord>(model::slot_key(currency, model::SlotId(id)));
  CHECK(record.has_value());
  return *record;
}

}  // namespace custody::tests
