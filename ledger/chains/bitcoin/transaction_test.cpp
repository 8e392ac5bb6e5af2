#include "ledger/chains/bitcoin/transaction.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

Transaction simple_transaction() {
  Transaction tx;
  TxIn in;
  in.previous.txid = Hash256(std::array<std::uint8_t, 32>{7});
  in.previous.vout = 1;
  in.witness = {Bytes{}, Bytes(72, 0x30), Bytes(105, 0x52)};
  tx.inputs.push_back(in);
  tx.outputs.push_back({1'000, Bytes(34, 0x20)});
  return tx;
}

// "0x..." as summa-spv writes bytes.
Bytes summa_bytes(const std::string& text) {
  auto raw = from_hex(std::string_view(text).substr(2));
  EXPECT_TRUE(raw.ok());
  return raw.ok() ? *raw : Bytes();
}

// bitcoin-spv takes a transaction apart into version, inputs, outputs and lock time.
Bytes summa_transaction(const Json& parts) {
  Bytes raw;
  for (const char* part : {"version", "vin", "vout", "locktime"})
    append(raw, summa_bytes(text_at(parts, part)));
  return raw;
}

TEST(Transaction, RegtestTransactionsHashToTheirIds) {
  for (const char* file : {"spv/spv_regtest_1.json", "spv/spv_regtest_3.json"}) {
    LOAD_VECTOR_JSON(vector, file);
    const auto raw = from_hex(text_at(vector, "rawtx"));
    ASSERT_TRUE(raw.ok());
    const auto tx = parse_transaction(*raw);
    ASSERT_TRUE(tx.ok()) << tx.status().to_string();
    EXPECT_EQ(tx->serialize(), *raw);
    EXPECT_EQ(to_rpc_hex(tx->txid()), *vector.find("txids")->items()[0].as_string());
    EXPECT_NE(tx->txid(), tx->wtxid());
    EXPECT_EQ(tx->weight(), 3 * tx->serialize_stripped().size() + raw->size());
  }
}

TEST(Transaction, SummaTransactionHashesToItsIdAndItsDamagedOnesDoNot) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testProofs.json");
  const auto valid = Json::parse(*vectors.find("valid")->items()[0].as_string(), 100'000);
  ASSERT_TRUE(valid.ok());
  const auto tx = parse_transaction(summa_transaction(*valid));
  ASSERT_TRUE(tx.ok()) << tx.status().to_string();
  EXPECT_EQ(to_bytes(tx->txid().view()), summa_bytes(text_at(*valid, "tx_id")));
  std::size_t checked = 0;
  for (const Json& bad : vectors.find("badSPVProofs")->items()) {
    const std::string comment = text_at(bad, "comment");
    const Json& proof = *bad.find("proof");
    const auto damaged = parse_transaction(summa_transaction(proof));
    if (comment == "Bad Vin" || comment == "Bad Vout") {
      EXPECT_FALSE(damaged.ok()) << comment;
      ++checked;
    } else if (comment == "Bad TxID") {
      ASSERT_TRUE(damaged.ok()) << damaged.status().to_string();
      EXPECT_NE(to_bytes(damaged->txid().view()), summa_bytes(text_at(proof, "tx_id")));
      ++checked;
    }
  }
  EXPECT_EQ(checked, 3u);
}

TEST(Transaction, SizesFollowBip141) {
  const Transaction tx = simple_transaction();
  const std::size_t stripped = tx.serialize_stripped().size();
  const std::size_t whole = tx.serialize().size();
  EXPECT_EQ(stripped, 4u + 1 + 41 + 1 + 8 + 1 + 34 + 4);
  EXPECT_EQ(whole, stripped + 2 + 1 + 1 + 73 + 106);
  EXPECT_EQ(tx.weight(), 3 * stripped + whole);
  EXPECT_EQ(tx.virtual_size(), (tx.weight() + 3) / 4);
}

TEST(Transaction, RoundTripsWithAndWithoutWitness) {
  Transaction tx = simple_transaction();
  EXPECT_EQ(*parse_transaction(tx.serialize()), tx);
  tx.inputs[0].witness.clear();
  EXPECT_EQ(*parse_transaction(tx.serialize()), tx);
  EXPECT_EQ(*parse_stripped_transaction(tx.serialize()), tx);
}

TEST(Transaction, EveryTruncationAndAnyTrailingByteIsRefused) {
  const Bytes raw = simple_transaction().serialize();
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_FALSE(parse_transaction(ByteView(raw).first(size)).ok()) << size;
  }
  Bytes longer = raw;
  longer.push_back(0);
  EXPECT_FALSE(parse_transaction(longer).ok());
}

TEST(Transaction, RefusesAWitnessFlagWithoutAWitness) {
  Transaction tx = simple_transaction();
  tx.inputs[0].witness.clear();
  Bytes raw = tx.serialize();
  raw.insert(raw.begin() + 4, {0, 1});
  raw.insert(raw.end() - 4, 0);
  EXPECT_EQ(parse_transaction(raw).code(), Code::kInvalid);
}

TEST(Transaction, RefusesNoInputsOrNoOutputsExceptStripped) {
  Transaction tx = simple_transaction();
  tx.inputs[0].witness.clear();
  tx.outputs.clear();
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
  EXPECT_TRUE(parse_stripped_transaction(tx.serialize()).ok());
  tx = simple_transaction();
  tx.inputs.clear();
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
  EXPECT_TRUE(parse_stripped_transaction(tx.serialize()).ok());
}

TEST(Transaction, RefusesTheSameOutpointTwice) {
  Transaction tx = simple_transaction();
  tx.inputs.push_back(tx.inputs[0]);
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
  tx.inputs[1].previous.vout = 2;
  EXPECT_TRUE(parse_transaction(tx.serialize()).ok());
}

TEST(Transaction, RefusesValuesOutOfRange) {
  Transaction tx = simple_transaction();
  tx.outputs[0].value = std::uint64_t{1} << 63;
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
  tx.outputs[0].value = INT64_MAX;
  EXPECT_TRUE(parse_transaction(tx.serialize()).ok());
  tx.outputs.push_back({1, Bytes(22)});
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
}

// CVE-2017-12842: a leaf of the size of an inner node.
TEST(Transaction, RefusesAStrippedSizeOf64Bytes) {
  Transaction tx = simple_transaction();
  tx.inputs[0].witness.clear();
  for (const std::size_t script : {3u, 4u, 5u}) {
    tx.outputs[0].script_pubkey = Bytes(script, 0x51);
    const Bytes raw = tx.serialize();
    EXPECT_EQ(parse_transaction(raw).ok(), raw.size() != 64) << raw.size();
  }
  tx.outputs[0].script_pubkey = Bytes(4, 0x51);
  ASSERT_EQ(tx.serialize().size(), 64u);
  EXPECT_EQ(parse_stripped_transaction(tx.serialize()).code(), Code::kInvalid);
  tx.inputs[0].witness = {Bytes{1}};
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
}

TEST(Transaction, RefusesMoreThanTheSizeLimit) {
  Transaction tx = simple_transaction();
  tx.inputs[0].witness = {Bytes(kMaxTransactionSize)};
  EXPECT_EQ(parse_transaction(tx.serialize()).code(), Code::kInvalid);
}

TEST(OutPoint, TextFormIsInRpcOrder) {
  OutPoint point;
  point.txid = Hash256(std::array<std::uint8_t, 32>{0xab});
  point.vout = 7;
  const std::string text = std::string(62, '0') + "ab:7";
  EXPECT_EQ(point.to_string(), text);
  EXPECT_EQ(*OutPoint::parse(text), point);
  const std::string txid = text.substr(0, 64);
  for (const std::string& bad : {txid, txid + ":", txid + ":4294967296", txid + ":-1", txid + ":07",
                                 txid + ":1 ", txid.substr(1) + ":1", std::string(":1")}) {
    EXPECT_EQ(OutPoint::parse(bad).code(), Code::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
