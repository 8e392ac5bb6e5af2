#include "ledger/chains/bitcoin/psbt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/base64.h"
#include "tests/support/bitcoin_wallet.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::make_bitcoin_payout;
using tests::make_bitcoin_wallet;
using tests::sign_bitcoin_payout;
using tests::text_at;

struct Case {
  SeededEntropy entropy{77};
  tests::BitcoinWallet wallet = make_bitcoin_wallet(entropy, 3, 4);
  tests::BitcoinPayout payout = make_bitcoin_payout(entropy, wallet, 2);

  Psbt psbt() const {
    auto built = build_psbt(payout.tx, payout.inputs);
    EXPECT_TRUE(built.ok()) << built.status().to_string();
    return *built;
  }
};

TEST(Psbt, Bip174Vectors) {
  LOAD_VECTOR_JSON(vectors, "bips/bip174-parse.json");
  std::size_t valid = 0;
  std::size_t refused = 0;
  for (const Json& entry : vectors.items()) {
    const std::string text = text_at(entry, "base64");
    const auto psbt = parse_psbt_base64(text);
    if (text_at(entry, "section").find("invalid") != std::string::npos) {
      EXPECT_EQ(psbt.code(), Code::kInvalid) << text_at(entry, "case");
      ++refused;
      continue;
    }
    ASSERT_TRUE(psbt.ok()) << text_at(entry, "case") << ": " << psbt.status().to_string();
    EXPECT_EQ(psbt->to_base64(), text) << text_at(entry, "case");
    ++valid;
  }
  EXPECT_EQ(refused, 20u);
  EXPECT_EQ(valid, 16u);
}

TEST(Psbt, CombiningUnitesUnknownFieldsAsInBip174) {
  LOAD_VECTOR_JSON(vectors, "bips/bip174-parse.json");
  std::vector<Psbt> pair;
  for (const Json& entry : vectors.items()) {
    if (!text_at(entry, "section").starts_with("Given these two PSBTs")) continue;
    pair.push_back(*parse_psbt_base64(text_at(entry, "base64")));
  }
  ASSERT_EQ(pair.size(), 2u);
  const auto combined = combine_psbt(pair[0], pair[1]);
  ASSERT_TRUE(combined.ok());
  for (const Psbt& part : pair) {
    for (const PsbtEntry& entry : part.inputs[0]) {
      EXPECT_NE(std::find(combined->inputs[0].begin(), combined->inputs[0].end(), entry),
                combined->inputs[0].end());
    }
  }
  EXPECT_GT(combined->inputs[0].size(), pair[0].inputs[0].size());
  EXPECT_EQ(*combine_psbt(*combined, pair[1]), *combined);
}

TEST(Psbt, ExportRoundTripsAndAssemblesToTheSameTransaction) {
  Case c;
  for (std::size_t i = 0; i < 3; ++i) sign_bitcoin_payout(c.payout, c.wallet.seats[i]);
  const Psbt psbt = c.psbt();
  const auto parsed = parse_psbt_base64(psbt.to_base64());
  ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
  EXPECT_EQ(*parsed, psbt);
  const auto inputs = signed_inputs(*parsed);
  ASSERT_TRUE(inputs.ok()) << inputs.status().to_string();
  EXPECT_EQ(assemble(parsed->tx, *inputs)->serialize(),
            assemble(c.payout.tx, c.payout.signed_inputs())->serialize());
}

TEST(Psbt, CopiesSignedSeparatelyCombine) {
  Case c;
  std::vector<Psbt> copies;
  for (std::size_t i = 0; i < 3; ++i) {
    Case alone;
    sign_bitcoin_payout(alone.payout, alone.wallet.seats[i]);
    copies.push_back(alone.psbt());
    sign_bitcoin_payout(c.payout, c.wallet.seats[i]);
  }
  const Psbt combined = *combine_psbt(*combine_psbt(copies[0], copies[1]), copies[2]);
  EXPECT_EQ(assemble(combined.tx, *signed_inputs(combined))->serialize(),
            assemble(c.payout.tx, c.payout.signed_inputs())->serialize());
}

TEST(Psbt, CombiningRefusesAnotherTransaction) {
  Case c;
  Psbt other = c.psbt();
  other.tx.outputs[0].value += 1;
  EXPECT_EQ(combine_psbt(c.psbt(), other).code(), Code::kInvalid);
}

