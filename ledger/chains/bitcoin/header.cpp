#include "ledger/chains/bitcoin/header.h"

#include <algorithm>

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using Wide = unsigned __int128;

constexpr std::size_t kMedianTimeSpan = 11;
constexpr Uint256 kMaxUint256{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

Uint256 shifted_left(const Uint256& value, unsigned bits) {
  Uint256 out;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned to = i + bits / 64;
    if (to < 4) out.limbs[to] |= value.limbs[i] << (bits % 64);
    if (to + 1 < 4 && bits % 64 != 0) out.limbs[to + 1] |= value.limbs[i] >> (64 - bits % 64);
  }
  return out;
}

Uint256 shifted_right(const Uint256& value, unsigned bits) {
  Uint256 out;
  for (unsigned i = bits / 64; i < 4; ++i) {
    const unsigned to = i - bits / 64;
    out.limbs[to] |= value.limbs[i] >> (bits % 64);
    if (i + 1 < 4 && bits % 64 != 0) out.limbs[to] |= value.limbs[i + 1] << (64 - bits % 64);
  }
  return out;
}

// a - b, for a >= b.
Uint256 difference(const Uint256& a, const Uint256& b) {
  Uint256 out;
  std::uint64_t borrow = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const Wide value = static_cast<Wide>(a.limbs[i]) - b.limbs[i] - borrow;
    out.limbs[i] = static_cast<std::uint64_t>(value);
    borrow = (value >> 64) != 0 ? 1 : 0;
  }
  return out;
}

Uint256 quotient(const Uint256& dividend, const Uint256& divisor) {
  Uint256 out;
  Uint256 rest = dividend;
  if (divisor > dividend) return out;
  for (unsigned shift = dividend.bit_length() - divisor.bit_length() + 1; shift-- > 0;) {
    const Uint256 part = shifted_left(divisor, shift);
    if (part > rest) continue;
    rest = difference(rest, part);
    out.limbs[shift / 64] |= std::uint64_t{1} << (shift % 64);
  }
  return out;
}

// Walks a chain of headers, remembering what the rules for the next one need.
class ChainVerifier {
 public:
  ChainVerifier(const Network& network, const HeaderAnchor& anchor, std::uint32_t latest_time)
      : network_(network),
        latest_time_(latest_time),
        tip_{anchor.hash, anchor.height, anchor.bits, {}},
        tip_time_(anchor.time),
        interval_first_time_(anchor.interval_first_time) {
    if (at_boundary(anchor.height) && !interval_first_time_) interval_first_time_ = anchor.time;
  }

  Status add(const BlockHeader& header) {
    if (tip_.height == UINT32_MAX) return invalid("height out of range");
    if (header.previous != tip_.hash) return invalid("does not link to the block before it");
    TRY(check_pow(header, network_));
    TRY(check_bits(header.bits));
    TRY(check_time(header.time));
    advance(header);
    return ok_status();
  }

  const HeaderTip& tip() const { return tip_; }

 private:
  bool at_boundary(std::uint32_t height) const { return height % network_.retarget_interval == 0; }

  Status check_bits(std::uint32_t bits) const {
    if (network_.no_retarget || !at_boundary(tip_.height + 1)) {
      return bits == tip_.bits ? ok_status() : invalid("bits changed where the network keeps them");
    }
    ASSIGN_OR_RETURN(const Uint256 old_target, bits_to_target(tip_.bits));
    if (tip_time_ && interval_first_time_) return check_exact_retarget(old_target, bits);
    ASSIGN_OR_RETURN(const Uint256 target, bits_to_target(bits));
    const Uint256 easiest = old_target.scaled(4, 1);
    // The compact form drops low bits, so the hardest allowed target is compared in it too.
    ASSIGN_OR_RETURN(const Uint256 hardest, bits_to_target(target_to_bits(old_target.scaled(1, 4))));
    if (target > easiest || target < hardest) return invalid("bits changed by more than a factor of 4");
    return ok_status();
  }

