#include "signer/audit/audit_log.h"

#include <optional>
#include <vector>

namespace custody::signer::audit {
namespace {

Status bad_log(const std::string& why) {
  return corrupt(std::string(kFileName) + ": " + why,
                 "the audit log was cut or changed: keep it as evidence and restore the member's backup");
}

// Hashes of the first `size` leaves (that many there are) as they stand in the file; the leaf at `wanted` is
// kept.
struct ReadBack {
  std::vector<Hash256> hashes;
  Bytes leaf;
};
Result<ReadBack> read_back(const custody::journal::Journal& journal, std::uint64_t size,
                           std::optional<std::uint64_t> wanted) {
  ReadBack out;
  out.hashes.reserve(size);
  const auto on_leaf = [&](std::uint64_t index, ByteView leaf) -> Status {
    if (index >= size) return ok_status();
    if (wanted && index == *wanted) out.leaf = to_bytes(leaf);
    out.hashes.push_back(merkle::leaf_hash(leaf));
    return ok_status();
  };
  TRY(journal.read_back(on_leaf));
  return out;
}

Status check_range(std::uint64_t low, std::uint64_t high, std::uint64_t size) {
  if (low < high && high <= size) return ok_status();
  return not_found("the audit log has " + std::to_string(size) + " leaves; asked for " + std::to_string(low) +
                   " in " + std::to_string(high));
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::create(Directory& directory, Entropy& entropy) {
  ASSIGN_OR_RETURN(auto journal, custody::journal::Journal::create(directory, kFileName, kFileKind, entropy));
  TRY(journal->sync());
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(journal), merkle::Frontier()));
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(Directory& directory, const Head& at_least,
                                                 const OnLeaf& on_leaf) {
  merkle::Frontier frontier;
  bool matches = at_least.size == 0;
  const auto take = [&](std::uint64_t index, ByteView leaf) -> Status {
    if (leaf.size() > kMaxLeaf) return bad_log("a leaf is larger than allowed");
    TRY(on_leaf(index, leaf));
    frontier.add(merkle::leaf_hash(leaf));
    if (frontier.size() == at_least.size) matches = frontier.root() == at_least.root;
    return ok_status();
  };
  ASSIGN_OR_RETURN(auto journal, custody::journal::Journal::open(directory, kFileName, kFileKind, take));
  if (frontier.size() < at_least.size) {
    return bad_log("holds " + std::to_string(frontier.size()) + " leaves, but " +
                   std::to_string(at_least.size) + " are known");
  }
  if (!matches) {
    return bad_log("its root at " + std::to_string(at_least.size) + " leaves is not the known one, " +
                   at_least.root.hex());
  }
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(journal), std::move(frontier)));
}

Result<std::uint64_t> AuditLog::append(ByteView leaf) {
  if (leaf.size() > kMaxLeaf) {
    return exhausted("an audit leaf of " + std::to_string(leaf.size()) + " bytes is over the limit of " +
                     std::to_string(kMaxLeaf));
  }
  ASSIGN_OR_RETURN(const std::uint64_t index, journal_->append(leaf));
  frontier_.add(merkle::leaf_hash(leaf));
  return index;
}

Status AuditLog::sync() {
  return journal_->sync();
}

Head AuditLog::head() const {
  return {frontier_.size(), frontier_.root()};
}

Result<Inclusion> AuditLog::inclusion(std::uint64_t index, std::uint64_t size) const {
  TRY(check_range(index, size, frontier_.size()));
  ASSIGN_OR_RETURN(ReadBack back, read_back(*journal_, size, index));
  return Inclusion{std::move(back.leaf), merkle::inclusion_path(back.hashes, index)};
}

Result<merkle::Path> AuditLog::consistency(std::uint64_t old_size, std::uint64_t new_size) const {
  if (old_size == 0) return invalid("every tree extends the empty one: old_size must be positive");
  TRY(check_range(old_size - 1, new_size, frontier_.size()));
  ASSIGN_OR_RETURN(const ReadBack back, read_back(*journal_, new_size, std::nullopt));
  return merkle::consistency_path(back.hashes, old_size);
}

}  // namespace custody::signer::audit
