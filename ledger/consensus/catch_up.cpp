// A node that is behind asks one peer at a time for the next block. It believes the commit, not the peer; and
// it executes the block in full: a decided block that does not check out stops the node.
#include <algorithm>
#include <utility>

#include "ledger/consensus/consensus.h"
#include "ledger/light/light.h"
#include "proto/reader/describe.h"
#include "proto/reader/digests.h"

namespace custody::ledger::consensus {
namespace {

constexpr std::uint64_t kCatchUpTimeoutMs = 1'000;  // for the next part
constexpr std::uint64_t kCatchUpBlockMs = 30'000;  // for the whole block: a peer must not hold us up by drops
constexpr std::uint32_t kPartsPerRequest = 8;
constexpr std::size_t kReadCost = 8u << 10;  // bytes that reading a small block counts for

}  // namespace

// Starts on a gossip period, so that a peer which is a moment ahead causes nothing; goes on at once after a
// block. Of those ahead the one with the best pace is asked: a peer that is silent, slow or lies is asked
// first at most until it has shown that.
void Consensus::catch_up(bool from_gossip) {
  if (catch_up_) {
    // A request or its answers were lost, or the peer's budget for us was used up.
    if (from_gossip && !std::exchange(catch_up_->answered, false)) ask_for_block();
    return;
  }
  std::optional<model::MemberId> best;
  for (const auto& [id, peer] : peers_) {
    const bool far = peer.height > model::next(height_);
    const bool waited = now_.monotonic.value >= entered_height_.value + kGossipMs;
    if (peer.height <= height_ || !(far || (from_gossip && waited))) continue;
    if (!best || peer.pace < peers_[*best].pace) best = id;
  }
  if (!best) return;
  catch_up_ = CatchUp{*best, now_.monotonic, after(kCatchUpTimeoutMs), 0, true, std::nullopt, {}};
  ask_for_block();
}

std::uint32_t Consensus::first_missing_part() const {
  std::uint32_t first = 0;
  while (first < catch_up_->parts.count() && catch_up_->parts.has(first)) ++first;
  return first;
}

void Consensus::ask_for_block() {
  const std::uint32_t first = first_missing_part();
  catch_up_->asked_to = first + kPartsPerRequest;
  actions_.push_back(Send{catch_up_->peer, encode_peer_message(model::BlockRequest{height_, first})});
}

void Consensus::note_pace(std::uint64_t ms_per_part) {
  std::uint64_t& pace = peers_[catch_up_->peer].pace;
  pace = (pace + ms_per_part) / 2;
}

void Consensus::give_up_on_peer(const Status& why) {
  report(why.with_context("block " + std::to_string(height_.get()) + " from member " +
                          std::to_string(catch_up_->peer.get())));
  // A lie that was quick must not look like a good pace.
  note_pace(std::max(now_.monotonic.value - catch_up_->since.value, kCatchUpTimeoutMs));
  catch_up_.reset();
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
  catch_up_->answered = true;
  catch_up_->deadline =
      std::min(after(kCatchUpTimeoutMs), MonotonicMs{catch_up_->since.value + kCatchUpBlockMs});
  if (parts.complete()) return finish_catch_up();
  if (first_missing_part() >= catch_up_->asked_to) ask_for_block();
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
  note_pace((now_.monotonic.value - catch_up_->since.value) / catch_up_->parts.count());
  Candidate candidate;
  candidate.hash = commit.block;
  candidate.block = std::move(*block);
  decide(candidate, commit);
  if (!halted_) catch_up(false);
}

void Consensus::serve_block(model::MemberId peer, const model::BlockRequest& request) {
  if (request.height >= height_) return;
  Peer& known = peers_[peer];
  if (!known.served || known.served->height != request.height) {
    if (known.read >= kReadBytesPerPeriod) return;
    known.read += kReadCost;
    auto decided = app_.decided(request.height);
    if (!decided.ok()) return report(decided.status().with_context("a block that a peer asked for"));
    if (!*decided) return;
    const Bytes block = proto::reader::encode((*decided)->block);
    known.read += block.size();
    auto parts = PartSet::of(block);
    if (!parts.ok()) return report(parts.status().with_context("a block that a peer asked for"));
    known.served = Served{request.height, (*decided)->commit, std::move(*parts)};
  }
  const Served& served = *known.served;
  for (std::uint32_t i = request.first_part;
       i < served.parts.count() && i - request.first_part < kPartsPerRequest; ++i) {
    if (known.budget < served.parts.part(i).data.size()) return;
    const model::BlockReply reply{served.commit, served.parts.root(), served.parts.count(),
                                  served.parts.part(i)};
    if (!send_within_budget(peer, reply)) return;
  }
}

}  // namespace custody::ledger::consensus
