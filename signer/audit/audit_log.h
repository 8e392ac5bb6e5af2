// The signer's audit log: opaque leaves in an append-only file under an RFC 6962 Merkle tree. Whoever holds a
// head (size, root) can be shown that a leaf is in it and that a later head extends it. Thread-safety: one
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/journal/journal.h"
#include "base/merkle/merkle.h"

namespace custody::signer::audit {

constexpr std::uint16_t kFileKind = 0x4155;  // "AU"
constexpr std::size_t kMaxLeaf = 64u << 10;  // bytes
inline constexpr char kFileName[] = "audit.log";

// Size and root of the tree: what a checkpoint signs.
struct Head {
  std::uint64_t size = 0;
  Hash256 root;
  friend bool operator==(const Head&, const Head&) = default;
};

struct Inclusion {
  Bytes leaf;
  merkle::Path path;
};

class AuditLog {
 public:
  // A new, empty log. kExists when the file is there.
  static Result<std::unique_ptr<AuditLog>> create(Directory& directory, Entropy& entropy);

  // Recovers the tree from the file. at_least is the latest head that the caller knows (of its journal, or of
  // a checkpoint): a log that is shorter or has another root at that size is kCorrupt, because the file alone
  // cannot show that its end was cut off. A head of size 0 asks for nothing. on_leaf sees every leaf in
  // order; its first error stops the opening and is returned.
  using OnLeaf = std::function<Status(std::uint64_t index, ByteView leaf)>;
  static Result<std::unique_ptr<AuditLog>> open(
      Directory& directory, const Head& at_least,
      const OnLeaf& on_leaf = [](std::uint64_t, ByteView) { return ok_status(); });

  Result<std::uint64_t> append(ByteView leaf);  // its index, from 0; durable only after sync()
  Status sync();                                // a failure is final
  Head head() const;

  // Reads the file back: time and memory (32 bytes a leaf) grow with the log. index < size <= head().size.
  Result<Inclusion> inclusion(std::uint64_t index, std::uint64_t size) const;
  // That the tree of old_size leaves is a prefix of the tree of new_size. 0 < old_size <= new_size <=
  // head().size.
  Result<merkle::Path> consistency(std::uint64_t old_size, std::uint64_t new_size) const;

 private:
  AuditLog(std::unique_ptr<custody::journal::Journal> journal, merkle::Frontier frontier)
      : journal_(std::move(journal)), frontier_(std::move(frontier)) {}

  std::unique_ptr<custody::journal::Journal> journal_;
  merkle::Frontier frontier_;
};

}  // namespace custody::signer::audit
