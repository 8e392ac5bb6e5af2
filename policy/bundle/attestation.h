// What a member tells the ledger of its policy: the version in force, and a hash that says nothing to whoever
// does not know its salt, not even which of some candidate bundles it is. Who is shown a bundle and its salt
// can check both against the ledger. Thread-safety: pure functions, and files of one thread.
#pragma once

#include "base/entropy.h"
#include "base/file.h"
#include "base/secret.h"
#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

constexpr char kSaltFile[] = "policy.salt";  // in the signer's directory
constexpr std::size_t kSaltSeedSize = 32;    // bytes

// Of a member, drawn once: without it nobody can show what its attestations said. kNotFound; kCorrupt: the
// file has another size.
Result<SecretBytes> read_salt_seed(const Directory& files);
// Draws it and makes its file, durable on return. One that is there is kept. Errors as above, and of writing.
Status make_salt_seed(Directory& files, Entropy& entropy);

// Another salt for every bundle: to show one says nothing of the others. The seed has kSaltSeedSize bytes.
Hash256 attestation_salt(const SecretBytes& seed, const Hash256& bundle_hash);

// Digest under the bundle's chain id (tag caasiope/policy/attestation) of member, version, salt and
// bundle_hash.
Hash256 salted_hash(const Bundle& bundle, const Hash256& salt);

}  // namespace custody::policy::bundle