  Status check_exact_retarget(const Uint256& old_target, std::uint32_t bits) const {
    const std::int64_t span = std::int64_t{network_.target_timespan};
    const std::int64_t taken = std::int64_t{*tip_time_} - std::int64_t{*interval_first_time_};
    const auto clamped = static_cast<std::uint32_t>(std::clamp(taken, span / 4, span * 4));
    ASSIGN_OR_RETURN(const Uint256 limit, bits_to_target(network_.pow_limit_bits));
    const Uint256 next = std::min(old_target.scaled(clamped, network_.target_timespan), limit);
    if (bits != target_to_bits(next)) return invalid("bits are not those of the retarget rule");
    return ok_status();
  }

  Status check_time(std::uint32_t time) const {
    if (time > latest_time_) return invalid("time lies too far in the future");
    if (recent_times_.size() < kMedianTimeSpan) return ok_status();
    std::vector<std::uint32_t> sorted = recent_times_;
    std::sort(sorted.begin(), sorted.end());
    return time > sorted[kMedianTimeSpan / 2] ? ok_status()
                                              : invalid("time is not above the median of the last 11");
  }

  void advance(const BlockHeader& header) {
    const auto target = bits_to_target(header.bits);
    CHECK(target.ok());  // check_pow has seen it
    tip_ = {header.hash(), tip_.height + 1, header.bits, tip_.work + work_of_target(*target)};
    tip_time_ = header.time;
    if (at_boundary(tip_.height)) interval_first_time_ = header.time;
    if (recent_times_.size() == kMedianTimeSpan) recent_times_.erase(recent_times_.begin());
    recent_times_.push_back(header.time);
  }

  const Network& network_;
  std::uint32_t latest_time_;
  HeaderTip tip_;
  std::optional<std::uint32_t> tip_time_;
  std::optional<std::uint32_t> interval_first_time_;
  std::vector<std::uint32_t> recent_times_;
};

}  // namespace

Uint256 Uint256::from_little_endian(const Hash256& bytes) {
  Uint256 out;
  for (std::size_t i = 0; i < Hash256::kSize; ++i) {
    out.limbs[i / 8] |= static_cast<std::uint64_t>(bytes.data()[i]) << (8 * (i % 8));
  }
  return out;
}

std::string Uint256::hex() const {
  Bytes big_endian;
  for (std::size_t i = 4; i-- > 0;) {
    for (unsigned shift = 64; shift > 0; shift -= 8) {
      big_endian.push_back(static_cast<std::uint8_t>(limbs[i] >> (shift - 8)));
    }
  }
  return to_hex(big_endian);
}

unsigned Uint256::bit_length() const {
  for (unsigned i = 4; i-- > 0;) {
    if (limbs[i] != 0) return 64 * (i + 1) - static_cast<unsigned>(__builtin_clzll(limbs[i]));
  }
  return 0;
}

Uint256 Uint256::scaled(std::uint32_t factor, std::uint32_t divisor) const {
  CHECK(divisor > 0);
  std::array<std::uint64_t, 5> product{};
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const Wide part = static_cast<Wide>(limbs[i]) * factor + carry;
    product[i] = static_cast<std::uint64_t>(part);
    carry = static_cast<std::uint64_t>(part >> 64);
  }
  product[4] = carry;
  std::uint64_t rest = 0;
  for (std::size_t i = 5; i-- > 0;) {
    const Wide part = static_cast<Wide>(rest) << 64 | product[i];
    product[i] = static_cast<std::uint64_t>(part / divisor);
    rest = static_cast<std::uint64_t>(part % divisor);
  }
  if (product[4] != 0) return kMaxUint256;
  return {{product[0], product[1], product[2], product[3]}};
}

Uint256 operator+(const Uint256& a, const Uint256& b) {
  Uint256 out;
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const Wide part = static_cast<Wide>(a.limbs[i]) + b.limbs[i] + carry;
    out.limbs[i] = static_cast<std::uint64_t>(part);
    carry = static_cast<std::uint64_t>(part >> 64);
  }
  return carry == 0 ? out : kMaxUint256;
}

std::strong_ordering operator<=>(const Uint256& a, const Uint256& b) {
  return std::lexicographical_compare_three_way(a.limbs.rbegin(), a.limbs.rend(), b.limbs.rbegin(),
                                                b.limbs.rend());
}

