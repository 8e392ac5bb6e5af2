#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/deposit.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;

template <std::unsigned_integral T>
void append_integer(Bytes& out, T value) {
  for (unsigned shift = 8 * sizeof(T); shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

}  // namespace

bitcoin::Network network_of(const model::ExternalChain& chain) {
  bitcoin::Network out;
  out.name = std::string(as_text(chain.name));
  for (unsigned i = 0; i < 4; ++i) out.magic[i] = static_cast<std::uint8_t>(chain.magic >> (24 - 8 * i));
  out.bech32_hrp = std::string(as_text(chain.hrp));
  out.p2pkh_version = chain.p2pkh_version;
  out.p2sh_version = chain.p2sh_version;
  out.genesis = Hash256(chain.genesis_hash.array());
  out.pow_limit_bits = chain.pow_limit_bits;
  out.no_retarget = chain.no_retarget;
  return out;
}

Hash256 deposit_salt(const model::ChainId& ledger, model::CurrencyId currency, model::WalletEpoch epoch,
                     model::GatewayId gateway) {
  Bytes named = to_bytes(ledger.view());
  append_integer(named, currency.get());
  append_integer(named, epoch.get());
  append_integer(named, gateway.get());
  return crypto::tagged_hash("caasiope/deposit", named);
}

Result<Bytes> witness_script(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                             model::GatewayId gateway) {
  if (gateway == model::GatewayId(0)) return bitcoin::sortedmulti_script(wallet.threshold, wallet.seats);
  ASSIGN_OR_RETURN(const PublicKey salt,
                   bitcoin::salt_key(deposit_salt(ledger, wallet.currency, wallet.epoch, gateway)));
  return bitcoin::deposit_script(wallet.threshold, wallet.seats, salt);
}

Result<Bytes> script_pubkey(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                            model::GatewayId gateway) {
  ASSIGN_OR_RETURN(const Bytes script, witness_script(ledger, wallet, gateway));
  return bitcoin::p2wsh_script_pubkey(script);
}

Status check_payout_script(ByteView script) {
  if (bitcoin::classify(script) == bitcoin::ScriptType::kOther) {
    return refused("payout script " + to_hex(script) + " is not one of P2PKH, P2SH, P2WPKH, P2WSH, P2TR");
  }
  return ok_status();
}

Status check_payout_target(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                           model::GatewayId gateway, ByteView script) {
  TRY(check_payout_script(script));
  for (const model::GatewayId owner : {model::GatewayId(0), gateway}) {
    ASSIGN_OR_RETURN(const Bytes own, script_pubkey(ledger, wallet, owner));
    if (equal(own, script)) {
      return refused("the payout script is a script of the reserve wallet itself",
                     "name an address of the payee");
    }
  }
  return ok_status();
}

}  // namespace custody::ledger::custody
