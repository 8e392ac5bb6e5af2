#include "signer/cli/request_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/render/text.h"

namespace custody::signer::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Json want(const std::string& group, int count, int have) {
  return Json::object().set("group", group).set("count", count).set("have", have);
}
Json request(const std::string& status) {
  Json alternative = Json::array();
  alternative.push(want("treasury", 2, 2)).push(want("compliance", 1, 0));
  Json wants = Json::array();
  wants.push(alternative);
  return Json::object()
      .set("request", "aa")
      .set("kind", "payout")
      .set("currency", "BTC")
      .set("amount", "1.5")
      .set("status", status)
      .set("expires", "2026-11-26T12:00:00Z")
      .set("wants", wants);
}
model::LedgerMs time(const char* text) {
  return *policy::render::parse_time(text);
}

TEST(RequestSummary, OnlyWhatIsMissingIsWanted) {
  EXPECT_TRUE(is_wanted(request("open"), "compliance"));
  EXPECT_FALSE(is_wanted(request("open"), "treasury"));
  EXPECT_FALSE(is_wanted(request("open"), "audit"));
  Json alternative = Json::array();
  alternative.push(want("distinct", 3, 1));
  Json any = request("open");
  any.set("wants", Json(Json::Array{alternative}));
  EXPECT_TRUE(is_wanted(any, "audit")) << "every officer is one more";
}

TEST(RequestSummary, WhatIsOverTheSignerMayStillHave) {
  Json one = request("open");
  mark(one, {false, {}, time("2026-11-26T11:59:59Z")});
  EXPECT_TRUE(is_open(one));
  EXPECT_EQ(closed_to(one, true), "");
  mark(one, {false, {}, time("2026-11-26T12:00:00Z")});
  EXPECT_FALSE(is_open(one));
  EXPECT_EQ(closed_to(one, false), "expired at 2026-11-26T12:00:00Z");
  EXPECT_THAT(summary_lines(one), HasSubstr(", expired, until "));
  EXPECT_THAT(summary_lines(one), Not(HasSubstr("needs")));
}

TEST(RequestSummary, WhatIsSignedMayBeRejectedButNotApproved) {
  EXPECT_EQ(closed_to(request("signed"), true), "is signed already");
  EXPECT_EQ(closed_to(request("signed"), false), "");
}

TEST(RequestSummary, AFreezeIsOfItsCurrencyOrOfEverything) {
  const auto frozen = [](const Freezes& freezes) {
    Json one = request("open");
    mark(one, freezes);
    return one.bool_at("frozen").value();
  };
  EXPECT_FALSE(frozen({}));
  EXPECT_FALSE(frozen({false, {"LTC"}, {}}));
  EXPECT_TRUE(frozen({false, {"BTC"}, {}}));
  EXPECT_TRUE(frozen({true, {}, {}}));
}

}  // namespace
}  // namespace custody::signer::cli
