#include "policy/engine/windows.h"

#include <algorithm>
#include <cstring>

namespace custody::policy::engine {
namespace {

// The scopes that one amount counts in.
std::array<WindowScope, 3> scopes_of(const WindowAmount& amount, std::size_t* count) {
  const WindowScope currency{amount.direction, amount.currency, {}, {}};
  std::array<WindowScope, 3> out = {currency, currency, currency};
  *count = 1;
  if (amount.gateway != model::GatewayId(0)) out[(*count)++].gateway = amount.gateway;
  if (!amount.payee.is_zero()) out[(*count)++].payee = amount.payee;
  return out;
}

}  // namespace

bool WindowScope::covers(const WindowAmount& amount) const {
  return direction == amount.direction && currency == amount.currency &&
         (gateway == model::GatewayId(0) || gateway == amount.gateway) &&
         (payee.is_zero() || payee == amount.payee);
}

std::size_t WindowScopeHash::operator()(const WindowScope& scope) const {
  std::uint64_t words[Hash256::kSize / sizeof(std::uint64_t)];
  std::memcpy(words, scope.payee.data(), Hash256::kSize);
  std::uint64_t hash = static_cast<std::uint64_t>(scope.direction) << 48 |
                       static_cast<std::uint64_t>(scope.currency.get()) << 32 | scope.gateway.get();
  for (const std::uint64_t word : words) hash = (hash ^ word ^ (hash >> 29)) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 32);
}

void Windows::advance(model::LedgerMs now) {
  latest_ = std::max(latest_, now);
  for (std::size_t period = 0; period < kPeriods; ++period) {
    std::uint32_t& oldest = oldest_[period];
    while (oldest != kNone && !counts(nodes_[oldest], period)) {
      subtract(nodes_[oldest].amount, period);
      oldest = nodes_[oldest].next;
    }
  }
  const std::uint32_t keep = oldest_[static_cast<std::size_t>(Period::kWeek)];
  while (first_ != keep) remove(first_);
}

bool Windows::counts(const Node& node, std::size_t period) const {
  return latest_.get() - node.time.get() < kPeriodMs[period];
}

bool Windows::fits(const Hash256& subject, std::size_t amounts) const {
  return size_ - entries_of(subject) + amounts <= kMaxEntries;
}

Status Windows::reserve(const Hash256& subject, std::span<const WindowAmount> amounts) {
  return is_counted(subject) ? ok_status() : put(subject, amounts, true);
}

Status Windows::commit(const Hash256& subject, std::span<const WindowAmount> amounts) {
  if (is_counted(subject) && has(subject, amounts)) return ok_status();
  return put(subject, amounts, false);
}

Status Windows::put(const Hash256& subject, std::span<const WindowAmount> amounts, bool pending) {
  if (!fits(subject, amounts.size())) {
    return exhausted("the windows hold " + std::to_string(kMaxEntries) + " mints and burns of the last week",
                     "wait until the oldest are a week old");
  }
  remove_all(subject);
  for (const WindowAmount& amount : amounts) append(subject, amount, pending);
  return ok_status();
}

void Windows::release(const Hash256& subject) {
  if (!is_counted(subject)) remove_all(subject);
}

void Windows::undo(const Hash256& subject) {
  remove_all(subject);
}

WindowTotals Windows::totals(const WindowScope& scope) const {
  const auto found = totals_.find(scope);
  return found == totals_.end() ? WindowTotals() : found->second;
}

WindowTotals Windows::totals_of(const Hash256& subject, const WindowScope& scope) const {
  WindowTotals out;
  const auto found = subjects_.find(subject);
  if (found == subjects_.end()) return out;
  for (std::uint32_t place = found->second; place != kNone; place = nodes_[place].next_of_subject) {
    const Node& node = nodes_[place];
    if (!scope.covers(node.amount)) continue;
    for (std::size_t period = 0; period < kPeriods; ++period) {
      if (!counts(node, period)) continue;
      out[period].amount += node.amount.amount.get();
      ++out[period].count;
    }
  }
  return out;
}

bool Windows::is_counted(const Hash256& subject) const {
  const auto found = subjects_.find(subject);
  return found != subjects_.end() && !nodes_[found->second].pending;
}

