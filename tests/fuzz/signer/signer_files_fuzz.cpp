// The files that a signer and a node read back at their start, as somebody left them: an opened journal,
// audit log or consensus log goes on and opens again with one record more, anything else is an error; records
// that decode re-encode to themselves.
// Input: which file u8 | its bytes.
#include "ledger/consensus/log.h"
#include "proto/reader/wire.h"
#include "signer/audit/audit_log.h"
#include "signer/core/records.h"
#include "signer/journal/signer_journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/sim_files.h"

using namespace custody;
namespace core = custody::signer::core;
namespace audit = custody::signer::audit;
namespace signer_journal = custody::signer::journal;

namespace {

template <typename T>
void check_record(ByteView bytes) {
  const auto record = proto::reader::decode<T>(bytes, signer_journal::kMaxPayload);
  if (record.ok()) CHECK(equal(proto::reader::encode(*record), bytes));
}

void check_records(ByteView bytes) {
  check_record<core::CommitRecord>(bytes);
  check_record<core::DoneRecord>(bytes);
  check_record<core::AuditLeaf>(bytes);
  check_record<ledger::model::GuardState>(bytes);
  const auto binding = signer_journal::decode_binding(bytes);
  if (binding.ok()) CHECK(equal(*signer_journal::encode_binding(*binding), bytes));
}

Result<std::unique_ptr<signer_journal::SignerJournal>> open_journal(tests::SimDirectory& directory,
                                                                    std::size_t& records) {
  records = 0;
  return signer_journal::SignerJournal::open(
      directory, [&](std::uint64_t, signer_journal::RecordKind, ByteView payload) {
        ++records;
        check_records(payload);
        return ok_status();
      });
}

void check_journal(tests::SimDirectory& directory) {
  std::size_t before = 0;
  {
    auto opened = open_journal(directory, before);
    if (!opened.ok()) return;
    CHECK((*opened)->append_commit(Bytes{1}).ok());
  }
  std::size_t after = 0;
  CHECK(open_journal(directory, after).ok());
  CHECK(after == before + 1);
}

void check_audit(tests::SimDirectory& directory) {
  audit::Head head;
  {
    auto opened = audit::AuditLog::open(directory, {});
    if (!opened.ok()) return;
    CHECK((*opened)->append(Bytes{1}).ok() && (*opened)->sync().ok());
    head = (*opened)->head();
  }
  const auto again = audit::AuditLog::open(directory, head);
  CHECK(again.ok() && (*again)->head() == head);
}

void check_consensus_log(tests::SimDirectory& directory) {
  SeededEntropy entropy(2);
  std::vector<ledger::consensus::LogRecord> before;
  {
    const auto opened = ledger::consensus::FileLog::open(directory, entropy, before);
    if (!opened.ok()) return;
  }
  std::vector<ledger::consensus::LogRecord> after;
  CHECK(ledger::consensus::FileLog::open(directory, entropy, after).ok());
  CHECK(after.size() == before.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes content(data + 1, data + size);
  tests::SimDirectory directory(1);
  switch (data[0] % 4) {
    case 0:
      directory.tamper(signer_journal::kFileName, content);
      check_journal(directory);
      break;
    case 1:
      directory.tamper(audit::kFileName, content);
      check_audit(directory);
      break;
    case 2:
      directory.tamper("consensus.wal", content);
      check_consensus_log(directory);
      break;
    default:
      check_records(content);
  }
  return 0;
}
