#include "signer/cli/policy_source.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "policy/bundle/directory.h"
#include "proto/reader/digests.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;

constexpr std::size_t kMaxGenesis = 1u << 20;

}  // namespace

Result<GenesisFile> read_genesis(const Context& context, const std::string& path) {
  if (path.empty() && context.member_directory.empty()) {
    return invalid("which network is it for?", "give --genesis FILE, or --member DIR for its genesis.bin");
  }
  const std::string file = path.empty() ? context.member_directory + "/genesis.bin" : path;
  ASSIGN_OR_RETURN(const Bytes bytes, read_file(file, kMaxGenesis));
  auto genesis = proto::reader::decode_genesis(bytes);
  if (!genesis.ok()) return genesis.status().with_context(file);
  return GenesisFile{std::move(genesis).value(), proto::reader::chain_id_of(bytes)};
}

Result<model::Member> find_member(const model::Genesis& genesis, std::string_view name) {
  const auto found = std::ranges::find_if(
      genesis.members, [&](const model::Member& member) { return as_text(member.name) == name; });
  if (found != genesis.members.end()) return *found;
  std::string known;
  for (const model::Member& member : genesis.members) known += " " + std::string(as_text(member.name));
  return invalid("genesis has no member \"" + to_printable(name.substr(0, 40)) + "\"", "known:" + known);
}

Result<BundleSource> read_bundle(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    ASSIGN_OR_RETURN(bundle::Bundle content, bundle::read_directory(path));
    return BundleSource{std::move(content), {}};
  }
  ASSIGN_OR_RETURN(const Bytes bytes, read_file(path, bundle::kMaxSignedBundle));
  const auto signed_bundle = bundle::decode_signed_bundle(bytes);
  if (!signed_bundle.ok()) {
    return signed_bundle.status().with_context(path).with_hint(
        "name a directory, or a file of `custodyctl policy propose`");
  }
  auto content = bundle::decode_bundle(signed_bundle->bundle);
  if (!content.ok()) return content.status().with_context(path);
  return BundleSource{std::move(content).value(), signed_bundle->signatures};
}

Status check_new_directory(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error) || std::filesystem::is_empty(directory, error))
    return ok_status();
  return exists(directory + " is not empty", "name a new directory");
}

Result<engine::CompiledBundle> compile_for(const GenesisFile& genesis, bundle::Bundle content) {
  ASSIGN_OR_RETURN(const engine::Network network,
                   engine::network_for(genesis.genesis, genesis.chain_id, content.member));
  return engine::CompiledBundle::compile(std::move(content), network);
}

}  // namespace custody::signer::cli