bool Windows::has(const Hash256& subject, std::span<const WindowAmount> amounts) const {
  const auto found = subjects_.find(subject);
  std::uint32_t place = found == subjects_.end() ? kNone : found->second;
  for (const WindowAmount& amount : amounts) {
    if (place == kNone || nodes_[place].amount != amount) return false;
    place = nodes_[place].next_of_subject;
  }
  return place == kNone;
}

std::size_t Windows::entries_of(const Hash256& subject) const {
  const auto found = subjects_.find(subject);
  std::size_t count = 0;
  if (found == subjects_.end()) return count;
  for (std::uint32_t place = found->second; place != kNone; place = nodes_[place].next_of_subject) ++count;
  return count;
}

void Windows::append(const Hash256& subject, const WindowAmount& amount, bool pending) {
  std::uint32_t place = static_cast<std::uint32_t>(nodes_.size());
  if (free_.empty()) {
    nodes_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  nodes_[place] = {subject, amount, latest_, pending, last_, kNone, kNone};
  (last_ == kNone ? first_ : nodes_[last_].next) = place;
  last_ = place;
  ++size_;
  link_subject(subject, place);
  for (std::size_t period = 0; period < kPeriods; ++period) {
    if (oldest_[period] == kNone) oldest_[period] = place;
    add(amount, period);
  }
}

void Windows::remove(std::uint32_t place) {
  const Node node = nodes_[place];
  for (std::size_t period = 0; period < kPeriods; ++period) {
    if (oldest_[period] == place) oldest_[period] = node.next;
    if (counts(node, period)) subtract(node.amount, period);
  }
  (node.previous == kNone ? first_ : nodes_[node.previous].next) = node.next;
  (node.next == kNone ? last_ : nodes_[node.next].previous) = node.previous;
  unlink_subject(node.subject, place);
  free_.push_back(place);
  --size_;
}

void Windows::remove_all(const Hash256& subject) {
  for (auto found = subjects_.find(subject); found != subjects_.end(); found = subjects_.find(subject)) {
    remove(found->second);
  }
}

void Windows::link_subject(const Hash256& subject, std::uint32_t place) {
  const auto [found, added] = subjects_.try_emplace(subject, place);
  if (added) return;
  std::uint32_t tail = found->second;
  while (nodes_[tail].next_of_subject != kNone) tail = nodes_[tail].next_of_subject;
  nodes_[tail].next_of_subject = place;
}

void Windows::unlink_subject(const Hash256& subject, std::uint32_t place) {
  const auto found = subjects_.find(subject);
  CHECK(found != subjects_.end());
  const std::uint32_t next = nodes_[place].next_of_subject;
  if (found->second == place) {
    if (next == kNone) {
      subjects_.erase(found);
    } else {
      found->second = next;
    }
    return;
  }
  std::uint32_t before = found->second;
  while (nodes_[before].next_of_subject != place) before = nodes_[before].next_of_subject;
  nodes_[before].next_of_subject = next;
}

void Windows::add(const WindowAmount& amount, std::size_t period) {
  std::size_t count = 0;
  const auto scopes = scopes_of(amount, &count);
  for (std::size_t i = 0; i < count; ++i) {
    WindowTotal& total = totals_[scopes[i]][period];
    total.amount += amount.amount.get();
    ++total.count;
  }
}

// A scope is forgotten with its last entry: whatever counts in an hour or a day counts in the week.
void Windows::subtract(const WindowAmount& amount, std::size_t period) {
  std::size_t count = 0;
  const auto scopes = scopes_of(amount, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = totals_.find(scopes[i]);
    CHECK(found != totals_.end() && found->second[period].count > 0);
    WindowTotal& total = found->second[period];
    total.amount -= amount.amount.get();
    if (--total.count == 0 && period == static_cast<std::size_t>(Period::kWeek)) totals_.erase(found);
  }
}

bool operator==(const Windows& a, const Windows& b) {
  if (a.latest_ != b.latest_ || a.size_ != b.size_) return false;
  std::uint32_t i = a.first_;
  std::uint32_t j = b.first_;
  for (; i != Windows::kNone && j != Windows::kNone; i = a.nodes_[i].next, j = b.nodes_[j].next) {
    const Windows::Node& left = a.nodes_[i];
    const Windows::Node& right = b.nodes_[j];
    if (left.subject != right.subject || left.amount != right.amount || left.time != right.time ||
        left.pending != right.pending) {
      return false;
    }
  }
  return i == j;
}

}  // namespace custody::policy::engine
