// freeze_effective: milliseconds from sending an officer's freeze to a real custody-signerd until it is
// durable, answered, and the payout that was being signed has been given up, while votes saturate the signer
// and every C_Sign takes 10 ms. Beside it: one signature of that token, for which a freeze has to wait in any
// case.

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "signer/hsm/token.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_token.h"
#include "tests/integration/signer_member.h"

namespace custody::bench {
namespace {

namespace model = ledger::model;
using policy::render::Freeze;
using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t kVotesInFlight = 15;  // with the payout as many as the daemon takes of one connection
constexpr std::size_t kSignedBefore = 20;   // votes after the payout began; then the freeze is sent
constexpr std::uint64_t kCoins = 20;
constexpr int kReplyMs = 20'000;
constexpr std::uint64_t kHourMs = 3'600'000;

double milliseconds(Time from, Time to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

class Member {
 public:
  Member() : payouts_(member_.ledger()) {
    unsetenv("PKCS11_PROBE_COUNTS");  // two processes use the module
    member_.hsm().script("C_Sign * delay 10\n");
    token_.emplace(signer::hsm::testing::probe_module(), signer::hsm::testing::kLabel, Bytes{1},
                   signer::hsm::testing::user_pin());
    if (!member_.start()) std::fprintf(stderr, "%s", member_.log().c_str());
    CHECK(member_.child().running());
    node_.emplace(must(signer::client::Client::connect(member_.node_socket())));
    officer_.emplace(must(signer::client::Client::connect(member_.operator_socket())));
    prepare_payout();
  }

  double freeze() {
    payout_id_ = must(node_->send(payout_));
    for (std::size_t i = 0; i < kVotesInFlight; ++i) send_vote();
    for (std::size_t i = 0; i < kSignedBefore; ++i) receive_from_node();
    CHECK(!given_up_);
    const Time sent = std::chrono::steady_clock::now();
    must(officer_->send(statement(Freeze::kFreeze, {"carol"})));
    std::optional<Time> answered;
    while (!answered || !given_up_) {
      wait();
      if (try_receive_from_node()) send_vote();
      const auto reply = must(officer_->try_receive());
      if (!reply) continue;
      CHECK(reply->code == 0);
      answered = std::chrono::steady_clock::now();
    }
    const Time effective = std::max(*answered, *given_up_);
    end_freeze();
    return milliseconds(sent, effective);
  }

  double one_signature() {
    digest_ = crypto::sha256(digest_);
    return seconds([&] { static_cast<void>(token_->sign(digest_)); }) * 1'000;
  }

 private:
  void prepare_payout() {
    std::vector<std::uint64_t> coins;
    for (std::uint64_t coin = 1; coin <= kCoins; ++coin) {
      payouts_.add_coin(coin, 100'000);
      coins.push_back(coin);
    }
    payouts_.add_burn(1, 1'500'000);
    payout_ = payouts_.recorded(payouts_.derive(1, {1}, coins));
    CHECK(must(node_->call(model::LedgerHeadIntent{member_.ledger().evidence({})}, kReplyMs)).code == 0);
  }
  model::StatementIntent statement(Freeze what, const std::vector<std::string>& officers) {
    const auto policy = member_.policy();
    const policy::render::FreezeOrder order{
        member_.ledger().chain_id(),
        model::MemberId(tests::SignerMember::kMember),
        what,
        {},
        to_bytes("a measure"),
        ++counter_,
        policy.version,
        policy::bundle::bundle_hash(policy),
        model::LedgerMs(member_.ledger().header.time.get() / 1'000 * 1'000 + kHourMs)};
    return {what == Freeze::kFreeze ? model::Statement::kFreeze : model::Statement::kUnfreeze,
            tests::sign_order(order, officers)};
  }
  void send_vote() {
    must(node_->send(model::VoteIntent{model::VoteType::kPrevote, model::Height(++height_), model::Round(0),
                                       *model::BlockHash::from(Bytes(32, 1))}));
    ++votes_in_flight_;
  }
  void wait() {
    pollfd items[] = {{node_->fd(), POLLIN, 0}, {officer_->fd(), POLLIN, 0}};
    CHECK(poll(items, 2, kReplyMs) >= 1);
  }
  // True when it was a vote.
  bool try_receive_from_node() {
    const auto reply = must(node_->try_receive());
    if (!reply) return false;
    if (reply->id == payout_id_) {
      CHECK(as_text(reply->rule) == "policy.frozen" && reply->signatures.empty());
      given_up_ = std::chrono::steady_clock::now();
      return false;
    }
    CHECK(reply->code == 0 && reply->signatures.size() == 1);
    --votes_in_flight_;
    return true;
  }
  void receive_from_node() {
    while (!try_receive_from_node()) wait();
    send_vote();
  }
  // What is frozen is refused; then two officers end it.
  void end_freeze() {
    while (votes_in_flight_ > 0) {
      if (!try_receive_from_node()) wait();
    }
    CHECK(as_text(must(node_->call(payout_, kReplyMs)).rule) == "policy.frozen");
    const auto reply = must(officer_->call(statement(Freeze::kUnfreeze, {"alice", "bob"}), kReplyMs));
    CHECK(reply.code == 0);
    given_up_.reset();
  }

  tests::SignerMember member_;
  tests::Payouts payouts_;
  std::optional<RawToken> token_;
  std::optional<signer::client::Client> node_;
  std::optional<signer::client::Client> officer_;
  model::PayoutIntent payout_;
  std::uint64_t payout_id_ = 0;
  std::optional<Time> given_up_;
  std::uint64_t height_ = 0;
  std::size_t votes_in_flight_ = 0;
  std::uint64_t counter_ = 0;
  Hash256 digest_;
};

}  // namespace
}  // namespace custody::bench

int main() {
  custody::bench::Member member;
  custody::bench::measure(
      {"freeze_effective", "ms", "c_sign", custody::bench::Better::kLower}, [&] { return member.freeze(); },
      [&] { return member.one_signature(); });
  return 0;
}
