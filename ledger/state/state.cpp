#include "ledger/state/state.h"

#include <algorithm>

#include "base/merkle/merkle.h"
#include "ledger/state/executor.h"

namespace custody::ledger::state {
namespace {

constexpr std::size_t kLoadBatch = 65'536;  // entries per tree update

model::Table table_of(const Bytes& key) {
  return static_cast<model::Table>(key.front());
}
bool is_registry(model::Table table) {
  return table == model::Table::kParameters || table == model::Table::kMemberSet ||
         table == model::Table::kMember || table == model::Table::kWallet;
}

template <std::unsigned_integral T>
T read_integer(ByteView bytes) {
  T out = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) out = static_cast<T>(out << 8 | bytes[i]);
  return out;
}

template <typename T>
Change entry(Bytes key, const T& record) {
  return {std::move(key), proto::reader::encode(record)};
}

std::vector<Change> genesis_entries(const model::Genesis& genesis) {
  std::vector<Change> out;
  out.push_back(entry(model::parameters_key(), genesis.parameters));
  out.push_back(entry(model::member_set_key(), model::member_set(genesis)));
  out.push_back(entry(model::counters_key(), model::Counters()));
  for (const model::Member& member : genesis.members)
    out.push_back(entry(model::member_key(member.id), member));
  for (const model::ReserveWallet& wallet : genesis.wallets) {
    out.push_back(entry(model::wallet_key(wallet.currency, wallet.epoch), wallet));
  }
  for (const model::Currency& currency : genesis.currencies) {
    out.push_back(entry(model::totals_key(currency.id), model::CurrencyTotals()));
  }
  return out;
}

template <typename T>
Status check_decodes(ByteView value) {
  return detail::as_status(proto::reader::decode<T>(value, kMaxValue));
}

// Does a stored record decode as its table says? Everything later relies on it.
Status check_record(model::Table table, ByteView value) {
  switch (table) {
    case model::Table::kBalance:
      return check_decodes<model::Balance>(value);
    case model::Table::kParameters:
      return check_decodes<model::NetworkParameters>(value);
    case model::Table::kMemberSet:
      return check_decodes<model::MemberSet>(value);
    case model::Table::kMember:
      return check_decodes<model::Member>(value);
    case model::Table::kWallet:
      return check_decodes<model::ReserveWallet>(value);
    case model::Table::kCurrencyTotals:
      return check_decodes<model::CurrencyTotals>(value);
    case model::Table::kHeadTip:
    case model::Table::kHead:
      return check_decodes<model::RecordedHead>(value);
    case model::Table::kHeadVotes:
      return check_decodes<model::HeadVotes>(value);
    case model::Table::kGateway:
      return check_decodes<model::GatewayRecord>(value);
    case model::Table::kPayout:
      return check_decodes<model::PayoutRecord>(value);
    case model::Table::kMint:
      return check_decodes<model::MintRecord>(value);
    case model::Table::kCoin:
      return check_decodes<model::CoinRecord>(value);
    case model::Table::kBurn:
      return check_decodes<model::BurnRecord>(value);
    case model::Table::kSlot:
      return check_decodes<model::SlotRecord>(value);
    case model::Table::kSlotSignature:
      return check_decodes<model::SlotSignatureRecord>(value);
    case model::Table::kProposal:
      return check_decodes<model::ProposalRecord>(value);
    case model::Table::kSeen:
      return check_decodes<model::SeenRecord>(value);
    case model::Table::kCounters:
      return check_decodes<model::Counters>(value);
    case model::Table::kCurrencyFreeze:
      return check_decodes<model::FreezeRecord>(value);
    case model::Table::kPolicyAttestation:
      return check_decodes<model::PolicyAttestationRecord>(value);
  }
  return invalid("unknown table");
}

Status check_entry(const Bytes& key, const Bytes& value) {
  if (key.empty() || key.size() > kMaxKey) return corrupt("a stored state key has a wrong size");
  if (value.empty() || value.size() > kMaxValue) {
    return corrupt("the stored state value of " + to_hex(key) + " has a wrong size");
  }
  const Status status = check_record(table_of(key), value);
  if (status.ok()) return ok_status();
  return corrupt("stored state record " + to_hex(key) + ": " + status.message());
}

// Verifies all signatures of all transactions at once. Entry i is the verdict on transaction i.
std::vector<Status> verify_signatures(std::span<const Signed> transactions, SignatureVerifier& verifier) {
  std::vector<SignatureTask> tasks;
  for (const Signed& transaction : transactions) {
    const Hash256 digest(transaction.id().array());
    for (const model::KeySignature& one : transaction.signatures()) {
      tasks.push_back({one.key, digest, one.signature});
    }
  }
  const std::vector<std::uint8_t> valid = verifier.verify(tasks);
  CHECK(valid.size() == tasks.size());
  std::vector<Status> out(transactions.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    for (const model::KeySignature& one : transactions[i].signatures()) {
      if (valid[at++] != 0 || !out[i].ok()) continue;
      out[i] = invalid("the signature of key " + one.key.hex() + " does not verify or has a high S");
    }
  }
  return out;
}

Status check_position(const State& state, const model::BlockHeader& header) {
  if (header.version != 1) {
    return invalid("block version " + std::to_string(header.version) + " is not known here",
                   "upgrade this node");
  }
  if (header.chain_id != state.registry().chain_id) return invalid("the block is of another network");
  if (header.height != model::next(state.height())) {
    return invalid("the block's height is " + std::to_string(header.height.get()) + ", the next is " +
                   std::to_string(state.height().get() + 1));
  }
  if (header.time <= state.time()) return invalid("the block's time does not rise");
  if (state.registry().set.find(header.proposer) == nullptr) {
    return invalid("the block's proposer is not a member");
  }
  return ok_status();
}

std::size_t transaction_budget(const Registry& registry) {
  const std::size_t all = registry.parameters.max_block_bytes;
  return all > kBlockOverhead ? all - kBlockOverhead : 0;
}

Status in_block(std::size_t index, std::string_view kind, const Status& status) {
  return invalid("transaction " + std::to_string(index) + " (" + std::string(kind) + "): " + status.message(),
                 status.hint());
}

}  // namespace

