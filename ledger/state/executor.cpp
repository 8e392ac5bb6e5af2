#include "ledger/state/executor.h"

#include <array>

#include "base/merkle/merkle.h"
#include "ledger/state/rules.h"

namespace custody::ledger::state {

std::string_view kind_name(const model::TransactionBody& body) {
  static constexpr std::array<std::string_view, std::variant_size_v<model::TransactionBody>> kNames = {
      "transfer",       "burn",       "payout address", "external head", "mint approval",
      "slot signature", "settlement", "proposal",       "ballot",        "policy attestation"};
  return kNames.at(body.index());
}

Result<Signed> decode_signed(const Registry& registry, ByteView envelope) {
  auto decoded = proto::reader::decode_transaction(registry.chain_id, envelope,
                                                   registry.parameters.max_transaction_bytes);
  if (!decoded.ok()) return decoded.status();
  return Signed{std::move(*decoded), envelope.size()};
}

Status Executor::run(const Signed& transaction) {
  TRY(check_common(context_, transaction));
  TRY(std::visit([&](const auto& body) { return apply(context_, transaction, body); },
                 transaction.transaction().body));
  overlay_.remember(transaction.transaction().valid_until, transaction.id());
  transactions_.push_back(transaction.id());
  return ok_status();
}

Status Executor::end_block() {
  enact_proposals(context_);
  share_fees(context_);
  overlay_.forget_shard(context_.height);
  open_slots(context_);
  return check_books(context_);
}

Execution Executor::finish(const State& state, const std::vector<Hash256>& envelope_leaves) {
  Execution out;
  out.height = context_.height;
  out.time = context_.time;
  out.base_root = state.root();
  out.members_hash = proto::reader::member_set_hash(context_.registry.set);
  out.next_members_hash =
      proto::reader::member_set_hash(overlay_.must_get<model::MemberSet>(model::member_set_key()));
  out.changes = overlay_.take(context_.height);
  out.transactions = std::move(transactions_);
  std::vector<Hash256> receipt_leaves;
  for (std::size_t i = 0; i < out.transactions.size(); ++i) {
    out.receipts.push_back({Hash256(out.transactions[i].array()), i});
    receipt_leaves.push_back(merkle::leaf_hash(proto::reader::encode(out.receipts.back())));
  }
  out.transactions_root = merkle::root(envelope_leaves);
  out.receipts_root = merkle::root(receipt_leaves);
  out.tree = state.tree().apply(out.changes);
  out.state_root = out.tree.root();
  return out;
}

}  // namespace custody::ledger::state
