// A request to the signer over either socket, through decoding, guard, policy and journal: a refusal carries
// no signature and asks the token for none, and what decodes re-encodes to itself. Input: caller u8 | encoded
// SignRequest.
#include "proto/reader/digests.h"
#include "signer/core/core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/policies.h"
#include "tests/support/proven_ledger.h"
#include "tests/support/sim_files.h"
#include "tests/support/soft_token.h"

using namespace custody;
namespace core = custody::signer::core;
namespace signer_journal = custody::signer::journal;
namespace model = custody::ledger::model;

namespace {

constexpr std::uint16_t kMember = 2;

struct Member {
  Member() : ledger(tests::FakeChain()) {
    identity.genesis = ledger.genesis();
    identity.chain_id = ledger.chain_id();
    identity.member = model::MemberId(kMember);
    policy = tests::make_policy(
        identity.genesis, identity.chain_id, identity.member,
        {.mint = 10'000'000, .mint_day = 10'000'000, .withdrawal = 10'000'000, .withdrawal_day = 10'000'000});
    const auto& keys = ledger.keys(kMember);
    binding.chain_id = Hash256(identity.chain_id.array());
    binding.member = kMember;
    binding.policy = policy::bundle::bundle_hash(policy);
    binding.keys = {{"validator", {1}, keys.validator.public_key()},
                    {"attest", {2}, keys.attest.public_key()},
                    {"governance", {3}, keys.governance.public_key()},
                    {"seat-BTC-1", {4}, keys.seat.public_key()}};
  }
  tests::ProvenLedger ledger;
  core::Identity identity;
  policy::bundle::Bundle policy;
  signer_journal::Binding binding;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Member member;
  const ByteView request = ByteView(data, size).subspan(1);
  const auto decoded = proto::reader::decode<model::SignRequest>(request, model::kMaxEvidence);
  if (decoded.ok()) CHECK(equal(proto::reader::encode(*decoded), request));

  tests::SimDirectory directory(1);
  SeededEntropy entropy(2);
  tests::store_policy(directory, member.policy);
  CHECK(signer_journal::SignerJournal::create(directory, member.binding, entropy).ok());
  auto memory = core::recover(directory, member.identity, entropy);
  CHECK(memory.ok());
  tests::SoftToken token;
  const auto& keys = member.ledger.keys(kMember);
  for (const crypto::SoftwareKey* key : {&keys.validator, &keys.attest, &keys.governance, &keys.seat})
    token.add(*key);
  core::Core core(member.identity, std::move(*memory), token);
  const auto caller = data[0] % 2 == 0 ? core::Caller::kNode : core::Caller::kOperator;
  const model::SignReply reply = core.step(caller, request);
  CHECK(core.failure().ok());
  CHECK(reply.code != 0 || decoded.ok());
  if (reply.code != 0) CHECK(reply.signatures.empty() && token.asked.empty());
  CHECK(reply.signatures.size() == token.asked.size());
  return 0;
}
