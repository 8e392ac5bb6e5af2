#include <gtest/gtest.h>

#include <algorithm>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/deposit.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;

class ScriptsTest : public ::testing::Test {
 protected:
  ScriptsTest() {
    SeededEntropy entropy(7);
    wallet_.currency = model::CurrencyId(1);
    wallet_.epoch = model::WalletEpoch(1);
    wallet_.threshold = 3;
    for (std::uint16_t i = 1; i <= 4; ++i) {
      wallet_.seats.push_back(crypto::SoftwareKey::generate(entropy).public_key());
      wallet_.members.emplace_back(i);
    }
  }
  model::ChainId chain_ = *model::ChainId::from(Bytes(32, 5));
  model::ReserveWallet wallet_;
};

TEST_F(ScriptsTest, TheSaltIsTheTaggedHashOfChainCurrencyEpochAndGateway) {
  Bytes named(32, 5);
  append(named, Bytes{0, 1, 0, 0, 0, 2, 0, 0, 1, 3});
  EXPECT_EQ(deposit_salt(chain_, model::CurrencyId(1), model::WalletEpoch(2), model::GatewayId(259)),
            crypto::tagged_hash("caasiope/deposit", named));
}

// Invariant 1: a deposit script stays m of the same n seats; the extra key is the salted NUMS point.
TEST_F(ScriptsTest, ADepositScriptIsTheWalletAndOneKeyThatNobodyHolds) {
  const Bytes own = *witness_script(chain_, wallet_, model::GatewayId(0));
  const auto own_multisig = bitcoin::parse_sortedmulti(own);
  ASSERT_TRUE(own_multisig.ok());
  EXPECT_EQ(own_multisig->keys.size(), 4u);
  const auto deposit = bitcoin::parse_sortedmulti(*witness_script(chain_, wallet_, model::GatewayId(9)));
  ASSERT_TRUE(deposit.ok());
  EXPECT_EQ(deposit->required, 3u);
  EXPECT_EQ(deposit->keys.size(), 5u);
  const Hash256 scalar = deposit_salt(chain_, wallet_.currency, wallet_.epoch, model::GatewayId(9));
  const PublicKey salt = *crypto::tweak_add(bitcoin::nums_point(), scalar);
  for (const PublicKey& key : deposit->keys) {
    const bool seat = std::ranges::find(wallet_.seats, key) != wallet_.seats.end();
    EXPECT_TRUE(seat || key == salt);
  }
}

TEST_F(ScriptsTest, EveryGatewayEpochCurrencyAndNetworkHasItsOwnDepositScript) {
  const Bytes first = *script_pubkey(chain_, wallet_, model::GatewayId(1));
  EXPECT_NE(first, *script_pubkey(chain_, wallet_, model::GatewayId(2)));
  EXPECT_NE(first, *script_pubkey(chain_, wallet_, model::GatewayId(0)));
  EXPECT_NE(first, *script_pubkey(*model::ChainId::from(Bytes(32, 6)), wallet_, model::GatewayId(1)));
  model::ReserveWallet other = wallet_;
  other.epoch = model::WalletEpoch(2);
  EXPECT_NE(first, *script_pubkey(chain_, other, model::GatewayId(1)));
  other = wallet_;
  other.currency = model::CurrencyId(2);
  EXPECT_NE(first, *script_pubkey(chain_, other, model::GatewayId(1)));
}

TEST_F(ScriptsTest, RefusesPayoutScriptsThatAreNotStandard) {
  EXPECT_TRUE(check_payout_script(bitcoin::p2pkh_script_pubkey(Bytes(20, 1))).ok());
  EXPECT_TRUE(check_payout_script(bitcoin::witness_script_pubkey(1, Bytes(32, 1))).ok());
  EXPECT_EQ(check_payout_script(Bytes{0x6a, 0x01, 0x00}).code(), Code::kRefused);
  EXPECT_EQ(check_payout_script(Bytes{}).code(), Code::kRefused);
  EXPECT_EQ(check_payout_script(bitcoin::witness_script_pubkey(2, Bytes(32, 1))).code(), Code::kRefused);
}

TEST_F(ScriptsTest, RefusesToPayTheWalletItself) {
  const model::GatewayId gateway(3);
  for (const model::GatewayId owner : {model::GatewayId(0), gateway}) {
    EXPECT_EQ(check_payout_target(chain_, wallet_, gateway, *script_pubkey(chain_, wallet_, owner)).code(),
              Code::kRefused);
  }
  EXPECT_TRUE(check_payout_target(chain_, wallet_, gateway, bitcoin::p2pkh_script_pubkey(Bytes(20, 1))).ok());
  EXPECT_FALSE(check_payout_target(chain_, wallet_, gateway, Bytes{0x6a}).ok());
}

TEST_F(ScriptsTest, TheNetworkOfAChainKeepsItsNumbers) {
  model::ExternalChain chain;
  chain.name = to_bytes("somecoin");
  chain.hrp = to_bytes("some");
  chain.magic = 0x01020304;
  chain.p2pkh_version = 7;
  chain.pow_limit_bits = 0x207fffff;
  chain.no_retarget = true;
  const bitcoin::Network network = network_of(chain);
  EXPECT_EQ(network.name, "somecoin");
  EXPECT_EQ(network.magic, (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(network.p2pkh_version, 7);
  EXPECT_TRUE(network.no_retarget);
}

}  // namespace
}  // namespace custody::ledger::custody
