// Encoded blocks in parts of at most 64 KiB, each checked against an RFC 6962 root before it is kept.
// Thread-safety: values.
#pragma once

#include <vector>

#include "ledger/model/peer_messages.h"

namespace custody::ledger::consensus {

class PartSet {
 public:
  PartSet() = default;
  // Waits for `count` parts (1..kMaxBlockParts) that lead to `root`.
  static Result<PartSet> expect(const Hash256& root, std::uint32_t count);
  // All parts of `bytes`; kExhausted above kMaxBlockBytes, kInvalid when empty.
  static Result<PartSet> of(ByteView bytes);

  // Keeps a part that proves its place; a repeated one is fine. kInvalid otherwise.
  Status add(const model::BlockPart& part);
  bool has(std::uint32_t index) const { return index < parts_.size() && !parts_[index].data.empty(); }
  const model::BlockPart& part(std::uint32_t index) const { return parts_.at(index); }
  bool complete() const { return held_ == parts_.size() && held_ > 0; }
  Bytes assemble() const;  // only when complete
  // The block of a complete set.
  Result<model::Block> decode() const;

  const Hash256& root() const { return root_; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(parts_.size()); }
  std::uint32_t held() const { return held_; }
  Bytes bitmap() const;  // model::PartsHeld

 private:
  Hash256 root_;
  std::vector<model::BlockPart> parts_;
  std::uint32_t held_ = 0;
};

}  // namespace custody::ledger::consensus
