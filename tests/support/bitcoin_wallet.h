// A reserve wallet of software keys with coins that spend themselves into a payout: what tests of assembly,
// PSBT and conformance start from. Everything follows from the seed.
#pragma once

#include <vector>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "base/entropy.h"
#include "ledger/chains/bitcoin/deposit.h"
#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/psbt.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::tests {

struct BitcoinWallet {
  std::size_t required = 0;
  std::vector<crypto::SoftwareKey> seats;
  Bytes witness_script;  // of the deposit address of one gateway: seats and a salt key
};

inline Hash256 random_hash(Entropy& entropy) {
  Hash256 out;
  entropy.fill({out.data(), out.size()});
  return out;
}

inline BitcoinWallet make_bitcoin_wallet(Entropy& entropy, std::size_t required, std::size_t seats) {
  BitcoinWallet wallet;
  wallet.required = required;
  std::vector<PublicKey> keys;
  for (std::size_t i = 0; i < seats; ++i) {
    wallet.seats.push_back(crypto::SoftwareKey::generate(entropy));
    keys.push_back(wallet.seats.back().public_key());
  }
  const auto salt = ledger::chains::bitcoin::salt_key(random_hash(entropy));
  CHECK(salt.ok());
  auto script = ledger::chains::bitcoin::deposit_script(required, keys, *salt);
  CHECK(script.ok());
  wallet.witness_script = std::move(*script);
  return wallet;
}

struct BitcoinPayout {
  ledger::chains::bitcoin::Transaction tx;  // unsigned
  std::vector<ledger::chains::bitcoin::PsbtInput> inputs;

  std::vector<ledger::chains::bitcoin::SignedInput> signed_inputs() const {
    std::vector<ledger::chains::bitcoin::SignedInput> out;
    out.reserve(inputs.size());
    for (const auto& in : inputs) out.push_back({in.witness_script, in.spent.value, in.signatures});
    return out;
  }
};

// Two outputs: a P2WPKH payee and the wallet's change. The coins are outputs of made-up previous
// transactions.
inline BitcoinPayout make_bitcoin_payout(Entropy& entropy, const BitcoinWallet& wallet, std::size_t coins) {
  using namespace ledger::chains::bitcoin;
  BitcoinPayout payout;
  const Bytes script_pubkey = p2wsh_script_pubkey(wallet.witness_script);
  for (std::size_t i = 0; i < coins; ++i) {
    PsbtInput input;
    input.spent = {100'000 + entropy.below(1'000'000), script_pubkey};
    Transaction previous;
    previous.inputs.resize(1);
    previous.inputs[0].previous.txid = random_hash(entropy);
    previous.outputs = {{5'000, witness_script_pubkey(0, Bytes(20, 7))}, input.spent};
    TxIn in;
    in.previous = {previous.txid(), 1};
    payout.tx.inputs.push_back(in);
    input.previous = previous;
    input.witness_script = wallet.witness_script;
    payout.inputs.push_back(input);
  }
  const PublicKey payee = crypto::SoftwareKey::generate(entropy).public_key();
  payout.tx.outputs = {{50'000, p2wpkh_script_pubkey(payee)}, {40'000, script_pubkey}};
  return payout;
}

inline void sign_bitcoin_payout(BitcoinPayout& payout, const crypto::SoftwareKey& seat) {
  const ledger::chains::bitcoin::Sighash sighash(payout.tx);
  for (std::size_t i = 0; i < payout.inputs.size(); ++i) {
    auto& input = payout.inputs[i];
    input.signatures[seat.public_key()] =
        seat.sign(sighash.digest(i, input.witness_script, input.spent.value));
  }
}

}  // namespace custody::tests
