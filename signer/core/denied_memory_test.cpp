#include "signer/core/denied_memory.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"

namespace custody::signer::core {
namespace {

using policy::engine::DeniedRecord;

DeniedRecord denied(std::uint64_t subject, std::uint64_t time) {
  DeniedRecord out;
  out.facts.kind = ledger::model::IntentKind::kBallot;
  out.facts.subject = crypto::sha256(as_bytes(std::to_string(subject)));
  out.bundle = 1;
  out.rule = to_bytes("policy.no_permit");
  out.time = ledger::model::LedgerMs(time);
  return out;
}

TEST(DeniedMemory, TheSameIsWrittenOnce) {
  DeniedMemory memory;
  DeniedRecord one = denied(1, 1'000);
  EXPECT_TRUE(memory.admits(one));
  memory.add(one);
  EXPECT_FALSE(memory.admits(one));
  one.time = ledger::model::LedgerMs(UINT64_MAX);
  one.height = ledger::model::Height(9);
  one.facts.confirmations = 3;
  EXPECT_FALSE(memory.admits(one)) << "blocks go on";
  DeniedRecord other = one;
  other.rule = to_bytes("policy.forbid");
  EXPECT_TRUE(memory.admits(other));
  other = one;
  other.initiator = to_bytes("alice");
  EXPECT_TRUE(memory.admits(other));
  other = one;
  other.bundle = 2;
  EXPECT_TRUE(memory.admits(other));
  memory.clear();
  EXPECT_TRUE(memory.admits(one));
}

// Subjects that are asked for in turn would push each other out, and each ask would write a record.
TEST(DeniedMemory, AFullTableLimitsWhatIsWrittenInADay) {
  DeniedMemory memory;
  std::size_t written = 0;
  for (std::uint64_t turn = 0; turn < 3; ++turn) {
    for (std::uint64_t subject = 0; subject < kMaxDenied + 100; ++subject) {
      const DeniedRecord record = denied(subject, 1'000 + turn);
      if (!memory.admits(record)) continue;
      memory.add(record);
      ++written;
    }
  }
  EXPECT_EQ(written, kMaxDenied);
  EXPECT_FALSE(memory.admits(denied(kMaxDenied, 1'000 + kDeniedAge - 1)));
  const DeniedRecord later = denied(kMaxDenied, 1'000 + kDeniedAge);
  ASSERT_TRUE(memory.admits(later));
  memory.add(later);
  EXPECT_EQ(memory.size(), kMaxDenied);
  EXPECT_TRUE(memory.admits(denied(0, 1'000 + kDeniedAge))) << "the oldest has gone";
}

}  // namespace
}  // namespace custody::signer::core
