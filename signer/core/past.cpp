#include "signer/core/past.h"

#include <algorithm>

#include "base/base64.h"

namespace custody::signer::core {
namespace {

namespace render = policy::render;

template <typename T>
std::size_t index_of() {
  return engine::Record(T()).index();
}
const std::size_t kActivateIndex = index_of<engine::ActivateRecord>();
const std::size_t kFreezeIndex = index_of<engine::FreezeRecord>();
const std::size_t kPriceIndex = index_of<engine::PriceRecord>();

// From byte `begin` of the record on. How many bytes are left after it.
std::size_t add_piece(Json& page, ByteView record, std::size_t begin) {
  const ByteView piece = record.subspan(begin, std::min(kMaxPiece, record.size() - begin));
  const std::size_t rest = record.size() - begin - piece.size();
  page.set("piece", to_base64(piece)).set("rest", static_cast<std::uint64_t>(rest));
  return rest;
}

}  // namespace

void Past::add(const engine::Record& record) {
  kept_.push_back({++number_, record.index(), engine::encode_record(record)});
  bytes_ += kept_.back().record.size();
  while (kept_.size() > kMaxPastRecords || bytes_ > kMaxPastBytes) {
    Kept& oldest = kept_.front();
    bytes_ -= oldest.record.size();
    keep_base(std::move(oldest));
    kept_.pop_front();
  }
}

// Without these nothing after them could be judged.
void Past::keep_base(Kept oldest) {
  if (oldest.kind == kActivateIndex || oldest.kind == kPriceIndex) {
    base_[oldest.kind] = std::move(oldest);
    return;
  }
  if (oldest.kind != kFreezeIndex) return;
  const auto record = engine::decode_record(oldest.record);
  CHECK(record.ok());  // encoded here
  const render::FreezeOrder& order = std::get<engine::FreezeRecord>(*record).order;
  if (order.what == render::Freeze::kFreeze) {
    freezes_.try_emplace(order.currency, std::move(oldest));
  } else if (order.currency.empty()) {
    freezes_.clear();
  } else {
    freezes_.erase(order.currency);
  }
}

std::vector<const Past::Kept*> Past::from(std::uint64_t number) const {
  std::vector<const Kept*> out;
  for (const auto& [kind, base] : base_) out.push_back(&base);
  for (const auto& [currency, freeze] : freezes_) out.push_back(&freeze);
  std::ranges::sort(out, {}, &Kept::number);
  for (const Kept& one : kept_) out.push_back(&one);
  std::erase_if(out, [&](const Kept* one) { return one->number < number; });
  return out;
}

Result<Json> Past::page(std::uint64_t place) const {
  const std::uint64_t number = place / kPiecesOfARecord;
  const std::size_t begin = place % kPiecesOfARecord * kMaxPiece;
  const std::vector<const Kept*> left = from(number);
  if (begin > 0 && (left.empty() || left.front()->number != number || left.front()->record.size() <= begin)) {
    return not_found("the rest of record " + std::to_string(number) + " is not remembered",
                     "ask again from the first record on");
  }
  Json page = Json::object().set("schema", "custody.past/1").set("complete", base_.empty());
  Json list = Json::array();
  std::uint64_t next = place;
  std::size_t size = 200;
  for (const Kept* one : left) {
    const bool large = one->record.size() > kMaxPiece;
    size += (one->record.size() + 2) / 3 * 4 + 3;
    if (!list.items().empty() && (large || size > kMaxPage)) break;
    next = (one->number + 1) * kPiecesOfARecord;
    if (large) {
      if (add_piece(page, one->record, begin) > 0)
        next = one->number * kPiecesOfARecord + begin / kMaxPiece + 1;
      break;
    }
    list.push(to_base64(one->record));
  }
  const bool done = next / kPiecesOfARecord > number_;
  return page.set("records", std::move(list)).set("next", done ? Json() : Json(next));
}

}  // namespace custody::signer::core