void Execution::seal(model::BlockHeader& header) const {
  header.transactions_root = transactions_root;
  header.receipts_root = receipts_root;
  header.state_root = state_root;
  header.members_hash = members_hash;
  header.next_members_hash = next_members_hash;
}

Status Execution::check_header(const model::BlockHeader& header) const {
  const auto differs = [](std::string_view what) {
    return invalid("the block's " + std::string(what) + " is not what its transactions give");
  };
  if (header.transactions_root != transactions_root) return differs("transactions root");
  if (header.members_hash != members_hash) return differs("members hash");
  if (header.next_members_hash != next_members_hash) return differs("next members hash");
  if (header.receipts_root != receipts_root) return differs("receipts root");
  if (header.state_root != state_root) return differs("state root");
  return ok_status();
}

Result<State> State::from_genesis(const model::Genesis& genesis, const model::ChainId& chain_id) {
  TRY(model::check_genesis(genesis));
  State out;
  out.registry_.chain_id = chain_id;
  out.registry_.genesis = genesis;
  out.time_ = genesis.time;
  const std::vector<Change> entries = genesis_entries(genesis);
  out.tree_ = out.tree_.apply(entries);
  out.note(entries);
  TRY(out.refresh_registry());
  return out;
}

Result<State> State::load(const model::Genesis& genesis, const model::ChainId& chain_id, model::Height height,
                          model::LedgerMs time, const Source& source) {
  TRY(model::check_genesis(genesis));
  State out;
  out.registry_.chain_id = chain_id;
  out.registry_.genesis = genesis;
  out.height_ = height;
  out.time_ = time;
  Bytes key;
  Bytes value;
  bool more = true;
  while (more) {
    std::vector<Change> batch;
    while (batch.size() < kLoadBatch && (more = source(key, value))) {
      TRY(check_entry(key, value));
      batch.push_back({std::move(key), std::move(value)});
      key = {};
      value = {};
    }
    out.tree_ = out.tree_.apply(batch);
    out.note(batch);
  }
  TRY(out.refresh_registry());
  return out;
}

std::optional<Bytes> State::get(ByteView key) const {
  const auto found = tree_.find(key);
  return found ? std::optional<Bytes>(to_bytes(*found)) : std::nullopt;
}

model::Amount State::balance(const model::Address& address, model::CurrencyId currency) const {
  const auto record = get<model::Balance>(model::balance_key(address, currency));
  return record ? record->amount : model::Amount();
}

