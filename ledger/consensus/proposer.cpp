#include "ledger/consensus/proposer.h"

#include <numeric>

namespace custody::ledger::consensus {
namespace {

// Near total / golden ratio and coprime to total: multiples of it visit every residue once per `total` steps,
// and neighbours in time lie far apart (three-distance theorem).
std::uint64_t stride(std::uint64_t total) {
  constexpr std::uint64_t kNumerator = 618'033'989;
  constexpr std::uint64_t kDenominator = 1'000'000'000;
  std::uint64_t out = mul_div(total, kNumerator, kDenominator).value_or(1);
  if (out == 0) out = 1;
  while (std::gcd(out, total) != 1) ++out;
  return out;
}

}  // namespace

model::MemberId proposer(const model::MemberSet& set, model::Height height, model::Round round) {
  CHECK(!set.members.empty());
  const std::uint64_t total = set.total().get();
  CHECK(total > 0);
  const unsigned __int128 turn = static_cast<unsigned __int128>(height.get()) + round.get();
  auto place = static_cast<std::uint64_t>(turn % total * stride(total) % total);
  for (const model::SetMember& member : set.members) {
    if (place < member.weight.get()) return member.id;
    place -= member.weight.get();
  }
  return set.members.back().id;  // not reached: place < total
}

}  // namespace custody::ledger::consensus
