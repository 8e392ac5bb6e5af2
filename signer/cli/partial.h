// Transactions on their way: built here, signed by one party after another, combined, sent. The file that
// passes between people is JSON; what is signed are the payload's exact bytes. Thread-safety: pure.
#pragma once

#include "base/crypto/secp256k1.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

struct Partial {
  model::ChainId chain_id;
  model::Envelope envelope;  // signatures ascending by key
  model::Transaction transaction;
};

Json to_json(const Partial& partial);
// Transfers only: nothing else passes between people. kInvalid for another kind or version.
Result<Partial> partial_from_json(const Json& file);
Result<Partial> read_partial(const std::string& path);
Status write_partial(const std::string& path, const Partial& partial);

model::TxId transaction_of(const Partial& partial);
Result<Partial> make_partial(const Network& network, model::TransactionBody body, Entropy& entropy);
// Adds or keeps the key's signature. kRefused when the key is none of the accounts that pay.
Status add_signature(Partial& partial, const crypto::SoftwareKey& key);
// Union of the signatures of two files over the same payload.
Result<Partial> combine(const Partial& a, const Partial& b);
// How many bytes the signed envelope will have.
std::size_t signed_size(const model::TransactionBody& body, std::size_t signers);
// Total ledger fee for that size, spread equally over the given currencies (minor units, one per entry).
std::vector<model::Amount> fees_for(const model::NetworkParameters& parameters,
                                    const std::vector<model::CurrencyId>& currencies, std::size_t size);

}  // namespace custody::signer::cli
