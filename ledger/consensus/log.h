// The write-ahead log of consensus: what was received and decided at the height that is not yet committed, so
// that a restart goes on exactly where it stopped. Thread-safety: one thread.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/file.h"
#include "ledger/model/intents.h"
#include "ledger/model/peer_messages.h"

namespace custody::ledger::consensus {

struct LockRecord {
  model::Round round;
  model::BlockHash block;
  friend bool operator==(const LockRecord&, const LockRecord&) = default;
};

// Intents are what this member decided to sign; votes and proposals are signed messages, its own among them.
using LogEntry = std::variant<model::BlockProposal, model::ProposalPart, model::Vote, LockRecord,
                              model::ProposalIntent, model::VoteIntent>;

struct LogRecord {
  model::Height height;
  std::uint64_t wall_ms = 0;  // when it was written
  LogEntry entry;
  friend bool operator==(const LogRecord&, const LogRecord&) = default;
};

class Log {
 public:
  virtual ~Log() = default;
  virtual Status append(const LogRecord& record) = 0;  // may be lost by a crash until sync()
  virtual Status sync() = 0;                           // everything appended is durable when ok is returned
  // Records below `height` are no longer needed.
  virtual Status start_height(model::Height height) = 0;
};

// A journal in a directory, file "consensus.wal". What is appended waits in memory for sync(), which writes
// it as one journal record: so a crash can tear the last record only. When a height is committed and the file
// has grown past kRewriteAt bytes it is replaced by an empty one, old or new, never mixed.
class FileLog final : public Log {
 public:
  static constexpr std::uint64_t kRewriteAt = 8u << 20;

  // Creates the file when absent; otherwise reads the records of the last height in it into `records`.
  // kCorrupt when it does not check out: it is left as it is.
  static Result<std::unique_ptr<FileLog>> open(Directory& directory, Entropy& entropy,
                                               std::vector<LogRecord>& records);
  ~FileLog() override;
  Status append(const LogRecord& record) override;
  Status sync() override;
  Status start_height(model::Height height) override;

 private:
  struct Impl;
  explicit FileLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::ledger::consensus