std::vector<std::pair<Bytes, Bytes>> State::scan(ByteView prefix) const {
  const auto matches = [&](ByteView key) {
    return key.size() >= prefix.size() && equal(key.first(prefix.size()), prefix);
  };
  std::vector<std::pair<Bytes, Bytes>> out;
  const auto table = prefix.empty() ? model::Table::kBalance : static_cast<model::Table>(prefix[0]);
  if (table == model::Table::kBalance || table == model::Table::kSeen) {
    tree_.for_each([&](ByteView key, ByteView value) {
      if (matches(key)) out.emplace_back(to_bytes(key), to_bytes(value));
    });
    std::ranges::sort(out);
    return out;
  }
  for (auto at = index_.keys.lower_bound(to_bytes(prefix)); at != index_.keys.end() && matches(*at); ++at) {
    out.emplace_back(*at, to_bytes(*tree_.find(*at)));
  }
  return out;
}

Result<Execution> State::execute(const model::BlockHeader& header, std::span<const Bytes> envelopes,
                                 SignatureVerifier& verifier) const {
  TRY(check_position(*this, header));
  if (envelopes.size() > model::kMaxTransactions) return invalid("the block has too many transactions");
  std::size_t bytes = 0;
  for (const Bytes& envelope : envelopes) bytes += envelope.size() + kPerTransactionOverhead;
  if (bytes > transaction_budget(registry_)) {
    return invalid("the block's transactions take " + std::to_string(bytes) + " bytes, allowed are " +
                   std::to_string(transaction_budget(registry_)));
  }
  std::vector<Signed> decoded;
  std::vector<Hash256> leaves;
  decoded.reserve(envelopes.size());
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    auto transaction = decode_signed(registry_, envelopes[i]);
    if (!transaction.ok()) return in_block(i, "undecodable", transaction.status());
    decoded.push_back(std::move(*transaction));
    leaves.push_back(merkle::leaf_hash(envelopes[i]));
  }
  const std::vector<Status> verdicts = verify_signatures(decoded, verifier);
  Executor executor(*this, header.height, header.time, verifier);
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const Status status = verdicts[i].ok() ? executor.run(decoded[i]) : verdicts[i];
    if (!status.ok()) return in_block(i, kind_name(decoded[i].transaction().body), status);
  }
  TRY(executor.end_block());
  return executor.finish(*this, leaves);
}

Result<Selection> State::select(const model::BlockHeader& header, std::span<const Bytes> candidates,
                                SignatureVerifier& verifier) const {
  TRY(check_position(*this, header));
  Selection out;
  std::vector<Signed> decoded;
  std::vector<std::size_t> origin;
  decoded.reserve(candidates.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < candidates.size() && decoded.size() < model::kMaxTransactions; ++i) {
    auto transaction = decode_signed(registry_, candidates[i]);
    if (!transaction.ok()) {
      out.dropped.push_back({i, transaction.status()});
      continue;
    }
    if (bytes + candidates[i].size() + kPerTransactionOverhead > transaction_budget(registry_)) break;
    bytes += candidates[i].size() + kPerTransactionOverhead;
    decoded.push_back(std::move(*transaction));
    origin.push_back(i);
  }
  const std::vector<Status> verdicts = verify_signatures(decoded, verifier);
  Executor executor(*this, header.height, header.time, verifier);
  std::vector<Hash256> leaves;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    Status status = verdicts[i].ok() ? executor.run(decoded[i]) : verdicts[i];
    if (!status.ok()) {
      out.dropped.push_back({origin[i], std::move(status)});
      continue;
    }
    out.included.push_back(origin[i]);
    leaves.push_back(merkle::leaf_hash(candidates[origin[i]]));
  }
  TRY(executor.end_block());
  out.execution = executor.finish(*this, leaves);
  return out;
}

// Of a transaction that is valid: its signers are those that its kind demands.
std::vector<Claim> State::claims_of(const model::Transaction& transaction,
                                    const std::vector<model::KeySignature>& signatures) const {
  std::vector<Claim> out;
  const auto spend = [&](const model::Address& account, model::CurrencyId currency, std::uint64_t amount) {
    out.push_back({model::balance_key(account, currency), amount, balance(account, currency).get()});
  };
  if (const auto* transfer = std::get_if<model::Transfer>(&transaction.body)) {
    for (const model::TransferLeg& leg : transfer->inputs) spend(leg.address, leg.currency, leg.amount.get());
  } else if (const auto* burn = std::get_if<model::Burn>(&transaction.body)) {
    spend(model::Address::of_key(signatures.at(0).key), burn->currency,
          burn->amount.get() + burn->fee_cap.get() + burn->ledger_fee.get());
  } else if (const auto* payout = std::get_if<model::PayoutAddress>(&transaction.body)) {
    spend(model::Address::of_key(signatures.at(0).key), payout->currency, payout->ledger_fee.get());
  } else {
    const Bytes signer = signatures.empty() ? Bytes() : to_bytes(signatures[0].key.view());
    out.push_back({signer, 1, kMaxFreeOfSigner});
  }
  return out;
}