Bytes BlockHeader::serialize() const {
  return Writer().u32(version).bytes(previous).bytes(merkle_root).u32(time).u32(bits).u32(nonce).take();
}

Hash256 BlockHeader::hash() const {
  return crypto::sha256d(serialize());
}

Result<BlockHeader> parse_header(ByteView raw) {
  if (raw.size() != kHeaderSize) {
    return invalid("block header: " + std::to_string(raw.size()) + " bytes, expected 80");
  }
  Reader reader(raw);
  BlockHeader out;
  ASSIGN_OR_RETURN(out.version, reader.u32());
  ASSIGN_OR_RETURN(out.previous, reader.hash());
  ASSIGN_OR_RETURN(out.merkle_root, reader.hash());
  ASSIGN_OR_RETURN(out.time, reader.u32());
  ASSIGN_OR_RETURN(out.bits, reader.u32());
  ASSIGN_OR_RETURN(out.nonce, reader.u32());
  return out;
}

Result<Uint256> bits_to_target(std::uint32_t bits) {
  const unsigned size = bits >> 24;
  const std::uint32_t mantissa = bits & 0x7fffff;
  if ((bits & 0x800000) != 0) return invalid("bits: a negative target");
  const Uint256 digits{{mantissa, 0, 0, 0}};
  if (size <= 3) {
    const Uint256 small = shifted_right(digits, 8 * (3 - size));
    return small.is_zero() ? Result<Uint256>(invalid("bits: a target of zero")) : small;
  }
  if (mantissa == 0) return invalid("bits: a target of zero");
  const unsigned shift = 8 * (size - 3);
  if (digits.bit_length() + shift > 256) return invalid("bits: a target above 256 bits");
  return shifted_left(digits, shift);
}

std::uint32_t target_to_bits(const Uint256& target) {
  unsigned size = (target.bit_length() + 7) / 8;
  auto mantissa = static_cast<std::uint32_t>(size <= 3 ? target.limbs[0] << (8 * (3 - size))
                                                       : shifted_right(target, 8 * (size - 3)).limbs[0]);
  if ((mantissa & 0x800000) != 0) {  // the sign bit must stay clear
    mantissa >>= 8;
    ++size;
  }
  return mantissa | size << 24;
}

Uint256 work_of_target(const Uint256& target) {
  if (target == kMaxUint256) return {{1, 0, 0, 0}};
  // 2^256 / (t + 1) = (2^256 - 1 - t) / (t + 1) + 1, which stays within 256 bits.
  const Uint256 one{{1, 0, 0, 0}};
  if (target.is_zero()) return kMaxUint256;
  return quotient(difference(kMaxUint256, target), target + one) + one;
}

Status check_pow(const BlockHeader& header, const Network& network) {
  ASSIGN_OR_RETURN(const Uint256 target, bits_to_target(header.bits));
  ASSIGN_OR_RETURN(const Uint256 limit, bits_to_target(network.pow_limit_bits));
  if (target > limit) return invalid("block header: the target is easier than " + network.name + " allows");
  if (Uint256::from_little_endian(header.hash()) > target) {
    return invalid("block header: the hash is above its target (not enough work)");
  }
  return ok_status();
}

Result<HeaderTip> verify_header_chain(const Network& network, const HeaderAnchor& anchor,
                                      const std::vector<BlockHeader>& headers, std::uint32_t latest_time) {
  if (headers.empty() || headers.size() > kMaxHeaderChain) {
    return invalid("header chain: " + std::to_string(headers.size()) + " headers, expected 1 to " +
                   std::to_string(kMaxHeaderChain));
  }
  ChainVerifier verifier(network, anchor, latest_time);
  for (const BlockHeader& header : headers) {
    const Status status = verifier.add(header);
    if (!status.ok()) {
      return status.with_context("header chain: height " +
                                 std::to_string(std::uint64_t{verifier.tip().height} + 1));
    }
  }
  return verifier.tip();
}

}  // namespace custody::ledger::chains::bitcoin
