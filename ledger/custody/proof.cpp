#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;

Hash256 plain(const model::ExternalHash& hash) {
  return Hash256(hash.array());
}

// Linkage, work and bits from headers[0] up to the recorded head, which pins them all.
Result<std::vector<bitcoin::BlockHeader>> check_headers(const model::ExternalChain& chain,
                                                        const model::BitcoinProof& proof,
                                                        const model::RecordedHead& head) {
  std::vector<bitcoin::BlockHeader> headers;
  for (const model::ExternalHeader& raw : proof.headers) {
    ASSIGN_OR_RETURN(headers.emplace_back(), bitcoin::parse_header(raw));
  }
  if (headers.back().hash() != plain(head.hash)) {
    return invalid("the proof's last header is not the recorded head at height " +
                   std::to_string(head.height.get()));
  }
  // What stands before the first header is not known here; its bits are taken from the chain's description
  // where they never change, and from the first header otherwise.
  bitcoin::HeaderAnchor before;
  before.hash = headers.front().previous;
  before.height = proof.height.get() - 1;
  before.bits = chain.no_retarget ? chain.anchor_bits : headers.front().bits;
  TRY(bitcoin::verify_header_chain(network_of(chain), before, headers));
  return headers;
}

Status check_position(const model::BitcoinProof& proof, const model::RecordedHead& head,
                      std::uint32_t depth) {
  if (proof.height.get() == 0) return invalid("the genesis block proves nothing");
  if (proof.headers.empty() || proof.headers.size() > model::kMaxProofHeaders) {
    return invalid("the proof has " + std::to_string(proof.headers.size()) + " headers, allowed are 1 to " +
                   std::to_string(model::kMaxProofHeaders));
  }
  if (std::uint64_t{proof.height.get()} + proof.headers.size() - 1 != head.height.get()) {
    return invalid("the proof's headers end at another height than the recorded head");
  }
  if (proof.headers.size() < depth) {
    return refused("the proof shows " + std::to_string(proof.headers.size()) + " confirmations, " +
                       std::to_string(depth) + " are needed",
                   "wait for more external blocks");
  }
  return ok_status();
}

}  // namespace

Result<bitcoin::Transaction> verify_proof(const model::ExternalChain& chain, const model::BitcoinProof& proof,
                                          const model::RecordedHead& head, std::uint32_t depth) {
  if (chain.kind != model::ChainKind::kBitcoin) return invalid("the chain's kind has no such proof");
  TRY(check_position(proof, head, depth));
  if (proof.transaction.size() > model::kMaxExternalTx) return invalid("the proven transaction is too long");
  ASSIGN_OR_RETURN(bitcoin::Transaction transaction, bitcoin::parse_transaction(proof.transaction));
  if (transaction.has_witness()) return invalid("the proven transaction must come without witness");
  if (transaction.is_coinbase() && proof.headers.size() < bitcoin::kCoinbaseMaturity) {
    return refused("a coinbase cannot be spent before it has 100 confirmations",
                   "wait for more external blocks");
  }
  ASSIGN_OR_RETURN(const auto headers, check_headers(chain, proof, head));
  bitcoin::TxInclusion inclusion{proof.index, proof.tx_count, {}};
  for (const model::ExternalHash& sibling : proof.path) inclusion.path.push_back(plain(sibling));
  TRY(bitcoin::verify_inclusion(transaction.txid(), inclusion, headers.front().merkle_root));
  return transaction;
}

Status check_deposit(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                     const model::MintApproval& approval, const bitcoin::Transaction& transaction) {
  if (approval.currency != wallet.currency)
    return invalid("the deposit is of another currency than the wallet");
  if (approval.gateway == model::GatewayId(0)) return invalid("the deposit names no gateway");
  if (transaction.txid() != plain(approval.outpoint.txid)) {
    return refused("the proven transaction is not the one of the deposit's outpoint");
  }
  if (approval.outpoint.vout >= transaction.outputs.size()) {
    return refused("the proven transaction has no output " + std::to_string(approval.outpoint.vout));
  }
  const bitcoin::TxOut& output = transaction.outputs[approval.outpoint.vout];
  if (output.value != approval.amount.get()) {
    return refused("the output holds " + std::to_string(output.value) + ", the deposit claims " +
                   std::to_string(approval.amount.get()));
  }
  ASSIGN_OR_RETURN(const Bytes expected, script_pubkey(ledger, wallet, approval.gateway));
  if (output.script_pubkey != expected) {
    return refused("the output does not pay to the deposit script of gateway " +
                   std::to_string(approval.gateway.get()));
  }
  return ok_status();
}

}  // namespace custody::ledger::custody