Result<Admitted> State::check_transaction(ByteView envelope, SignatureVerifier& verifier) const {
  ASSIGN_OR_RETURN(const Signed transaction, decode_signed(registry_, envelope));
  const std::vector<Status> verdicts = verify_signatures({&transaction, 1}, verifier);
  TRY(verdicts[0]);
  Executor executor(*this, model::next(height_), model::LedgerMs(time_.get() + 1), verifier);
  TRY(executor.run(transaction));
  return Admitted{transaction.id(), transaction.transaction().valid_until,
                  claims_of(transaction.transaction(), transaction.signatures())};
}

void State::apply(Execution&& execution) {
  CHECK(execution.height == model::next(height_) && execution.base_root == root());
  tree_ = std::move(execution.tree);
  height_ = execution.height;
  time_ = execution.time;
  note(execution.changes);
  const bool registry_changed = std::ranges::any_of(
      execution.changes, [](const Change& change) { return is_registry(table_of(change.key)); });
  if (registry_changed) CHECK(refresh_registry().ok());
}

void State::note(const std::vector<Change>& changes) {
  for (const auto& [key, value] : changes) {
    const model::Table table = table_of(key);
    if (table == model::Table::kBalance) continue;
    if (table == model::Table::kSeen) {
      const std::uint64_t shard = read_integer<std::uint64_t>(ByteView(key).subspan(1));
      if (!value) {
        index_.seen.erase(shard);  // a shard goes as a whole
      } else {
        index_.seen[shard].push_back(*model::TxId::from(ByteView(key).subspan(9)));
      }
      continue;
    }
    if (!value) {
      index_.keys.erase(key);
    } else {
      index_.keys.insert(key);
    }
    if (table != model::Table::kBurn || !value) continue;
    const model::CurrencyId currency(read_integer<std::uint16_t>(ByteView(key).subspan(1)));
    const std::uint64_t sequence = read_integer<std::uint64_t>(ByteView(key).subspan(3));
    const auto burn = proto::reader::decode<model::BurnRecord>(*value, kMaxValue);
    CHECK(burn.ok());
    if (burn->status == model::BurnStatus::kQueued) {
      index_.queued[currency].insert_or_assign(sequence, burn->gateway);
    } else {
      index_.queued[currency].erase(sequence);
    }
  }
}

Status State::refresh_registry() {
  const auto parameters = get<model::NetworkParameters>(model::parameters_key());
  const auto set = get<model::MemberSet>(model::member_set_key());
  if (!parameters || !set || !get<model::Counters>(model::counters_key())) {
    return corrupt("the stored state lacks parameters, members or counters");
  }
  registry_.parameters = *parameters;
  registry_.set = *set;
  registry_.members.clear();
  registry_.wallets.clear();
  for (const model::SetMember& member : set->members) {
    const auto record = get<model::Member>(model::member_key(member.id));
    if (!record) return corrupt("the stored state lacks member " + std::to_string(member.id.get()));
    registry_.members.emplace(member.id, *record);
  }
  for (const auto& [key, value] : scan(Bytes{static_cast<std::uint8_t>(model::Table::kWallet)})) {
    const auto wallet = proto::reader::decode<model::ReserveWallet>(value, kMaxValue);
    CHECK(wallet.ok());
    registry_.wallets.insert_or_assign(wallet->currency, *wallet);  // keys ascend by epoch
  }
  for (const model::Currency& currency : registry_.genesis.currencies) {
    if (!registry_.wallets.contains(currency.id) ||
        !get<model::CurrencyTotals>(model::totals_key(currency.id)) ||
        model::find_parameters(*parameters, currency.id) == nullptr) {
      return corrupt("the stored state lacks the books of currency " + std::to_string(currency.id.get()));
    }
  }
  return ok_status();
}

}  // namespace custody::ledger::state
