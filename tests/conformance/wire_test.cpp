// proto/reader against libprotobuf with the published .proto files: every message, every field.
#include <gtest/gtest.h>

#include "base/entropy.h"
#include "proto/codec/second_reading.h"
#include "tests/support/filler.h"

namespace custody {
namespace {

namespace m = ledger::model;

constexpr std::size_t kMaxSize = 4u << 20;

template <typename T>
void compare(std::string_view name, std::uint64_t seed) {
  SCOPED_TRACE(name);
  SeededEntropy entropy(seed);
  int accepted_mutations = 0;
  for (int i = 0; i < 200; ++i) {
    const Bytes bytes = proto::reader::encode(tests::random_value<T>(entropy));
    const auto second = proto::codec::second_reading(name, bytes);
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    ASSERT_EQ(*second, bytes);
    ASSERT_TRUE(proto::reader::decode<T>(bytes, kMaxSize).ok());
    for (int j = 0; j < 20 && !bytes.empty(); ++j) {
      Bytes changed = bytes;
      changed[entropy.below(changed.size())] ^= static_cast<std::uint8_t>(1 + entropy.below(255));
      if (!proto::reader::decode<T>(changed, kMaxSize).ok()) continue;
      ++accepted_mutations;
      const auto again = proto::codec::second_reading(name, changed);
      ASSERT_TRUE(again.ok()) << again.status().to_string() << " " << to_hex(changed);
      ASSERT_EQ(*again, changed);
    }
  }
  EXPECT_GT(accepted_mutations, 0);
}

#define COMPARE(type)           \
  TEST(WireConformance, type) { \
    compare<m::type>(#type, 7); \
  }

COMPARE(Genesis)
COMPARE(Transaction)
COMPARE(Envelope)
COMPARE(BlockHeader)
COMPARE(Block)
COMPARE(Vote)
COMPARE(BlockProposal)
COMPARE(Commit)
COMPARE(Receipt)
COMPARE(MemberSet)
COMPARE(NetworkParameters)
COMPARE(ReserveWallet)
COMPARE(CurrencyTotals)
COMPARE(RecordedHead)
COMPARE(HeadVotes)
COMPARE(GatewayRecord)
COMPARE(PayoutRecord)
COMPARE(MintRecord)
COMPARE(CoinRecord)
COMPARE(BurnRecord)
COMPARE(SlotRecord)
COMPARE(SlotSignatureRecord)
COMPARE(ProposalRecord)
COMPARE(SeenRecord)
COMPARE(Counters)
COMPARE(FreezeRecord)
COMPARE(PolicyAttestationRecord)
COMPARE(StateProof)
COMPARE(LedgerEvidence)
COMPARE(ProposalTxIntent)
COMPARE(BallotIntent)
COMPARE(LedgerHeadIntent)
COMPARE(StatementIntent)
COMPARE(PolicyQuery)
COMPARE(PolicyAttestationIntent)
COMPARE(SignRequest)
COMPARE(SignReply)
COMPARE(GuardState)

}  // namespace
}  // namespace custody
