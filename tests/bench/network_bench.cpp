// pipeline_transfers_4 and commit_latency_p50: clients of four running members (tests/bench/network.mjs
// starts them). `bench_network address` prints the account that must hold money; `bench_network MEASURE
// SOCKET...` takes every member's run/node.sock.

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "base/crypto/secp256k1.h"
#include "base/entropy.h"
#include "base/json.h"
#include "base/unix_socket.h"
#include "ledger/node/parallel_verifier.h"
#include "proto/reader/digests.h"
#include "signer/hsm/softhsm_fixture.h"
#include "signer/hsm/token.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_token.h"

namespace custody::bench {
namespace {

namespace model = ledger::model;
namespace reader = proto::reader;
using Clock = std::chrono::steady_clock;

constexpr char kPrefix[] = "tcaas";  // of the test network's addresses
constexpr std::size_t kAccounts = 10'000;
constexpr std::size_t kFundedAtOnce = 250;
constexpr std::uint64_t kFunds = 40'000;      // of one account, in the currency's minor units
constexpr std::uint64_t kFee = 300;           // one unit a byte and more
constexpr std::uint64_t kLifetime = 3'000;    // blocks
constexpr std::size_t kTransfers = 30'000;    // of one run
constexpr std::size_t kUncommitted = 10'000;  // at most so many wait: two full blocks and more
constexpr std::size_t kConnections = 8;       // to each member, each with one request under way
constexpr std::size_t kLatencySamples = 30;   // of one run
constexpr std::size_t kLimitTransfers = 20'000;
constexpr std::size_t kMaxAnswer = 16u << 20;
constexpr int kAnswerMs = 40'000;

Bytes request(std::string_view method, Json params) {
  const std::string text = Json::object().set("method", method).set("params", std::move(params)).dump();
  return to_bytes(std::string_view(text));
}

// One connection to a member's API: one request under way at a time.
class Connection {
 public:
  explicit Connection(const std::string& socket) : fd_(must(connect_unix(socket, SOCK_STREAM))) {}

  void send(ByteView request) { must(send_frame(fd_.get(), request, kAnswerMs)); }
  Json receive() {
    const Bytes frame = must(receive_frame(fd_.get(), kMaxAnswer, kAnswerMs));
    const Json answer = must(Json::parse(as_text(frame), kMaxAnswer));
    if (answer.find("result") == nullptr) must(invalid("a node answered " + answer.dump()));
    return *answer.find("result");
  }
  Json call(std::string_view method, Json params) {
    send(request(method, std::move(params)));
    return receive();
  }
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

crypto::SoftwareKey bank_key() {
  SeededEntropy entropy(1);
  return crypto::SoftwareKey::generate(entropy);
}

// Signed transfers between accounts that the bank has funded.
class Transfers {
 public:
  explicit Transfers(Connection& node) : bank_(bank_key()) {
    const Json network = node.call("genesis", Json::object());
    const auto genesis = must(reader::decode_genesis(must(from_hex(must(network.string_at("genesis"))))));
    chain_id_ = must(model::ChainId::from_hex(must(network.string_at("chain_id"))));
    const model::Currency* currency = model::find_currency_by_code(genesis, "BTC");
    CHECK(currency != nullptr);
    currency_ = currency->id;
    SeededEntropy entropy(2);
    for (std::size_t i = 0; i < kAccounts; ++i) {
      accounts_.push_back(crypto::SoftwareKey::generate(entropy));
      addresses_.push_back(model::Address::of_key(accounts_.back().public_key()));
    }
  }

  std::vector<Bytes> funding(model::Height height) {
    std::vector<Bytes> out;
    for (std::size_t first = 0; first < kAccounts; first += kFundedAtOnce) {
      model::Transfer body;
      std::uint64_t spent = 20'000;  // the fee
      for (std::size_t i = first; i < first + kFundedAtOnce; ++i, spent += kFunds) {
        body.outputs.push_back({addresses_[i], currency_, model::Amount(kFunds)});
      }
      body.inputs.push_back({model::Address::of_key(bank_.public_key()), currency_, model::Amount(spent)});
      out.push_back(sign(std::move(body), bank_, height));
    }
    return out;
  }
  Bytes next(model::Height height) {
    // Steps that have no factor in common with the number of accounts: payers and payees spread evenly.
    next_ += 7'919;
    const std::size_t from = next_ % kAccounts;
    model::Transfer body;
    body.inputs.push_back({addresses_[from], currency_, model::Amount(kFee + 1)});
    body.outputs.push_back({addresses_[(next_ * 3 + 1) % kAccounts], currency_, model::Amount(1)});
    return sign(std::move(body), accounts_[from], height);
  }
  ledger::state::SignatureTask task_of(ByteView envelope) const {
    const auto decoded = must(reader::decode_transaction(chain_id_, envelope, envelope.size()));
    const model::KeySignature& signature = decoded.envelope.signatures.at(0);
    return {signature.key, Hash256(decoded.id.array()), signature.signature};
  }