TEST(Psbt, EveryTruncationAndAnyTrailingByteIsRefused) {
  Case c;
  sign_bitcoin_payout(c.payout, c.wallet.seats[0]);
  const Bytes raw = c.psbt().serialize();
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_FALSE(parse_psbt(ByteView(raw).first(size)).ok()) << size;
  }
  Bytes longer = raw;
  longer.push_back(0);
  EXPECT_FALSE(parse_psbt(longer).ok());
  EXPECT_EQ(parse_psbt(Bytes(kMaxPsbtSize + 1)).code(), Code::kInvalid);
}

TEST(Psbt, RefusesAPreviousTransactionThatIsNotTheSpentOne) {
  Case c;
  c.payout.inputs[0].previous->lock_time += 1;
  EXPECT_EQ(build_psbt(c.payout.tx, c.payout.inputs).code(), Code::kInvalid);
  Case d;
  Psbt psbt = d.psbt();
  std::swap(psbt.inputs[0], psbt.inputs[1]);
  EXPECT_EQ(parse_psbt(psbt.serialize()).code(), Code::kInvalid);
}

TEST(Psbt, RefusesAnotherScriptThanTheSpentOutputs) {
  Case c;
  Psbt psbt = c.psbt();
  psbt.inputs[0].back().value[0] ^= 1;  // the witness script
  EXPECT_TRUE(parse_psbt(psbt.serialize()).ok());
  EXPECT_EQ(signed_inputs(psbt).code(), Code::kInvalid);
  c.payout.inputs[0].witness_script[0] ^= 1;
  EXPECT_EQ(build_psbt(c.payout.tx, c.payout.inputs).code(), Code::kInvalid);
}

TEST(Psbt, RefusesSignedTransactionsAndWrongNumbersOfInputs) {
  Case c;
  auto fewer = c.payout.inputs;
  fewer.pop_back();
  EXPECT_EQ(build_psbt(c.payout.tx, fewer).code(), Code::kInvalid);
  c.payout.tx.inputs[0].witness = {Bytes{1}};
  EXPECT_EQ(build_psbt(c.payout.tx, c.payout.inputs).code(), Code::kInvalid);
}

TEST(Psbt, RefusesOtherVersionsAndTheirFields) {
  Case c;
  const auto with = [&](PsbtEntry entry, auto&& choose) {
    Psbt psbt = c.psbt();
    choose(psbt).push_back(std::move(entry));
    return parse_psbt(psbt.serialize()).ok();
  };
  const auto global = [](Psbt& psbt) -> PsbtMap& { return psbt.global; };
  const auto input = [](Psbt& psbt) -> PsbtMap& { return psbt.inputs[0]; };
  const auto output = [](Psbt& psbt) -> PsbtMap& { return psbt.outputs[0]; };
  EXPECT_TRUE(with({{0xfb}, Bytes(4, 0)}, global));
  EXPECT_FALSE(with({{0xfb}, Bytes{2, 0, 0, 0}}, global));
  EXPECT_FALSE(with({{0xfb}, Bytes(3, 0)}, global));
  EXPECT_FALSE(with({{0x02}, Bytes(4, 0)}, global));
  EXPECT_FALSE(with({{0x0e}, Bytes(32, 0)}, input));
  EXPECT_FALSE(with({{0x03}, Bytes(8, 0)}, output));
  EXPECT_TRUE(with({{0xfc, 0x01}, Bytes(8, 0)}, output));
}

TEST(Psbt, SignaturesThatAreNotForAllAreRefused) {
  Case c;
  sign_bitcoin_payout(c.payout, c.wallet.seats[0]);
  Psbt psbt = c.psbt();
  const auto partial = std::find_if(psbt.inputs[0].begin(), psbt.inputs[0].end(),
                                    [](const PsbtEntry& entry) { return entry.key[0] == 0x02; });
  ASSERT_NE(partial, psbt.inputs[0].end());
  partial->value.back() = 0x81;
  EXPECT_EQ(signed_inputs(psbt).code(), Code::kInvalid);
}

TEST(Psbt, TooManyFieldsAreRefused) {
  Case c;
  Psbt psbt = c.psbt();
  for (std::size_t i = 0; i <= kMaxPsbtEntries; ++i)
    psbt.global.push_back({Writer().u8(0xf0).u32(static_cast<std::uint32_t>(i)).take(), {}});
  EXPECT_EQ(parse_psbt(psbt.serialize()).code(), Code::kInvalid);
}

TEST(Psbt, Base64IsStrict) {
  Case c;
  const std::string text = c.psbt().to_base64();
  EXPECT_TRUE(parse_psbt_base64(text).ok());
  EXPECT_EQ(parse_psbt_base64(text + "\n").code(), Code::kInvalid);
  EXPECT_EQ(parse_psbt_base64("").code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
