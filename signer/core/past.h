// What was asked, said and decided: the newest records, for a replay under a draft, and of those that were
// dropped the ones that later ones build on. Thread-safety: one thread.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "base/json.h"
#include "policy/engine/records.h"

namespace custody::signer::core {

namespace engine = policy::engine;

constexpr std::size_t kMaxPastRecords = 16'384;  // kept; the oldest go
constexpr std::size_t kMaxPastBytes = 8u << 20;  // of all of them together
constexpr std::size_t kMaxPage = 8u << 10;       // bytes of JSON in one answer of a list
constexpr std::size_t kMaxPiece = 48u << 10;  // bytes of a record in one answer; a larger one comes in pieces
// A place in the past: the record's number times this, and how many of its pieces come before.
constexpr std::uint64_t kPiecesOfARecord = 1u << 10;
static_assert(kPiecesOfARecord * kMaxPiece >= engine::kMaxRecord);

class Past {
 public:
  void add(const engine::Record& record);
  // The records from `place` on: 0, or the `next` of the page before. Whole ones, or one piece of a record
  // that is larger than kMaxPiece, and how many bytes are left of it; `complete` while none was dropped.
  // kNotFound: the rest of that record is not remembered any more.
  Result<Json> page(std::uint64_t place) const;

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::size_t kind = 0;  // index in engine::Record
    Bytes record;
  };
  void keep_base(Kept oldest);
  std::vector<const Kept*> from(std::uint64_t number) const;  // what is remembered, in order

  std::deque<Kept> kept_;
  std::map<std::size_t, Kept> base_;  // by kind: the last that was dropped of those that others build on
  std::map<Bytes, Kept> freezes_;     // by currency: those in force where kept_ begins
  std::size_t bytes_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace custody::signer::core
