#include "proto/reader/digests.h"

#include <gtest/gtest.h>

namespace custody::proto::reader {
namespace {

const model::ChainId kChain = *model::ChainId::from(Bytes(32, 7));

TEST(Digests, KindsAndNetworksNeverShareADigest) {
  const Bytes payload{1, 2, 3};
  const Hash256 transfer = transaction_digest(kChain, payload, model::Transfer{});
  EXPECT_NE(transfer, transaction_digest(kChain, payload, model::Burn{}));
  EXPECT_NE(transfer, transaction_digest(*model::ChainId::from(Bytes(32, 8)), payload, model::Transfer{}));
}

TEST(Digests, VoteTypesHeightsRoundsAndBlocksDiffer) {
  const model::BlockHash block = *model::BlockHash::from(Bytes(32, 9));
  const auto digest_of = [&](model::VoteType type, std::uint64_t height, std::uint32_t round, bool nil) {
    return vote_digest(kChain, type, model::Height(height), model::Round(round),
                       nil ? std::nullopt : std::optional(block));
  };
  const Hash256 base = digest_of(model::VoteType::kPrevote, 1, 0, false);
  EXPECT_NE(base, digest_of(model::VoteType::kPrecommit, 1, 0, false));
  EXPECT_NE(base, digest_of(model::VoteType::kPrevote, 2, 0, false));
  EXPECT_NE(base, digest_of(model::VoteType::kPrevote, 1, 1, false));
  EXPECT_NE(base, digest_of(model::VoteType::kPrevote, 1, 0, true));
}

TEST(Digests, SlotTermsIgnoreStatusOnly) {
  model::SlotRecord slot;
  slot.fee = model::Amount(5);
  model::SlotRecord settled = slot;
  settled.status = model::SlotStatus::kSettled;
  settled.settled_by = *model::ExternalHash::from(Bytes(32, 1));
  EXPECT_EQ(slot_terms_hash(slot), slot_terms_hash(settled));
  settled.fee = model::Amount(6);
  EXPECT_NE(slot_terms_hash(slot), slot_terms_hash(settled));
}

TEST(Digests, UnknownTransactionVersionIsRefused) {
  model::Transaction transaction{2, model::Height(1), 0, model::Transfer{}};
  const Bytes envelope = encode(model::Envelope{encode(transaction), {}});
  EXPECT_EQ(decode_transaction(kChain, envelope, 1024).code(), Code::kInvalid);
  transaction.version = 1;
  EXPECT_TRUE(decode_transaction(kChain, encode(model::Envelope{encode(transaction), {}}), 1024).ok());
}

}  // namespace
}  // namespace custody::proto::reader