 private:
  Bytes sign(model::Transfer body, const crypto::SoftwareKey& key, model::Height height) {
    const model::Transaction transaction{1, model::Height(height.get() + kLifetime), entropy_.next_u64(),
                                         std::move(body)};
    model::Envelope envelope;
    envelope.payload = reader::encode(transaction);
    const Hash256 digest = reader::transaction_digest(chain_id_, envelope.payload, transaction.body);
    envelope.signatures.push_back({key.public_key(), key.sign(digest)});
    return reader::encode(envelope);
  }

  crypto::SoftwareKey bank_;
  model::ChainId chain_id_;
  model::CurrencyId currency_;
  std::vector<crypto::SoftwareKey> accounts_;
  std::vector<model::Address> addresses_;
  SystemEntropy entropy_;
  std::size_t next_ = 0;
};

// What one member committed, block by block, from the moment of construction.
class Follower {
 public:
  struct Block {
    Clock::time_point seen;
    std::size_t transactions;
  };
  Follower(Connection& connection, model::Height after) : connection_(connection), height_(after) { ask(); }

  int fd() const { return connection_.fd(); }
  Block take() {
    const Json block = connection_.receive();
    const Block out{Clock::now(), block.find("transactions")->items().size()};
    ask();
    return out;
  }

 private:
  void ask() {
    height_ = model::next(height_);
    connection_.send(request(
        "block",
        Json::object().set("height", std::to_string(height_.get())).set("wait_ms", std::uint64_t{30'000})));
  }

  Connection& connection_;
  model::Height height_;
};

class Clients {
 public:
  explicit Clients(const std::vector<std::string>& sockets) {
    for (const std::string& socket : sockets) members_.push_back(std::make_unique<Connection>(socket));
    transfers_.emplace(*members_.front());
    for (std::size_t i = 0; i < kConnections; ++i) {
      for (const std::string& socket : sockets) submitters_.push_back(std::make_unique<Connection>(socket));
    }
    follow_socket_ = sockets.front();
    load(requests_of(transfers_->funding(height())));
  }

  // Submits kTransfers, as many at a time as kUncommitted allows; the rate of commits while more were waiting
  // to be submitted, without the blocks that filled the queue.
  double transfers_per_second() {
    std::vector<Bytes> envelopes;
    envelopes.reserve(kTransfers);
    const model::Height now = height();
    for (std::size_t i = 0; i < kTransfers; ++i) envelopes.push_back(transfers_->next(now));
    return load(requests_of(envelopes));
  }

  // Milliseconds from the submission of a transfer to the answer that a block has it, every member idle
  // before.
  double median_latency() {
    std::vector<double> samples;
    for (std::size_t i = 0; i < kLatencySamples; ++i) {
      Connection& member = *members_[i % members_.size()];
      const Json params = Json::object()
                              .set("envelope", to_hex(transfers_->next(height())))
                              .set("wait_ms", std::uint64_t{30'000});
      Json placed;
      samples.push_back(1e3 * seconds([&] { placed = member.call("submit", params); }));
      wait_for_block(must(placed.u64_at("height")));
    }
    return median(std::move(samples));
  }

  // Signatures like those of the transfers, of transfers that nobody submits.
  std::vector<ledger::state::SignatureTask> tasks(std::size_t count) {
    std::vector<ledger::state::SignatureTask> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(transfers_->task_of(transfers_->next(model::Height(1))));
    return out;
  }

 private:
  model::Height height() {
    return model::Height(must(members_.front()->call("status", Json::object()).u64_at("height")));
  }
  void wait_for_block(std::uint64_t height) {
    for (const auto& member : members_) {
      member->call(
          "block",
          Json::object().set("height", std::to_string(height)).set("wait_ms", std::uint64_t{30'000}));
    }
  }
  static std::vector<Bytes> requests_of(const std::vector<Bytes>& envelopes) {
    std::vector<Bytes> out;
    out.reserve(envelopes.size());
    for (const Bytes& envelope : envelopes) {
      out.push_back(request("submit", Json::object().set("envelope", to_hex(envelope))));
    }
    return out;
  }

  double load(const std::vector<Bytes>& requests) {
    Connection following(follow_socket_);
    Follower follower(following, height());
    std::vector<pollfd> items;
    items.reserve(submitters_.size() + 1);
    for (const auto& submitter : submitters_) items.push_back({submitter->fd(), POLLIN, 0});
    items.push_back({follower.fd(), POLLIN, 0});
    std::vector<Connection*> idle;
    idle.reserve(submitters_.size());
    for (const auto& submitter : submitters_) idle.push_back(submitter.get());
    std::size_t submitted = 0;
    std::size_t committed = 0;
    std::optional<Follower::Block> first;
    std::size_t counted = 0;
    double rate = 0;
    while (committed < requests.size()) {
      while (!idle.empty() && submitted < requests.size() && submitted - committed < kUncommitted) {
        idle.back()->send(requests[submitted++]);
        idle.pop_back();
      }
      CHECK(poll(items.data(), items.size(), kAnswerMs) > 0);
      for (std::size_t i = 0; i < submitters_.size(); ++i) {
        if ((items[i].revents & POLLIN) == 0) continue;
        submitters_[i]->receive();
        idle.push_back(submitters_[i].get());
      }
      if ((items.back().revents & POLLIN) == 0) continue;
      const Follower::Block block = follower.take();
      committed += block.transactions;
      if (first && submitted < requests.size()) {
        counted += block.transactions;
        rate = static_cast<double>(counted) / std::chrono::duration<double>(block.seen - first->seen).count();
      }
      if (!first && submitted >= std::min(kUncommitted, requests.size())) first = block;
    }
    return rate;
  }

  std::vector<std::unique_ptr<Connection>> members_;
  std::vector<std::unique_ptr<Connection>> submitters_;
  std::optional<Transfers> transfers_;
  std::string follow_socket_;
};

void measure_transfers(Clients& clients, std::size_t members) {
  ledger::node::ParallelVerifier verifier(std::max(1u, std::thread::hardware_concurrency()));
  const auto tasks = clients.tasks(kLimitTransfers);
  measure(
      {"pipeline_transfers_4", "transfers/s", "key_parse_verify_all_cores_over_4", Better::kHigher},
      [&] { return clients.transfers_per_second(); },
      [&] {
        const double took = seconds([&] { CHECK(std::ranges::count(verifier.verify(tasks), 0) == 0); });
        return static_cast<double>(tasks.size()) / took / static_cast<double>(members);
      });
}

// A token of this program's own, of the same make as the members'.
void measure_latency(Clients& clients) {
  const signer::hsm::testing::SoftHsm hsm;
  hsm.init_token();
  const auto key = hsm.generate("validator", 1);
  RawToken token(signer::hsm::testing::kSoftHsmModule, signer::hsm::testing::kLabel, key.id,
                 signer::hsm::testing::user_pin());
  Hash256 digest;
  measure(
      {"commit_latency_p50", "ms", "three_signatures", Better::kLower},
      [&] { return clients.median_latency(); },
      [&] {
        std::vector<double> samples;
        for (std::size_t i = 0; i < kLatencySamples; ++i) {
          samples.push_back(
              1e3 * seconds([&] {
                for (int step = 0; step < 3; ++step) {  // proposal, prevote, precommit
                  digest = crypto::sha256(digest);
                  must(signer::hsm::accept_signature(key.public_key, digest, token.sign(digest)));
                }
              }));
        }
        return median(std::move(samples));
      });
}

int usage(const char* program) {
  std::fprintf(stderr, "usage: %s address | %s pipeline_transfers_4|commit_latency_p50 SOCKET...\n", program,
               program);
  return 2;
}

int run(const std::vector<std::string>& arguments, const char* program) {
  if (arguments.size() == 1 && arguments[0] == "address") {
    std::printf("%s\n", model::Address::of_key(bank_key().public_key()).text(kPrefix).c_str());
    return 0;
  }
  if (arguments.size() < 2) return usage(program);
  const std::vector<std::string> sockets(arguments.begin() + 1, arguments.end());
  if (arguments[0] == "pipeline_transfers_4") {
    Clients clients(sockets);
    measure_transfers(clients, sockets.size());
  } else if (arguments[0] == "commit_latency_p50") {
    Clients clients(sockets);
    measure_latency(clients);
  } else {
    return usage(program);
  }
  return 0;
}

}  // namespace
}  // namespace custody::bench

int main(int argc, char** argv) {
  return custody::bench::run(std::vector<std::string>(argv + 1, argv + argc), argv[0]);
}
