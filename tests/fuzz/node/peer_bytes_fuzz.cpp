// Messages as they come from peers, into a member's replica: none stops the node, what decodes re-encodes to
// itself, and without a quorum's signatures nothing is committed but what was decided by valid commits.
// Input: peer u8 | length u16 big endian | message, repeated; the last may be cut.
#include "ledger/consensus/log.h"
#include "ledger/node/replica.h"
#include "ledger/store/store.h"
#include "proto/reader/digests.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/network_fixture.h"
#include "tests/support/sim_files.h"

using namespace custody;
using namespace custody::ledger;

namespace {

constexpr std::size_t kMaxMessages = 32;
constexpr std::uint64_t kStepMs = 100;

// The members' genesis; made once, never changed.
const tests::Network& network() {
  static const tests::Network made;
  return made;
}

class Node {
 public:
  Node() {
    std::vector<consensus::LogRecord> records;
    auto log = consensus::FileLog::open(disk_, entropy_, records);
    CHECK(log.ok());
    log_ = std::move(*log);
    node::ReplicaConfig config;
    config.genesis = network().genesis();
    config.chain = network().chain_id();
    config.self = model::MemberId(1);
    auto replica = node::Replica::open(std::move(config), store_, *log_, std::move(records), verifier_);
    CHECK(replica.ok());
    replica_ = std::move(*replica);
    step(consensus::Start{});
  }
  void receive(std::uint16_t peer, ByteView message) {
    const auto decoded = consensus::decode_peer_message(message);
    if (decoded.ok()) CHECK(equal(consensus::encode_peer_message(*decoded), message));
    step(node::PeerBytes{model::MemberId(peer), to_bytes(message)});
    ms_ += kStepMs;
    step(consensus::Tick{});
  }

 private:
  void step(const node::Event& event) {
    const consensus::Now now{{network().genesis().time.get() + ms_}, {ms_}};
    for (const node::Action& action : replica_->step(now, event))
      CHECK(!std::holds_alternative<consensus::Halt>(action));
  }

  tests::SimDirectory disk_{1};
  SeededEntropy entropy_{2};
  store::MemoryStore store_;
  state::SerialVerifier verifier_;
  std::unique_ptr<consensus::FileLog> log_;
  std::unique_ptr<node::Replica> replica_;
  std::uint64_t ms_ = 1'000;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView rest(data, size);
  Node node;
  for (std::size_t i = 0; i < kMaxMessages && rest.size() >= 3; ++i) {
    const auto peer = static_cast<std::uint16_t>(2 + rest[0] % 3);
    const std::size_t length = std::min<std::size_t>(std::size_t{rest[1]} << 8 | rest[2], rest.size() - 3);
    node.receive(peer, rest.subspan(3, length));
    rest = rest.subspan(3 + length);
  }
  return 0;
}
