#include "policy/bundle/attestation.h"

#include <array>

#include "proto/reader/digests.h"

namespace custody::policy::bundle {
namespace {

constexpr std::string_view kSaltTag = "caasiope/policy/salt";
constexpr std::string_view kAttestationTag = "caasiope/policy/attestation";
constexpr std::string_view kHint =
    "restore it from the backup of the member's directory: with another one nobody could show what the "
    "ledger's attestations say";

struct Attested {
  model::MemberId member;
  std::uint64_t version = 0;
  Hash256 salt;
  Hash256 bundle;
};
template <class V>
void describe(V& v, Attested& m) {
  v.field(1, m.member);
  v.field(2, m.version);
  v.field(3, m.salt);
  v.field(4, m.bundle);
}

Status wrong_size() {
  return corrupt(std::string(kSaltFile) + " must hold " + std::to_string(kSaltSeedSize) + " bytes",
                 std::string(kHint));
}

}  // namespace

Result<SecretBytes> read_salt_seed(const Directory& files) {
  auto bytes = files.read(kSaltFile, kSaltSeedSize);
  if (bytes.code() == Code::kExhausted) return wrong_size();
  if (bytes.code() == Code::kNotFound) {
    return not_found(std::string(kSaltFile) + " is missing in the signer's directory", std::string(kHint));
  }
  if (!bytes.ok()) return bytes.status();
  SecretBytes out(*bytes);
  wipe(*bytes);
  if (out.size() != kSaltSeedSize) return wrong_size();
  return out;
}

Status make_salt_seed(Directory& files, Entropy& entropy) {
  if (files.exists(kSaltFile)) return detail::as_status(read_salt_seed(files));
  SecretBytes seed(kSaltSeedSize);
  entropy.fill(seed.span());
  return files.write_atomic(kSaltFile, seed.view());
}

// All inputs have fixed sizes, so that no salt is the beginning of another's input.
Hash256 attestation_salt(const SecretBytes& seed, const Hash256& bundle_hash) {
  CHECK(seed.size() == kSaltSeedSize);
  const Hash256 tag = crypto::sha256(as_bytes(kSaltTag));
  return crypto::sha256({tag.view(), tag.view(), seed.view(), bundle_hash.view()});
}

Hash256 salted_hash(const Bundle& bundle, const Hash256& salt) {
  return proto::reader::digest(
      kAttestationTag, bundle.chain_id,
      proto::reader::encode(Attested{bundle.member, bundle.version, salt, bundle_hash(bundle)}));
}

}  // namespace custody::policy::bundle
