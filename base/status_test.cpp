#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace custody {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return invalid("odd: " + std::to_string(n), "give an even number");
  return n / 2;
}

Result<int> quarter(int n) {
  ASSIGN_OR_RETURN(const int h, half(n));
  ASSIGN_OR_RETURN(const int q, half(h));
  return q;
}

Status check_even(int n) {
  TRY(half(n));
  return ok_status();
}

TEST(Status, ErrorsTravelUpwardsWithContextAndHint) {
  const Status status = half(3).status().with_context("halving");
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.to_string(), "invalid: halving: odd: 3 (give an even number)");
  EXPECT_EQ(status.with_hint("another").hint(), "give an even number");
}

TEST(Status, AFullDiskSaysWhatToDo) {
  EXPECT_EQ(io_error_errno("writing x", EACCES).to_string(), "io: writing x: Permission denied");
  for (const int full : {ENOSPC, EDQUOT})
    EXPECT_NE(io_error_errno("writing x", full).hint().find("the disk is full"), std::string::npos);
  EXPECT_NE(io_error_errno("writing x", EFBIG).hint().find("ulimit -f"), std::string::npos);
}

TEST(Status, MacrosReturnTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status().message(), "odd: 3");
  EXPECT_TRUE(check_even(2).ok());
  EXPECT_EQ(check_even(1).code(), Code::kInvalid);
}

TEST(StatusDeathTest, ReadingTheValueOfAnErrorAborts) {
  EXPECT_DEATH(
      {
        auto value = half(1).value();
        static_cast<void>(value);
      },
      "CHECK failed");
}

}  // namespace
}  // namespace custody
