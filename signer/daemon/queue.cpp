#include "signer/daemon/queue.h"

namespace custody::signer::daemon {

void Queue::push(Connection connection, core::Caller caller, Bytes request) {
  ++waiting_[connection];
  std::deque<Entry>& queue = core::is_urgent(request) ? urgent_ : normal_;
  queue.push_back({connection, caller, std::move(request)});
}

bool Queue::accepts(Connection connection) const {
  const auto found = waiting_.find(connection);
  return found == waiting_.end() || found->second < kMaxQueued;
}

void Queue::forget(Connection connection) {
  const auto is_its = [connection](const Entry& entry) { return entry.connection == connection; };
  std::erase_if(urgent_, is_its);
  std::erase_if(normal_, is_its);
  waiting_.erase(connection);
}

Queue::Entry Queue::take(std::deque<Entry>& from) {
  Entry entry = std::move(from.front());
  from.pop_front();
  const auto count = waiting_.find(entry.connection);
  if (--count->second == 0) waiting_.erase(count);
  return entry;
}

void Queue::work() {
  if (!urgent_.empty()) {
    const Entry entry = take(urgent_);
    return answer_(entry.connection, core_.step(entry.caller, entry.request));
  }
  if (running_) {
    const auto reply = core_.continue_job(running_->job);
    if (!reply) return;
    const Connection connection = running_->connection;
    running_.reset();
    return answer_(connection, *reply);
  }
  if (normal_.empty()) return;
  const Entry entry = take(normal_);
  auto started = core_.start_job(entry.caller, entry.request);
  if (const auto* reply = std::get_if<ledger::model::SignReply>(&started)) {
    return answer_(entry.connection, *reply);
  }
  running_.emplace(Running{entry.connection, std::move(std::get<core::Job>(started))});
}

}  // namespace custody::signer::daemon
