#include "tests/support/sim_files.h"

#include <algorithm>

namespace custody::tests {

class SimDirectory::File final : public AppendFile {
 public:
  File(SimDirectory& directory, std::shared_ptr<Stored> stored)
      : directory_(directory), stored_(std::move(stored)), boot_(directory.boot_) {}

  std::uint64_t size() const override { return stored_->live.size(); }

  Result<Bytes> read(std::uint64_t offset, std::size_t length) override {
    if (boot_ != directory_.boot_ || directory_.power_is_cut()) return directory_.power_cut();
    if (offset > size() || length > size() - offset)
      return corrupt("the file ends before the bytes to be read");
    const auto begin = stored_->live.begin() + static_cast<std::ptrdiff_t>(offset);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(length));
  }

  Status append(ByteView data) override {
    TRY(usable());
    return remember(directory_.append(*stored_, data));
  }

  Status sync() override {
    TRY(usable());
    return remember(directory_.sync(*stored_));
  }

  Status truncate(std::uint64_t new_size) override {
    TRY(usable());
    if (new_size > size()) return invalid("the file is shorter than that");
    TRY(remember(directory_.begin_operation()));
    stored_->live.resize(static_cast<std::size_t>(new_size));
    std::erase_if(stored_->unsynced, [new_size](std::uint64_t end) { return end > new_size; });
    return ok_status();
  }

 private:
  Status usable() const {
    if (boot_ != directory_.boot_) return io_error("the file was open when the machine crashed");
    if (failed_) return io_error("the file failed before");
    return ok_status();
  }
  Status remember(Status status) {
    if (!status.ok()) failed_ = true;
    return status;
  }

  SimDirectory& directory_;
  std::shared_ptr<Stored> stored_;
  std::uint64_t boot_;
  bool failed_ = false;
};

Status SimDirectory::power_cut() const {
  return io_error("simulated power cut");
}

Status SimDirectory::begin_operation() {
  if (power_is_cut()) return power_cut();
  ++counters_.operations;
  if (power_left_ && --*power_left_ == 0) return power_cut();
  return ok_status();
}

std::uint64_t SimDirectory::used() const {
  std::uint64_t total = 0;
  for (const auto& [name, stored] : files_) total += stored->live.size();
  return total;
}

Status SimDirectory::append(Stored& stored, ByteView data) {
  if (power_is_cut()) return power_cut();
  Status powered = begin_operation();
  std::size_t fits = data.size();
  if (!powered.ok()) fits = static_cast<std::size_t>(entropy_.below(data.size() + 1));
  if (capacity_) fits = std::min<std::size_t>(fits, *capacity_ - std::min(*capacity_, used()));
  custody::append(stored.live, data.first(fits));
  if (fits > 0) stored.unsynced.push_back(stored.live.size());
  if (!powered.ok()) return powered;
  return fits == data.size() ? ok_status() : io_error("simulated disk is full");
}

Status SimDirectory::sync(Stored& stored) {
  TRY(begin_operation());
  if (fail_next_sync_) {
    fail_next_sync_ = false;
    stored.doomed = true;
    return io_error("simulated failure of a sync");
  }
  if (stored.doomed)
    return ok_status();  // the kernel reports the loss once, then success: nothing was written
  stored.durable = stored.live;
  stored.unsynced.clear();
  ++counters_.syncs;
  return ok_status();
}

Result<std::unique_ptr<AppendFile>> SimDirectory::open_append(const std::string& name) {
  if (power_is_cut()) return power_cut();
  if (!exists(name)) {
    TRY(begin_operation());
    files_[name] = std::make_shared<Stored>();
  }
  return std::unique_ptr<AppendFile>(new File(*this, files_.at(name)));
}

bool SimDirectory::exists(const std::string& name) const {
  return files_.contains(name);
}

Status SimDirectory::write_atomic(const std::string& name, ByteView data) {
  if (power_is_cut()) return power_cut();
  Status powered = begin_operation();
  if (powered.ok() && capacity_ && used() + data.size() > *capacity_)
    return io_error("simulated disk is full");
  const bool sync_failed = std::exchange(fail_next_sync_, false);
  // When it fails, it is old or new, never mixed.
  if ((!powered.ok() || sync_failed) && entropy_.below(2) == 0) {
    return powered.ok() ? io_error("simulated failure of a sync") : powered;
  }
  auto stored = std::make_shared<Stored>();
  stored->live = stored->durable = to_bytes(data);
  files_[name] = std::move(stored);
  if (!powered.ok()) return powered;
  if (sync_failed) return io_error("simulated failure of a sync");
  ++counters_.syncs;
  return ok_status();
}

Result<Bytes> SimDirectory::read(const std::string& name, std::size_t max_size) const {
  if (power_is_cut()) return power_cut();
  const auto found = files_.find(name);
  if (found == files_.end()) return not_found(name + " does not exist");
  if (found->second->live.size() > max_size) return exhausted(name + " is too large");
  return found->second->live;
}

void SimDirectory::crash(Tear tear) {
  power_left_.reset();
  fail_next_sync_ = false;
  ++boot_;
  for (auto& [name, stored] : files_) {
    settle(*stored, tear);
    // Handles from before the crash keep the old object: they must not see what happens afterwards.
    stored = std::make_shared<Stored>(*stored);
  }
}

void SimDirectory::settle(Stored& stored, Tear tear) {
  const bool appended_only = stored.live.size() >= stored.durable.size() &&
                             std::equal(stored.durable.begin(), stored.durable.end(), stored.live.begin());
  const bool torn = !stored.doomed && tear == Tear::kPrefix;
  Bytes after = stored.durable;
  if (torn && appended_only) {
    const std::size_t pending = stored.live.size() - stored.durable.size();
    const auto kept = stored.durable.size() + static_cast<std::size_t>(entropy_.below(pending + 1));
    after.assign(stored.live.begin(), stored.live.begin() + static_cast<std::ptrdiff_t>(kept));
    count_losses(stored, kept);
    if (entropy_.below(4) == 0) after.resize(stored.live.size());
  } else if ((!stored.doomed && tear == Tear::kAll) || (torn && entropy_.below(2) == 0)) {
    after = stored.live;  // torn: a truncation happened or did not
  } else {
    count_losses(stored, stored.durable.size());
  }
  stored.live = stored.durable = std::move(after);
  stored.unsynced.clear();
  stored.doomed = false;
}

void SimDirectory::count_losses(const Stored& stored, std::size_t kept) {
  if (stored.live.size() > kept) counters_.lost_bytes += stored.live.size() - kept;
  counters_.lost_writes += static_cast<std::uint64_t>(
      std::ranges::count_if(stored.unsynced, [kept](std::uint64_t end) { return end > kept; }));
}

const Bytes& SimDirectory::content(const std::string& name) const {
  CHECK(files_.contains(name));
  return files_.at(name)->live;
}

void SimDirectory::tamper(const std::string& name, Bytes content) {
  auto stored = std::make_shared<Stored>();
  stored->live = stored->durable = std::move(content);
  files_[name] = std::move(stored);
}

}  // namespace custody::tests
