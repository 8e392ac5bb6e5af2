// signer_votes and signer_votes_1ms: votes per second of a real custody-signerd at saturation, through its
// whole order (decode, guard, journal with fdatasync, token, verify, low S, audit leaf, reply), beside what
// the same token needs for the signatures alone. Argument: the measure's name.

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/token.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_token.h"
#include "tests/integration/signer_member.h"

namespace custody::bench {
namespace {

namespace model = ledger::model;

constexpr std::size_t kInFlight = 16;  // what the daemon keeps of one connection (signer/daemon/queue.h)
constexpr int kReplyMs = 20'000;

struct Setting {
  Figure figure;
  bool device_latency = false;  // one millisecond in every C_Sign
  std::size_t votes = 0;        // of one run
};

// A member whose token is SoftHSM2 itself, or SoftHSM2 behind the probe, which makes it slow.
class Member {
 public:
  explicit Member(const Setting& setting)
      : module_(setting.device_latency ? signer::hsm::testing::probe_module()
                                       : signer::hsm::testing::kSoftHsmModule) {
    std::string config = member_.signer_toml();
    const std::string probe = signer::hsm::testing::probe_module();
    config.replace(config.find(probe), probe.size(), module_);
    member_.write("signer.toml", config);
    unsetenv("PKCS11_PROBE_COUNTS");  // two processes use the module
    if (setting.device_latency) member_.hsm().script("C_Sign * delay 1\n");
    token_.emplace(module_, signer::hsm::testing::kLabel, Bytes{1}, signer::hsm::testing::user_pin());
    if (!member_.start()) std::fprintf(stderr, "%s", member_.log().c_str());
    CHECK(member_.child().running());
    client_.emplace(must(signer::client::Client::connect(member_.node_socket())));
  }

  // Votes for rising heights, kInFlight of them under way all the time; their rate.
  double votes_per_second(std::size_t count) {
    std::vector<Signature> signatures;
    signatures.reserve(count);
    const std::uint64_t first = height_ + 1;
    const double took = seconds([&] {
      for (std::size_t i = 0; i < std::min(kInFlight, count); ++i) send_vote();
      while (signatures.size() < count) {
        signatures.push_back(receive());
        if (height_ - first + 1 < count) send_vote();
      }
    });
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(crypto::verify(member_.validator(), digest(vote(first + i)), signatures[i]));
    }
    return static_cast<double>(count) / took;
  }

  // The token alone, on this thread; with a check of what it gave when the computer is what limits it.
  double signatures_per_second(std::size_t count, bool verified) {
    Hash256 digest = crypto::sha256(as_bytes("signer_votes"));
    const double took = seconds([&] {
      for (std::size_t i = 0; i < count; ++i) {
        digest = crypto::sha256(digest);
        const Bytes raw = token_->sign(digest);
        if (verified) must(signer::hsm::accept_signature(member_.validator(), digest, raw));
      }
    });
    return static_cast<double>(count) / took;
  }

 private:
  static model::VoteIntent vote(std::uint64_t height) {
    return {model::VoteType::kPrevote, model::Height(height), model::Round(0),
            *model::BlockHash::from(Bytes(32, 1))};
  }
  Hash256 digest(const model::VoteIntent& of) {
    return proto::reader::vote_digest(member_.ledger().chain_id(), of.type, of.height, of.round, of.block);
  }
  void send_vote() { must(client_->send(vote(++height_))); }
  Signature receive() {
    for (;;) {
      const auto reply = must(client_->try_receive());
      if (!reply) {
        pollfd item{client_->fd(), POLLIN, 0};
        CHECK(poll(&item, 1, kReplyMs) == 1);
        continue;
      }
      if (reply->code != 0)
        std::fprintf(stderr, "refused: %s\n", std::string(as_text(reply->message)).c_str());
      CHECK(reply->code == 0 && reply->signatures.size() == 1);
      return reply->signatures.front();
    }
  }

  tests::SignerMember member_;
  std::string module_;
  std::optional<RawToken> token_;
  std::optional<signer::client::Client> client_;
  std::uint64_t height_ = 0;
};

std::optional<Setting> setting_of(std::string_view name) {
  if (name == "signer_votes") {
    return Setting{{"signer_votes", "votes/s", "c_sign_verify", Better::kHigher}, false, 2'000};
  }
  if (name == "signer_votes_1ms") {
    return Setting{{"signer_votes_1ms", "votes/s", "c_sign", Better::kHigher}, true, 500};
  }
  return std::nullopt;
}

}  // namespace
}  // namespace custody::bench

int main(int argc, char** argv) {
  const auto setting = argc == 2 ? custody::bench::setting_of(argv[1]) : std::nullopt;
  if (!setting) {
    std::fprintf(stderr, "usage: %s signer_votes|signer_votes_1ms\n", argv[0]);
    return 2;
  }
  custody::bench::Member member(*setting);
  custody::bench::measure(
      setting->figure, [&] { return member.votes_per_second(setting->votes); },
      [&] { return member.signatures_per_second(setting->votes, !setting->device_latency); });
  return 0;
}
