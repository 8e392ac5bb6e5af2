// Block headers and their proof of work. Thread-safety: values.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/alias.h"
#include "ledger/chains/bitcoin/network.h"

namespace custody::ledger::chains::bitcoin {

// An unsigned 256-bit number, limbs least significant first. Just what targets and work need.
struct Uint256 {
  std::array<std::uint64_t, 4> limbs{};

  static Uint256 from_little_endian(const Hash256& bytes);  // a block hash is compared as this number
  std::string hex() const;                                  // 64 digits, most significant first
  bool is_zero() const { return *this == Uint256{}; }
  unsigned bit_length() const;  // 0 for zero
  // this * factor / divisor, saturating at 2^256 - 1; the product is exact. divisor > 0, CHECKed.
  Uint256 scaled(std::uint32_t factor, std::uint32_t divisor) const;
  // Saturating.
  friend Uint256 operator+(const Uint256& a, const Uint256& b);
  friend std::strong_ordering operator<=>(const Uint256& a, const Uint256& b);
  friend bool operator==(const Uint256&, const Uint256&) = default;
};

constexpr std::size_t kHeaderSize = 80;

struct BlockHeader {
  std::uint32_t version = 0;
  Hash256 previous;        // internal order
  Hash256 merkle_root;     // internal order
  std::uint32_t time = 0;  // Unix seconds
  std::uint32_t bits = 0;  // compact target
  std::uint32_t nonce = 0;

  Bytes serialize() const;  // 80 bytes
  Hash256 hash() const;     // internal order

  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

Result<BlockHeader> parse_header(ByteView raw);  // exactly 80 bytes

// The compact form: 1 byte of size, sign bit, 23 bits of mantissa. kInvalid: negative, zero, above 2^256 - 1.
Result<Uint256> bits_to_target(std::uint32_t bits);
std::uint32_t target_to_bits(
    const Uint256& target);  // rounds down to 23 bits of mantissa, as Bitcoin Core does
// Expected hashes for one block: 2^256 / (target + 1), rounded down.
Uint256 work_of_target(const Uint256& target);

// The header's hash is at most its target, and its target at most the network's limit. kInvalid otherwise.
Status check_pow(const BlockHeader& header, const Network& network);

// A header that is already trusted: the one before the first to verify.
struct HeaderAnchor {
  Hash256 hash;
  std::uint32_t height = 0;
  std::uint32_t bits = 0;
  std::optional<std::uint32_t> time;  // of the anchor itself, if known
  std::optional<std::uint32_t>
      interval_first_time;  // of the first block of the anchor's retarget interval, if known
};

struct HeaderTip {
  Hash256 hash;
  std::uint32_t height = 0;
  std::uint32_t bits = 0;
  Uint256 work;  // of the verified headers, without the anchor
};

constexpr std::size_t kMaxHeaderChain = 4'032;  // headers in one call: two retarget intervals
constexpr std::uint32_t kNoLatestTime = UINT32_MAX;

// Checks 1 to kMaxHeaderChain headers in order: linkage from the anchor, proof of work, no time above
// latest_time (the caller's clock plus 7,200 s, or kNoLatestTime), from the 12th on a time above the median
// of the 11 before, and bits:
// - no_retarget: equal to the anchor's;
// - otherwise they may change only at heights divisible by the retarget interval. Where the time of the
// interval's first
//   and last block are known (from the anchor or the headers given) the new bits must be exactly Bitcoin's
//   retarget; where they are not, the target may move by at most a factor of 4 and the exact arithmetic is
//   NOT checked.
// Not checked at all: testnet3's minimum-difficulty blocks (a chain with one is refused), version bits, and
// that no heavier chain exists: that is what a quorum attests. Errors are kInvalid and name the height.
Result<HeaderTip> verify_header_chain(const Network& network, const HeaderAnchor& anchor,
                                      const std::vector<BlockHeader>& headers,
                                      std::uint32_t latest_time = kNoLatestTime);

}  // namespace custody::ledger::chains::bitcoin
