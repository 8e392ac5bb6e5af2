#include "tests/support/sim_files.h"

#include <gtest/gtest.h>

namespace custody::tests {
namespace {

TEST(SimDirectory, ACrashTakesWhatWasNotSynced) {
  SimDirectory directory;
  auto file = *directory.open_append("f");
  ASSERT_TRUE(file->append(as_bytes("synced")).ok());
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(file->append(as_bytes("lost")).ok());
  directory.crash();
  EXPECT_EQ(as_text(directory.content("f")), "synced");
  EXPECT_EQ(directory.counters().lost_writes, 1u);
  EXPECT_EQ(directory.counters().lost_bytes, 4u);
  EXPECT_EQ(file->append(as_bytes("x")).code(), Code::kIo);
  EXPECT_EQ(file->read(0, 1).code(), Code::kIo);
  EXPECT_TRUE((*directory.open_append("f"))->append(as_bytes("x")).ok());
}

TEST(SimDirectory, ATornWriteIsAPrefixOrAPrefixAndZeros) {
  bool seen_partial = false;
  bool seen_zeros = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDirectory directory(seed);
    ASSERT_TRUE((*directory.open_append("f"))->append(as_bytes("abcdefgh")).ok());
    directory.crash(SimDirectory::Tear::kPrefix);
    std::string left(as_text(directory.content("f")));
    const std::string data = left.substr(0, left.find('\0'));
    EXPECT_TRUE(std::string("abcdefgh").starts_with(data)) << left;
    seen_partial = seen_partial || (!left.empty() && left.size() < 8);
    seen_zeros = seen_zeros || data.size() < left.size();
  }
  EXPECT_TRUE(seen_partial);
  EXPECT_TRUE(seen_zeros);
}

TEST(SimDirectory, AFailedSyncMakesNothingDurableLater) {
  SimDirectory directory;
  auto file = *directory.open_append("f");
  ASSERT_TRUE(file->append(as_bytes("x")).ok());
  directory.fail_next_sync();
  EXPECT_EQ(file->sync().code(), Code::kIo);
  EXPECT_EQ(file->sync().code(), Code::kIo);
  auto again = *directory.open_append("f");
  EXPECT_TRUE(again->sync().ok());  // the kernel would say so, and it would be a lie
  directory.crash(SimDirectory::Tear::kAll);
  EXPECT_TRUE(directory.content("f").empty());
}

TEST(SimDirectory, AFullDiskTakesWhatFits) {
  SimDirectory directory;
  directory.set_capacity(3);
  auto file = *directory.open_append("f");
  EXPECT_EQ(file->append(as_bytes("12345")).code(), Code::kIo);
  EXPECT_EQ(as_text(directory.content("f")), "123");
  EXPECT_EQ(directory.write_atomic("g", as_bytes("1")).code(), Code::kIo);
  EXPECT_FALSE(directory.exists("g"));
}

TEST(SimDirectory, AtomicWritesAreOldOrNew) {
  bool seen_old = false;
  bool seen_new = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimDirectory directory(seed);
    ASSERT_TRUE(directory.write_atomic("f", as_bytes("old")).ok());
    directory.cut_power_after(1);
    EXPECT_EQ(directory.write_atomic("f", as_bytes("new")).code(), Code::kIo);
    EXPECT_EQ(directory.read("f", 10).code(), Code::kIo);
    directory.crash();
    seen_old = seen_old || as_text(*directory.read("f", 10)) == "old";
    seen_new = seen_new || as_text(*directory.read("f", 10)) == "new";
  }
  EXPECT_TRUE(seen_old);
  EXPECT_TRUE(seen_new);
}

TEST(SimDirectory, ReadsAreBounded) {
  SimDirectory directory;
  ASSERT_TRUE(directory.write_atomic("f", as_bytes("four")).ok());
  EXPECT_EQ(directory.read("f", 3).code(), Code::kExhausted);
  EXPECT_EQ(directory.read("absent", 3).code(), Code::kNotFound);
}

}  // namespace
}  // namespace custody::tests
