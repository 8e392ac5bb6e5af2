#include "tests/simulation/lies.h"

#include "ledger/consensus/events.h"
#include "proto/reader/digests.h"

namespace custody::tests::simulation {
namespace {

class Liar {
 public:
  Liar(const Network& network, std::size_t member, Random& random)
      : network_(network), member_(member), random_(random) {}

  std::optional<model::PeerMessageBody> operator()(model::PeerStatus status) {
    switch (random_.below(3)) {
      case 0:
        status.height = model::Height(status.height.get() + random_.between(1, 1'000'000));
        break;
      case 1:
        status.votes.clear();
        status.proposal.reset();
        break;
      default:
        status.round = model::Round(static_cast<std::uint32_t>(random_.below(UINT32_MAX)));
    }
    return status;
  }
  std::optional<model::PeerMessageBody> operator()(model::Vote vote) {
    const std::uint64_t kind = random_.below(4);
    if (kind == 0) return std::nullopt;
    if (kind == 1) vote.signature.data()[random_.below(64)] ^= 1;
    if (vote.member.get() != member_ + 1) return vote;
    if (kind == 2)
      vote.round = model::Round(vote.round.get() + static_cast<std::uint32_t>(random_.below(99)));
    if (kind == 3) vote.block = *model::BlockHash::from(random_bytes(32));
    if (kind >= 2) {
      vote.signature = network_.validators[member_].sign(
          proto::reader::vote_digest(network_.chain, vote.type, vote.height, vote.round, vote.block));
    }
    return vote;
  }
  std::optional<model::PeerMessageBody> operator()(model::ProposalPart part) {
    if (random_.chance(0.5)) return std::nullopt;
    change(part.part);
    return part;
  }
  std::optional<model::PeerMessageBody> operator()(model::BlockReply reply) {
    switch (random_.below(4)) {
      case 0:
        return std::nullopt;
      case 1:
        reply.commit.signatures.pop_back();
        break;
      case 2:
        reply.parts_root = *Hash256::from(random_bytes(32));
        break;
      default:
        change(reply.part);
    }
    return reply;
  }
  std::optional<model::PeerMessageBody> operator()(model::BlockRequest request) {
    request.height = model::Height(random_.below(2 * request.height.get()));
    request.first_part = static_cast<std::uint32_t>(random_.below(70));
    return request;
  }
  // Proposals and transactions are withheld.
  template <typename Message>
  std::optional<model::PeerMessageBody> operator()(const Message&) {
    return std::nullopt;
  }

 private:
  Bytes random_bytes(std::size_t size) {
    Bytes out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random_.below(256));
    return out;
  }
  void change(model::BlockPart& part) {
    if (!part.data.empty()) part.data[random_.below(part.data.size())] ^= 1;
  }

  const Network& network_;
  std::size_t member_;
  Random& random_;
};

}  // namespace

std::optional<Bytes> lie(const Network& network, std::size_t member, const Bytes& message, Random& random) {
  if (random.chance(0.5)) return message;
  const auto truth = ledger::consensus::decode_peer_message(message);
  CHECK(truth.ok());  // a node made it
  auto said = std::visit(Liar(network, member, random), *truth);
  if (!said) return std::nullopt;
  return ledger::consensus::encode_peer_message(std::move(*said));
}

}  // namespace custody::tests::simulation
