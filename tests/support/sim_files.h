// Files in memory that fail as real ones do: unsynced data is lost or torn by a crash, syncs fail, the disk
// fills up, the power goes at any operation. Reproducible from the seed. Thread-safety: one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/entropy.h"
#include "base/file.h"

namespace custody::tests {

class SimDirectory final : public Directory {
 public:
  explicit SimDirectory(std::uint64_t seed = 0) : entropy_(seed) {}

  Result<std::unique_ptr<AppendFile>> open_append(const std::string& name) override;
  bool exists(const std::string& name) const override;
  Status write_atomic(const std::string& name, ByteView data) override;
  Result<Bytes> read(const std::string& name, std::size_t max_size) const override;

  // What a crash leaves of bytes that were written and not synced.
  enum class Tear {
    kNothing,  // all of it is lost
    kPrefix,   // a random prefix survives, sometimes followed by zeros where the file had grown before the
               // data came
    kAll,      // everything survives: the system wrote it back in time
  };
  // Ends the power cut, if any. Files opened before the crash refuse everything from now on.
  void crash(Tear tear = Tear::kNothing);

  // The next sync (of a file, or within write_atomic) fails. What it should have made durable never becomes
  // so, whatever is synced later: as in a kernel that drops the dirty pages.
  void fail_next_sync() { fail_next_sync_ = true; }
  // Bytes that fit on the disk; an append beyond writes what fits and fails. nullopt: no limit.
  void set_capacity(std::optional<std::uint64_t> bytes) { capacity_ = bytes; }
  // After that many more changing operations (append, sync, truncate, write_atomic, creating a file)
  // everything fails until crash(). The operation at which the power goes is done partly or not at all.
  void cut_power_after(std::uint64_t operations) { power_left_ = operations; }
  bool power_is_cut() const { return power_left_ == std::uint64_t{0}; }

  struct Counters {
    std::uint64_t operations = 0;   // changing ones
    std::uint64_t syncs = 0;        // that succeeded
    std::uint64_t lost_writes = 0;  // appends whose bytes a crash took, wholly or partly
    std::uint64_t lost_bytes = 0;
  };
  const Counters& counters() const { return counters_; }

  // The file's bytes as a reader sees them now, and replacing them behind its user's back (durably). The file
  // must exist for content().
  const Bytes& content(const std::string& name) const;
  void tamper(const std::string& name, Bytes content);
  void remove(const std::string& name) { files_.erase(name); }

 private:
  class File;
  struct Stored {
    Bytes live;                           // with the operating system
    Bytes durable;                        // on the platter
    std::vector<std::uint64_t> unsynced;  // ends of the appends since the last sync
    bool doomed = false;                  // a sync failed: nothing more becomes durable before the next crash
  };

  Status begin_operation();
  Status power_cut() const;
  Status append(Stored& stored, ByteView data);
  Status sync(Stored& stored);
  void settle(Stored& stored, Tear tear);
  void count_losses(const Stored& stored, std::size_t kept);
  std::uint64_t used() const;

  SeededEntropy entropy_;
  std::map<std::string, std::shared_ptr<Stored>> files_;
  std::optional<std::uint64_t> capacity_;
  std::optional<std::uint64_t> power_left_;
  bool fail_next_sync_ = false;
  std::uint64_t boot_ = 0;
  Counters counters_;
};

}  // namespace custody::tests
