// A signer with a policy, and its officers. For the tests of this folder.
#pragma once

#include <utility>

#include "base/base64.h"
#include "base/json.h"
#include "signer/core/fixture_test.h"

namespace custody::signer::core {

using policy::render::Freeze;
using policy::render::Vote;
constexpr std::uint64_t kHourMs = 3'600'000;
constexpr std::size_t kMaxJson = 1u << 20;

class PolicyTest : public SignerFixture {
 protected:
  // Withdrawals of at most 200,000 alone, of at most 400,000 with two of the treasury.
  PolicyTest() {
    auto limits = SignerFixture::limits();
    limits.alone = 200'000;
    rebind(tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits, true, false));
  }
  void rebind(const policy::bundle::Bundle& bundle) {
    core_.reset();
    directory_.remove(journal::kFileName);
    directory_.remove(audit::kFileName);
    policy_ = bundle;
    binding_.policy = tests::store_policy(directory_, policy_);
    bind();
    restart();
  }
  model::SignReply say(model::Statement what, Bytes body) {
    return ask(model::StatementIntent{what, std::move(body)}, Caller::kOperator);
  }
  Json question(model::PolicyQuestion what, const Hash256& about = {}, std::uint64_t after = 0) {
    const auto reply = ask(model::PolicyQuery{what, about, after}, Caller::kOperator);
    EXPECT_EQ(reply.code, 0) << as_text(reply.message);
    auto json = Json::parse(as_text(reply.detail), kMaxJson);
    EXPECT_TRUE(json.ok());
    return json.ok() ? std::move(*json) : Json();
  }
  policy::render::Request request(const Hash256& id) {
    const Json answer = question(model::PolicyQuestion::kRequest, id);
    const auto encoded = from_base64(*answer.string_at("encoded"), kMaxJson);
    const auto decoded = policy::render::decode_request(*encoded);
    EXPECT_TRUE(decoded.ok());
    return decoded.ok() ? *decoded : policy::render::Request();
  }
  // Every record that the signer remembers, page by page, put together again.
  std::vector<Bytes> whole_past() {
    std::vector<Bytes> out;
    Bytes begun;
    Result<std::uint64_t> place = std::uint64_t{0};
    while (place.ok()) {
      const auto reply = ask(model::PolicyQuery{model::PolicyQuestion::kPast, {}, *place}, Caller::kOperator);
      EXPECT_EQ(reply.code, 0) << as_text(reply.message);
      EXPECT_LE(reply.detail.size(), model::kMaxDetail);
      const Json page = *Json::parse(as_text(reply.detail), kMaxJson);
      if (page.find("piece") != nullptr) {
        append(begun, *from_base64(*page.string_at("piece"), kMaxPiece));
        if (*page.u64_at("rest") == 0) out.push_back(std::exchange(begun, {}));
      }
      for (const Json& one : page.find("records")->items()) {
        out.push_back(*from_base64(*one.as_string(), kMaxPiece));
      }
      place = page.u64_at("next");
    }
    return out;
  }
  // Burn 1 is of 300,000.
  model::SlotRecord large() { return payouts_.derive(1, {1}, {1}); }
  Hash256 expect_pending(const model::SignReply& reply) {
    expect_refused(reply, "policy.pending");
    EXPECT_TRUE(reply.pending.has_value());
    return reply.pending.value_or(Hash256());
  }
  model::SignReply vote_on(const Hash256& id, std::string_view officer, std::string_view group = "treasury",
                           Vote vote = Vote::kApprove) {
    return say(model::Statement::kVote, tests::sign_vote(request(id), officer, group, vote));
  }
  policy::render::FreezeOrder order(Freeze what, std::uint64_t counter) {
    return {identity_.chain_id,
            identity_.member,
            what,
            {},
            to_bytes("a drill"),
            counter,
            core_->memory().desk->active().bundle().version,
            core_->memory().desk->active().hash(),
            model::LedgerMs(ledger_.header.time.get() / 1'000 * 1'000 + kHourMs)};
  }
  // What officers do counts by the ledger's time, and there is none before the first head.
  model::LedgerMs show_head() {
    const model::LedgerMs shown = ledger_.header.time;
    EXPECT_EQ(ask(model::LedgerHeadIntent{ledger_.evidence({})}).code, 0);
    ledger_.advance();
    return shown;
  }
};

}  // namespace custody::signer::core
