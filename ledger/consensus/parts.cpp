#include "ledger/consensus/parts.h"

#include <algorithm>

#include "base/merkle/merkle.h"
#include "proto/reader/describe.h"

namespace custody::ledger::consensus {

Result<PartSet> PartSet::expect(const Hash256& root, std::uint32_t count) {
  if (count == 0 || count > model::kMaxBlockParts) {
    return invalid("a block has 1 to " + std::to_string(model::kMaxBlockParts) + " parts, not " +
                   std::to_string(count));
  }
  PartSet out;
  out.root_ = root;
  out.parts_.resize(count);
  return out;
}

Result<PartSet> PartSet::of(ByteView bytes) {
  if (bytes.empty()) return invalid("an empty block has no parts");
  if (bytes.size() > model::kMaxBlockBytes) {
    return exhausted("a block of " + std::to_string(bytes.size()) + " bytes is above the limit of " +
                     std::to_string(model::kMaxBlockBytes));
  }
  PartSet out;
  std::vector<Hash256> leaves;
  for (std::size_t start = 0; start < bytes.size(); start += model::kPartBytes) {
    const ByteView piece = bytes.subspan(start, std::min(model::kPartBytes, bytes.size() - start));
    leaves.push_back(merkle::leaf_hash(piece));
    out.parts_.push_back({static_cast<std::uint32_t>(out.parts_.size()), to_bytes(piece), {}});
  }
  out.root_ = merkle::root(leaves);
  for (model::BlockPart& part : out.parts_) part.path = merkle::inclusion_path(leaves, part.index);
  out.held_ = out.count();
  return out;
}

Status PartSet::add(const model::BlockPart& part) {
  if (part.index >= parts_.size())
    return invalid("part " + std::to_string(part.index) + " is not of this block");
  if (has(part.index)) return ok_status();
  const bool last = part.index + 1 == parts_.size();
  if (part.data.empty() || (!last && part.data.size() != model::kPartBytes)) {
    return invalid("part " + std::to_string(part.index) + " has the wrong size");
  }
  if (!merkle::verify_inclusion(merkle::leaf_hash(part.data), part.index, parts_.size(), part.path, root_)) {
    return invalid("part " + std::to_string(part.index) + " does not lead to the parts root");
  }
  parts_[part.index] = part;
  ++held_;
  return ok_status();
}

Bytes PartSet::assemble() const {
  CHECK(complete());
  Bytes out;
  out.reserve(parts_.size() * model::kPartBytes);
  for (const model::BlockPart& part : parts_) append(out, part.data);
  return out;
}

Result<model::Block> PartSet::decode() const {
  return proto::reader::decode<model::Block>(assemble(), model::kMaxBlockBytes);
}

Bytes PartSet::bitmap() const {
  Bytes out((parts_.size() + 7) / 8);
  for (std::uint32_t i = 0; i < count(); ++i) {
    if (has(i)) out[i / 8] = static_cast<std::uint8_t>(out[i / 8] | 1u << i % 8);
  }
  return out;
}

}  // namespace custody::ledger::consensus
