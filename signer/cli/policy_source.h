// Where the policy commands take bundles and the network from: files of the member and of its officers.
// Thread-safety: one thread.
#pragma once

#include "policy/bundle/statement.h"
#include "policy/engine/compiled_bundle.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

// genesis.bin as read, with what its bytes are called.
struct GenesisFile {
  model::Genesis genesis;
  model::ChainId chain_id;
};
// path empty: that of the member's directory. kInvalid: neither is given, or it is no genesis.
Result<GenesisFile> read_genesis(const Context& context, const std::string& path);
Result<model::Member> find_member(const model::Genesis& genesis, std::string_view name);

// A bundle with the signatures under it; a directory has none.
struct BundleSource {
  policy::bundle::Bundle bundle;
  std::vector<policy::bundle::OfficerSignature> signatures;
};
// A directory (policy/bundle/directory.h) or a file that `policy propose` wrote.
Result<BundleSource> read_bundle(const std::string& path);
// A draft's directory whose policies passed lint; kInvalid names the first findings with file and line.
Result<policy::bundle::Bundle> read_linted(const std::string& directory);
// kExists: the directory is there and not empty.
Status check_new_directory(const std::string& directory);
// For the network and the member that the bundle names; otherwise as CompiledBundle::compile.
Result<policy::engine::CompiledBundle> compile_for(const GenesisFile& genesis, policy::bundle::Bundle bundle);

}  // namespace custody::signer::cli
