// A signer reduced to what it does with the engine: decide, write the record to a journal, apply it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/engine/explain.h"
#include "policy/engine/fixture_test.h"

namespace custody::policy::engine::fixture {

class Signer {
 public:
  Signer(bundle::Bundle bundle, model::LedgerMs start) {
    now_ = {model::Height(1), start};
    install(std::move(bundle));
  }

  struct Answer {
    Outcome outcome = Outcome::kDeny;
    std::string rule;
    std::string text;                       // to_text(explanation)
    std::string json;                       // to_json(explanation)
    std::optional<render::Request> opened;  // when this question opened a request
  };
  Answer ask(const model::IntentFacts& facts, std::string_view initiator = {}) {
    const Decision& decision = decider_->decide(facts, state_, now_, as_bytes(initiator));
    const Explanation explanation = explain(*decider_, decision, state_);
    Answer answer{decision.outcome, std::string(decision.rule), to_text(explanation),
                  to_json(explanation).dump(2), std::nullopt};
    if (decision.outcome == Outcome::kAllow) {
      const auto record = decider_->commit_record(facts, decision);
      EXPECT_TRUE(record.ok()) << record.status().to_string();
      write(*record);
    } else if (decision.outcome == Outcome::kDeny) {
      write(Decider::denied_record(facts, decision));
    } else if (decision.known == nullptr) {
      const auto record = decider_->reserve_record(facts, decision);
      EXPECT_TRUE(record.ok()) << record.status().to_string();
      answer.opened = record->request;
      write(*record);
    }
    return answer;
  }

  Status vote(const render::Request& request, std::string_view officer, std::string_view group,
              render::Vote said) {
    const auto record =
        admit_vote(signed_vote(request, officer, group, said), state_, compiled_->active(), now_.time);
    if (!record.ok()) return record.status();
    write(*record);
    return ok_status();
  }

  void activate(bundle::Bundle next) {
    next.version = compiled_->bundle().version + 1;
    next.previous = compiled_->hash();
    install(std::move(next));
  }

  void freeze(render::Freeze what, std::string_view currency) {
    render::FreezeOrder order;
    order.chain_id = network().chain_id;
    order.member = network().member;
    order.what = what;
    order.currency = to_bytes(currency);
    order.reason = to_bytes("drill");
    order.counter = state_.freezes().counter + 1;
    order.bundle = compiled_->bundle().version;
    order.bundle_hash = compiled_->hash();
    order.expires = model::LedgerMs(now_.time.get() + kHourMs);
    write(FreezeRecord{order, now_.time, to_bytes(what == render::Freeze::kFreeze ? "carol" : "")});
  }

  void state_prices(std::uint64_t btc, std::uint64_t ltc) {
    const bundle::PriceSource& source = *compiled_->bundle().price_source;
    PriceStatement statement{network().chain_id, source.name,
                             source.unit,        source.decimals,
                             now_.time,          {{currency_id("BTC"), btc}, {currency_id("LTC"), ltc}}};
    const Status counts = verify_prices(statement, sign_as("price-desk", prices_digest(statement)),
                                        compiled_->bundle(), state_.prices_time(), now_.time);
    ASSERT_TRUE(counts.ok()) << counts.to_string();
    write(PriceRecord{statement, now_.time});
  }

  void release(const Hash256& terms, const Hash256& subject, ReleaseCause cause) {
    write(ReleaseRecord{terms, subject, cause, now_.time});
  }

  // A step of ledger time, backwards too.
  void set_time(model::LedgerMs time) {
    now_.time = time;
    now_.height = model::next(now_.height);
    state_.advance(time);
  }

  const Now& now() const { return now_; }
  EngineState& state() { return state_; }
  const CompiledBundle& compiled() const { return *compiled_; }
  std::size_t records() const { return journal_.size(); }

  std::vector<Record> journal() const {
    std::vector<Record> out;
    for (const Bytes& record : journal_) out.push_back(*decode_record(record));
    return out;
  }

  // The state that a restart reads from the first records of the journal.
  EngineState replayed(std::size_t records) const {
    EngineState out;
    for (std::size_t i = 0; i < records; ++i) {
      const auto record = decode_record(journal_[i]);
      EXPECT_TRUE(record.ok()) << record.status().to_string();
      if (!record.ok()) break;
      const Status applied = out.apply(*record);
      EXPECT_TRUE(applied.ok()) << applied.to_string();
    }
    return out;
  }

 private:
  void install(bundle::Bundle bundle) {
    auto next = std::make_unique<CompiledBundle>(fixture::compiled(std::move(bundle)));
    const bundle::Bundle* replaced = compiled_ ? &compiled_->bundle() : nullptr;
    write(activate_record(next->bundle(), next->hash(), state_, now_.time, replaced));
    decider_ = std::make_unique<Decider>(*next);
    compiled_ = std::move(next);
  }
  void write(const Record& record) {
    journal_.push_back(encode_record(record));
    const Status applied = state_.apply(record);
    EXPECT_TRUE(applied.ok()) << applied.to_string();
  }

  std::unique_ptr<CompiledBundle> compiled_;
  std::unique_ptr<Decider> decider_;
  EngineState state_;
  std::vector<Bytes> journal_;
  Now now_;
};

}  // namespace custody::policy::engine::fixture
