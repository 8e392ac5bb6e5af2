// A node that is behind asks one peer at a time for the next block. It believes the commit, not the peer; and
// it executes the block in full: a decided block that does not check out stops the node.
#include "ledger/consensus/consensus.h"
#include "ledger/light/light.h"
#include "proto/reader/describe.h"
#include "proto/reader/digests.h"

namespace custody::ledger::consensus {
namespace {

constexpr std::uint64_t kCatchUpTimeoutMs = 1'000;
constexpr std::uint32_t kPartsPerRequest = 8;
constexpr std::size_t kReadCost = 8u << 10;  // bytes of a peer's budget for a block read from the store

}  // namespace

// Starts on a gossip period, so that a peer which is a moment ahead causes nothing; goes on at once after a
// block.
void Consensus::catch_up(bool from_gossip) {
  if (catch_up_) {
    if (catch_up_->deadline <= now_.monotonic) give_up_on_peer(unavailable("no answer"));
    return;
  }
  std::vector<model::MemberId> ahead;
  for (const auto& [id, peer] : peers_) {
    const bool far = peer.height > model::next(height_);
    const bool waited = now_.monotonic.value >= entered_height_.value + kGossipMs;
    if (peer.height > height_ && (far || (from_gossip && waited))) ahead.push_back(id);
  }
  if (ahead.empty()) return;
  const model::MemberId peer = ahead[catch_up_turn_ % ahead.size()];
  catch_up_ = CatchUp{peer, std::nullopt, {}, after(kCatchUpTimeoutMs)};
  ask_for_block(peer);
}

void Consensus::ask_for_block(model::MemberId peer) {
  std::uint32_t first = 0;
  while (first < catch_up_->parts.count() && catch_up_->parts.has(first)) ++first;
  actions_.push_back(Send{peer, encode_peer_message(model::BlockRequest{height_, first})});
}

void Consensus::give_up_on_peer(const Status& why) {
  report(why.with_context("block " + std::to_string(height_.get()) + " from member " +
                          std::to_string(catch_up_->peer.get())));
  catch_up_.reset();
  ++catch_up_turn_;
}

void Consensus::on_message(model::MemberId peer, const model::BlockReply& reply) {
  if (!catch_up_ || catch_up_->peer != peer || reply.commit.height != height_) return;
  if (!catch_up_->commit) {
    const Status commit = light::verify_commit(config_.chain, set_, reply.commit);
    if (!commit.ok()) return give_up_on_peer(commit);
    auto parts = PartSet::expect(reply.parts_root, reply.part_count);
    if (!parts.ok()) return give_up_on_peer(parts.status());
    catch_up_->commit = reply.commit;
    catch_up_->parts = std::move(*parts);
  }
  PartSet& parts = catch_up_->parts;
  if (reply.parts_root != parts.root() || reply.part_count != parts.count()) return;
  const std::uint32_t held = parts.held();
  if (const Status added = parts.add(reply.part); !added.ok()) return give_up_on_peer(added);
  if (parts.held() == held) return;
  catch_up_->deadline = after(kCatchUpTimeoutMs);
  if (parts.complete()) return finish_catch_up();
  if (parts.held() % kPartsPerRequest == 0) ask_for_block(peer);
}

void Consensus::finish_catch_up() {
  const model::Commit commit = *catch_up_->commit;
  auto block = catch_up_->parts.decode();
  if (!block.ok()) return give_up_on_peer(block.status());
  if (proto::reader::block_hash(block->header) != commit.block)
    return give_up_on_peer(invalid("another block"));
  if (const Status body = check_body(*block); !body.ok()) return give_up_on_peer(body);
  Status valid = check_header(block->header);
  if (valid.ok()) valid = app_.validate(*block);
  if (!valid.ok()) {
    return halt(Status(
        valid.code() == Code::kInvalid || valid.code() == Code::kRefused ? Code::kCorrupt : valid.code(),
        "block " + std::to_string(height_.get()) +
            " has a valid commit but does not check out here: " + valid.message(),
        "this node's state has diverged from the network: stop it and compare the state roots"));
  }
  Candidate candidate;
  candidate.hash = commit.block;
  candidate.block = std::move(*block);
  decide(candidate, commit);
  if (!halted_) catch_up(false);
}

void Consensus::serve_block(model::MemberId peer, const model::BlockRequest& request) {
  if (request.height >= height_) return;
  if (!served_ || served_->height != request.height) {
    std::size_t& budget = peers_[peer].budget;
    if (budget < kReadCost) return;
    budget -= kReadCost;
    auto decided = app_.decided(request.height);
    if (!decided.ok()) return report(decided.status().with_context("a block that a peer asked for"));
    if (!*decided) return;
    auto parts = PartSet::of(proto::reader::encode((*decided)->block));
    if (!parts.ok()) return report(parts.status().with_context("a block that a peer asked for"));
    served_ = Served{request.height, (*decided)->commit, std::move(*parts)};
  }
  const PartSet& parts = served_->parts;
  for (std::uint32_t i = request.first_part; i < parts.count() && i - request.first_part < kPartsPerRequest;
       ++i) {
    const model::BlockReply reply{served_->commit, parts.root(), parts.count(), parts.part(i)};
    if (!send_within_budget(peer, reply)) return;
  }
}

}  // namespace custody::ledger::consensus
