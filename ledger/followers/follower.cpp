#include "ledger/followers/follower.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/file.h"

namespace custody::ledger::followers {
namespace {

constexpr std::uint64_t kTickMs = 100;  // as fine as the shortest delay of the core

void drain(int fd) {
  std::uint64_t count = 0;
  (void)!::read(fd, &count, sizeof count);
}

}  // namespace

struct Follower::Impl {
  Impl(FollowerSettings settings, const Clock& clock_to_use)
      : core(std::move(settings)), clock(clock_to_use) {}

  struct Reply {
    CallId id;
    std::variant<Json, CallError> outcome;
  };

  FollowerCore core;
  const Clock& clock;
  std::unique_ptr<RpcClient> client;  // used by the worker alone, but for interrupt()
  Fd epoll;
  Fd timer;
  Fd replied;
  std::vector<Action> observed;
  std::uint64_t next_ticket = 1;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Call> calls;     // under mutex
  std::deque<Reply> replies;  // under mutex
  bool stopping = false;      // under mutex
  std::thread worker;

  Status open_descriptors() {
    epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
    timer = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    replied = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll.valid() || !timer.valid() || !replied.valid())
      return io_error_errno("follower's descriptors", errno);
    for (const int fd : {timer.get(), replied.get()}) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd;
      if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return io_error_errno("follower's epoll", errno);
    }
    itimerspec when{};
    when.it_value.tv_nsec = when.it_interval.tv_nsec = static_cast<long>(kTickMs * 1'000'000);
    if (::timerfd_settime(timer.get(), 0, &when, nullptr) != 0)
      return io_error_errno("follower's timer", errno);
    return ok_status();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stopping || !calls.empty(); });
      if (stopping) return;
      const Call call = std::move(calls.front());
      calls.pop_front();
      lock.unlock();
      Reply reply{call.id, client->call(call.method, call.params)};
      lock.lock();
      replies.push_back(std::move(reply));
      const std::uint64_t one = 1;
      (void)!::write(replied.get(), &one, sizeof one);
    }
  }

  void feed(const Event& event) {
    for (Action& action : core.step(event)) {
      if (auto* call = std::get_if<Call>(&action)) {
        const std::lock_guard lock(mutex);
        calls.push_back(std::move(*call));
        wake.notify_one();
      } else {
        observed.push_back(std::move(action));
      }
    }
  }

  ~Impl() {
    if (!worker.joinable()) return;
    client->interrupt();
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    worker.join();
  }
};

Follower::Follower(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Follower::~Follower() = default;

Result<std::unique_ptr<Follower>> Follower::start(FollowerSettings settings, const RpcSettings& rpc,
                                                  const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(settings), clock);
  ASSIGN_OR_RETURN(impl->client, RpcClient::create(rpc));
  TRY(impl->open_descriptors());
  impl->worker = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<Follower>(new Follower(std::move(impl)));
}

int Follower::event_fd() const {
  return impl_->epoll.get();
}
const FollowerCore& Follower::core() const {
  return impl_->core;
}

std::vector<Action> Follower::poll() {
  drain(impl_->timer.get());
  drain(impl_->replied.get());
  std::deque<Impl::Reply> replies;
  {
    const std::lock_guard lock(impl_->mutex);
    replies.swap(impl_->replies);
  }
  const MonotonicMs now = impl_->clock.monotonic();
  for (Impl::Reply& reply : replies) impl_->feed(CallReply{reply.id, now, std::move(reply.outcome)});
  impl_->feed(Tick{now});
  return std::exchange(impl_->observed, {});
}

void Follower::watch_script(ByteView script, model::ExternalHeight since) {
  impl_->feed(WatchScript{to_bytes(script), since});
}
void Follower::watch_outpoint(const chains::bitcoin::OutPoint& outpoint, model::ExternalHeight since) {
  impl_->feed(WatchOutPoint{outpoint, since});
}
void Follower::unwatch_outpoint(const chains::bitcoin::OutPoint& outpoint) {
  impl_->feed(UnwatchOutPoint{outpoint});
}

std::uint64_t Follower::broadcast(ByteView transaction) {
  const std::uint64_t ticket = impl_->next_ticket++;
  impl_->feed(BroadcastRequest{ticket, to_bytes(transaction)});
  return ticket;
}

}  // namespace custody::ledger::followers
