#include "tests/simulation/signer.h"

#include "proto/reader/digests.h"

namespace custody::tests::simulation {
namespace {

namespace guard = signer::guard;

constexpr std::uint16_t kKind = 9;
constexpr char kName[] = "signer.journal";

}  // namespace

Signer::Signer(const Network& network, std::size_t member, Options options, std::uint64_t seed,
               Checks& checks)
    : network_(network),
      member_(member),
      options_(options),
      checks_(checks),
      disk_(seed),
      entropy_(seed + 1) {
  start();
  CHECK(up());
}

void Signer::crash(SimDirectory::Tear tear) {
  journal_.reset();
  disk_.crash(tear);
}

void Signer::start() {
  const Status opened = open();
  if (opened.ok()) return;
  journal_.reset();
  if (!disk_.power_is_cut()) checks_.fail("signer: " + opened.to_string());
}

Status Signer::open() {
  ASSIGN_OR_RETURN(state_, guard::initial_state(network_.genesis, network_.chain,
                                                model::MemberId(static_cast<std::uint16_t>(member_ + 1))));
  if (!disk_.exists(kName)) {
    ASSIGN_OR_RETURN(journal_, journal::Journal::create(disk_, kName, kKind, entropy_));
    return ok_status();
  }
  const auto on_record = [this](std::uint64_t, ByteView payload) -> Status {
    ASSIGN_OR_RETURN(state_, proto::reader::decode<model::GuardState>(payload, model::kMaxGuardState));
    return ok_status();
  };
  ASSIGN_OR_RETURN(journal_, journal::Journal::open(disk_, kName, kKind, on_record));
  return ok_status();
}

Result<Hash256> Signer::authorise(const model::Intent& intent) {
  model::GuardState seen = state_;
  if (!options_.guarded || options_.watermark_skipped) seen.watermark = {};
  ASSIGN_OR_RETURN(const guard::Verdict verdict, guard::check(seen, intent));
  if (options_.guarded && !verdict.repeat) {
    ASSIGN_OR_RETURN(const std::uint64_t sequence, journal_->append(proto::reader::encode(verdict.next)));
    (void)sequence;
    TRY(journal_->sync());
    state_ = verdict.next;
  }
  return verdict.digests.at(0);
}

std::optional<model::SignReply> Signer::sign(const model::SignRequest& request) {
  model::SignReply reply;
  reply.id = request.id;
  const Result<Hash256> digest = authorise(request.intent);
  if (!digest.ok()) {
    if (disk_.power_is_cut()) return std::nullopt;
    reply.code = static_cast<std::uint8_t>(digest.code());
    reply.message = to_bytes(digest.status().message().substr(0, 512));
    if (digest.code() != Code::kRefused) checks_.fail("signer: " + digest.status().to_string());
    return reply;
  }
  checks_.on_signed(member_, request.intent, *digest);
  reply.signatures.push_back(network_.validators[member_].sign(*digest));
  return reply;
}

}  // namespace custody::tests::simulation
