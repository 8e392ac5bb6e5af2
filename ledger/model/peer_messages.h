// What members' nodes say to one another. Every message stands alone, is at most kMaxPeerMessage bytes, and
// may be lost, repeated or reordered without harm. Thread-safety: values.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "ledger/model/block.h"
#include "ledger/model/genesis.h"

namespace custody::ledger::model {

constexpr std::size_t kMaxPeerMessage = 320u << 10;  // the largest transaction (256 KiB) and its frame
constexpr std::size_t kMaxBlockParts = kMaxBlockBytes / kPartBytes;
constexpr std::size_t kMaxPartPath = 8;  // hashes; 64 parts need 6
constexpr std::size_t kMaxStatusRounds = 64;
constexpr std::size_t kMaxToldTransactions = 1'000;  // in one message

// A piece of an encoded block and its RFC 6962 path to the parts root.
struct BlockPart {
  std::uint32_t index = 0;
  Bytes data;
  std::vector<Hash256> path;
  friend bool operator==(const BlockPart&, const BlockPart&) = default;
};

struct ProposalPart {
  Height height;
  Hash256 parts_root;
  BlockPart part;
  friend bool operator==(const ProposalPart&, const ProposalPart&) = default;
};

// Bit i stands for the i-th member of the set: its vote is here.
struct RoundVotes {
  Round round;
  std::uint32_t prevotes = 0;
  std::uint32_t precommits = 0;
  bool prevote_quorum = false;  // more than two thirds of weight prevoted one block
  friend bool operator==(const RoundVotes&, const RoundVotes&) = default;
};

// Bit i of byte i / 8, least significant first: part i is here.
struct PartsHeld {
  Hash256 parts_root;
  Bytes bitmap;
  friend bool operator==(const PartsHeld&, const PartsHeld&) = default;
};

// Where a node stands, so that others can send what it lacks.
struct PeerStatus {
  Height height;  // the height being decided: all blocks below it are here
  Round round;
  std::uint8_t step = 0;
  std::optional<PartsHeld> proposal;  // of this round; absent: the proposal itself is missing
  std::vector<RoundVotes> votes;      // ascending rounds
  friend bool operator==(const PeerStatus&, const PeerStatus&) = default;
};

struct BlockRequest {
  Height height;
  std::uint32_t first_part = 0;
  friend bool operator==(const BlockRequest&, const BlockRequest&) = default;
};

// A part of a decided block, with the commit that decided it.
struct BlockReply {
  Commit commit;
  Hash256 parts_root;
  std::uint32_t part_count = 0;
  BlockPart part;
  friend bool operator==(const BlockReply&, const BlockReply&) = default;
};

// Envelopes that wait for a block.
struct TransactionsMessage {
  std::vector<Bytes> envelopes;
  friend bool operator==(const TransactionsMessage&, const TransactionsMessage&) = default;
};

using PeerMessageBody = std::variant<BlockProposal, ProposalPart, Vote, PeerStatus, BlockRequest, BlockReply,
                                     TransactionsMessage>;
struct PeerMessage {
  PeerMessageBody body;
  friend bool operator==(const PeerMessage&, const PeerMessage&) = default;
};

}  // namespace custody::ledger::model
