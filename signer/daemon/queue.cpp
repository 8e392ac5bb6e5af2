#include "signer/daemon/queue.h"

#include <algorithm>

namespace custody::signer::daemon {

void Queue::push(Connection connection, core::Caller caller, Bytes request) {
  Load& load = waiting_[connection];
  ++load.requests;
  load.bytes += request.size();
  std::deque<Entry>& queue = core::is_urgent(request) ? urgent_ : normal_;
  queue.push_back({connection, caller, std::move(request)});
}

bool Queue::accepts(Connection connection) const {
  const auto found = waiting_.find(connection);
  return found == waiting_.end() ||
         (found->second.requests < kMaxQueued && found->second.bytes < kMaxQueuedBytes);
}

bool Queue::is_idle(Connection connection) const {
  const auto is_its = [connection](const Running& job) { return job.connection == connection; };
  return !waiting_.contains(connection) && !(running_ && is_its(*running_)) &&
         std::ranges::none_of(started_, is_its);
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
  const auto load = waiting_.find(entry.connection);
  load->second.bytes -= entry.request.size();
  if (--load->second.requests == 0) waiting_.erase(load);
  return entry;
}

std::optional<Queue::Running> Queue::start(const Entry& entry) {
  auto started = core_.start_job(entry.caller, entry.request);
  if (const auto* reply = std::get_if<ledger::model::SignReply>(&started)) {
    answer_(entry.connection, *reply);
    return std::nullopt;
  }
  return Running{entry.connection, std::move(std::get<core::Job>(started))};
}

bool Queue::urgent_is_next() const {
  if (urgent_.empty() && started_.empty()) return false;
  const bool others_wait = running_ || !normal_.empty();
  return !others_wait || urgent_in_a_row_ < kUrgentInARow;
}

void Queue::work() {
  if (!urgent_is_next()) {
    urgent_in_a_row_ = 0;
    return work_on_others();
  }
  ++urgent_in_a_row_;
  if (started_.empty()) start_urgent();
  if (!started_.empty()) finish_urgent();
}

void Queue::start_urgent() {
  for (std::size_t i = 0; i < kMaxTogether && !urgent_.empty(); ++i) {
    if (auto running = start(take(urgent_))) started_.push_back(std::move(*running));
  }
}

void Queue::finish_urgent() {
  Running running = std::move(started_.front());
  started_.pop_front();
  std::optional<ledger::model::SignReply> reply;
  while (!reply) reply = core_.continue_job(running.job);  // what is urgent needs one signature
  answer_(running.connection, *reply);
}

void Queue::work_on_others() {
  if (running_) {
    const auto reply = core_.continue_job(running_->job);
    if (!reply) return;
    const Connection connection = running_->connection;
    running_.reset();
    return answer_(connection, *reply);
  }
  if (!normal_.empty()) running_ = start(take(normal_));
}

}  // namespace custody::signer::daemon
