#include "signer/cli/past_replay.h"

#include <utility>

#include "base/base64.h"
#include "policy/render/text.h"

namespace custody::signer::cli {
namespace {

namespace engine = policy::engine;
namespace render = policy::render;

// The last of each kind is kept when what came around it is forgotten: it says nothing about how far back
// the rest goes.
bool outlives_the_rest(const engine::Record& record) {
  return std::holds_alternative<engine::ActivateRecord>(record) ||
         std::holds_alternative<engine::FreezeRecord>(record) ||
         std::holds_alternative<engine::PriceRecord>(record);
}

}  // namespace

Result<std::optional<std::uint64_t>> PastReplay::take(const Json& page) {
  ASSIGN_OR_RETURN(const bool complete, page.bool_at("complete"));
  complete_ = complete_ && complete;
  const Json* records = page.find("records");
  if (records == nullptr) return internal_error("the signer answered without records");
  for (const Json& record : records->items()) {
    ASSIGN_OR_RETURN(const std::string encoded, record.as_string());
    ASSIGN_OR_RETURN(const Bytes bytes, from_base64(encoded, engine::kMaxRecord));
    TRY(step(bytes));
  }
  TRY(take_piece(page));
  const Json* next = page.find("next");
  if (next == nullptr || next->is_null()) return std::optional<std::uint64_t>();
  ASSIGN_OR_RETURN(const std::uint64_t place, page.u64_at("next"));
  return std::optional(place);
}

// Of a record that is too large for one answer.
Status PastReplay::take_piece(const Json& page) {
  if (page.find("piece") == nullptr) return ok_status();
  ASSIGN_OR_RETURN(const std::string encoded, page.string_at("piece"));
  ASSIGN_OR_RETURN(const std::uint64_t rest, page.u64_at("rest"));
  ASSIGN_OR_RETURN(const Bytes piece, from_base64(encoded, engine::kMaxRecord - begun_.size()));
  begun_.insert(begun_.end(), piece.begin(), piece.end());
  if (rest > 0) return ok_status();
  return step(std::exchange(begun_, {}));
}

Status PastReplay::step(ByteView bytes) {
  ASSIGN_OR_RETURN(const engine::Record record, engine::decode_record(bytes));
  if (!since_ && (complete_ || !outlives_the_rest(record))) since_ = engine::time_of(record);
  const auto found = simulation_.step(record);
  if (!found.ok()) {
    if (found.code() != Code::kCorrupt) return found.status();
    ++skipped_;
    return ok_status();
  }
  if (*found) add(**found);
  return ok_status();
}

void PastReplay::add(const engine::ChangedVerdict& verdict) {
  const std::string before(engine::outcome_name(verdict.before));
  const std::string after(engine::outcome_name(verdict.after));
  changed_.push(Json::object()
                    .set("subject", verdict.facts.subject.hex())
                    .set("time", render::time_text(verdict.time))
                    .set("before", before)
                    .set("after", after)
                    .set("explanation", verdict.explanation));
  changes_text_ += render::time_text(verdict.time) + " " + verdict.facts.subject.hex() + ": was " + before +
                   ", would be\n" + verdict.explanation;
}

std::string PastReplay::text() const {
  const std::size_t changes = changed_.items().size();
  std::string out = changes_text_ + std::to_string(simulation_.judged()) + " past requests judged, " +
                    (changes == 0 ? "none would be decided otherwise"
                                  : std::to_string(changes) + " would be decided otherwise") +
                    "\n";
  if (since_) out += "the past is complete since " + render::time_text(*since_) + "\n";
  if (skipped_ > 0) {
    out += "records skipped: " + std::to_string(skipped_) + " (what they are about is not remembered)\n";
  }
  if (!complete_) {
    out +=
        "THE PAST IS CUT OFF: the signer does not remember what came before, so that windows start empty "
        "there, and what went out earlier counts for nothing in these verdicts\n";
  }
  return out;
}

Json PastReplay::answer() const {
  return Json::object()
      .set("schema", "custody.policy_simulation/1")
      .set("judged", static_cast<std::uint64_t>(simulation_.judged()))
      .set("skipped", static_cast<std::uint64_t>(skipped_))
      .set("complete", complete_)
      .set("since", since_ ? Json(render::time_text(*since_)) : Json())
      .set("changed", changed_)
      .set("text", text());
}

}  // namespace custody::signer::cli
