// custodyctl policy attestation, check-attestation: what a member has told the ledger of its policy, shown to
// an auditor and checked by him. Thread-safety: one thread.
#pragma once

#include "policy/bundle/bundle.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

// Of this member's signer: version in force, its hash, the salt and the salted hash.
Result<Json> policy_attestation(Context& context);

// Whether the bundle (directory or file) is what its member attested last, by the node's ledger. An answer
// that says no marks the context as refused.
Result<Json> policy_check_attestation(Context& context, const std::string& bundle, const std::string& salt);
// The same against the node's answer to "members". kNotFound: the bundle's member is not among them.
Result<Json> compare_attestation(const policy::bundle::Bundle& bundle, const Hash256& salt,
                                 const Json& members);

}  // namespace custody::signer::cli
