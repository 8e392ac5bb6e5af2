#include "signer/cli/past_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "policy/engine/fixture_test.h"

namespace custody::signer::cli {
namespace {

namespace engine = policy::engine;
using ::testing::HasSubstr;
using ::testing::Not;

const engine::CompiledBundle& draft() {
  static const engine::CompiledBundle made = engine::fixture::compiled(engine::fixture::example_bundle());
  return made;
}
engine::Record activation() {
  return engine::activate_record(draft().bundle(), draft().hash(), engine::EngineState(),
                                 engine::fixture::at("2026-11-01T00:00:00Z"));
}
engine::Record denial() {
  engine::DeniedRecord out;
  out.facts.kind = model::IntentKind::kBallot;
  out.bundle = 1;
  out.rule = to_bytes("policy.forbid");
  out.time = engine::fixture::at("2026-11-20T00:00:00Z");
  return out;
}
// Of a request that nobody knows.
engine::Record orphan() {
  engine::ApprovalRecord out;
  out.vote.request = *Hash256::from_hex(std::string(64, 'a'));
  out.vote.officer = to_bytes("alice");
  out.vote.group = to_bytes("treasury");
  out.vote.vote = policy::render::Vote::kApprove;
  out.time = engine::fixture::at("2026-11-19T00:00:00Z");
  return out;
}
Json page(bool complete, const std::vector<engine::Record>& records) {
  Json list = Json::array();
  for (const engine::Record& one : records) list.push(to_base64(engine::encode_record(one)));
  return Json::object().set("complete", complete).set("records", list).set("next", Json());
}
std::string text_of(const PastReplay& replay) {
  return replay.answer().string_at("text").value();
}

TEST(PastReplay, ACompletePastSaysSinceWhen) {
  PastReplay replay(draft());
  const auto next = replay.take(page(true, {activation(), denial()}));
  ASSERT_TRUE(next.ok()) << next.status().to_string();
  EXPECT_FALSE(next->has_value());
  EXPECT_TRUE(replay.complete());
  EXPECT_THAT(text_of(replay), HasSubstr("the past is complete since 2026-11-01T00:00:00Z\n"));
  EXPECT_THAT(text_of(replay), Not(HasSubstr("CUT OFF")));
  EXPECT_THAT(text_of(replay), Not(HasSubstr("skipped")));
}

// What is kept of before says nothing about how far back the rest goes.
TEST(PastReplay, APastThatIsCutOffSaysSoAndWhatWasSkipped) {
  PastReplay replay(draft());
  ASSERT_TRUE(replay.take(page(false, {activation(), orphan(), denial()})).ok());
  EXPECT_FALSE(replay.complete());
  const Json answer = replay.answer();
  EXPECT_FALSE(answer.bool_at("complete").value());
  EXPECT_EQ(answer.string_at("since").value(), "2026-11-19T00:00:00Z");
  EXPECT_EQ(answer.u64_at("skipped").value(), 1u);
  EXPECT_THAT(text_of(replay),
              HasSubstr("the past is complete since 2026-11-19T00:00:00Z\nrecords skipped: 1 "));
  EXPECT_THAT(text_of(replay), HasSubstr("THE PAST IS CUT OFF"));
  EXPECT_THAT(text_of(replay), HasSubstr("windows start empty"));
}

TEST(PastReplay, APageThatSaysNothingOfItIsNoAnswer) {
  PastReplay replay(draft());
  EXPECT_FALSE(replay.take(Json::object().set("records", Json::array())).ok());
  EXPECT_FALSE(replay.take(Json::object().set("complete", true)).ok());
}

}  // namespace
}  // namespace custody::signer::cli
