#include "signer/daemon/config.h"

#include <algorithm>

#include "base/config.h"
#include "base/crypto/secp256k1.h"

namespace custody::signer::daemon {
namespace {

std::string absolute(const std::string& path, const std::string& directory) {
  return path.empty() || path.front() == '/' ? path : directory + "/" + path;
}

Result<MemoryLock> read_memory_lock(Config& config, const std::string& origin) {
  ASSIGN_OR_RETURN(const std::string word, config.string("memory_lock"));
  if (word == "all") return MemoryLock::kAll;
  if (word == "secrets") return MemoryLock::kSecrets;
  return invalid(origin + ": memory_lock must be \"all\" or \"secrets\", not \"" + word + "\"");
}

Result<hsm::PinnedKey> read_key(Config& config, const std::string& origin, const std::string& name) {
  const std::string where = origin + ": keys." + name;
  ASSIGN_OR_RETURN(const std::string id, config.string("keys." + name + ".id"));
  ASSIGN_OR_RETURN(const std::string key, config.string("keys." + name + ".public"));
  auto raw_id = from_hex(id);
  if (!raw_id.ok() || raw_id->empty()) return invalid(where + ".id must be hex");
  const auto raw_key = from_hex(key);
  if (!raw_key.ok()) return raw_key.status().with_context(where + ".public");
  const auto parsed = crypto::parse_public_key(*raw_key);
  if (!parsed.ok()) return parsed.status().with_context(where + ".public");
  return hsm::PinnedKey{name, std::move(raw_id).value(), *parsed};
}

Result<DaemonConfig> read(Config& config, const std::string& origin, const std::string& directory) {
  DaemonConfig out;
  ASSIGN_OR_RETURN(out.member, config.string("member"));
  ASSIGN_OR_RETURN(const std::string module, config.string("module"));
  ASSIGN_OR_RETURN(const std::string softhsm_conf, config.string("softhsm_conf"));
  ASSIGN_OR_RETURN(const std::string token_directory, config.string("token_directory"));
  ASSIGN_OR_RETURN(out.token.token_label, config.string("token_label"));
  ASSIGN_OR_RETURN(out.token.token_serial, config.string("token_serial"));
  ASSIGN_OR_RETURN(out.memory_lock, read_memory_lock(config, origin));
  out.token.module_path = absolute(module, directory);
  out.softhsm_conf = absolute(softhsm_conf, directory);
  out.token_directory = absolute(token_directory, directory);
  for (const std::string& name : config.tables("keys")) {
    ASSIGN_OR_RETURN(auto key, read_key(config, origin, name));
    out.keys.push_back(std::move(key));
  }
  TRY(config.finish());
  return out;
}

}  // namespace

Result<DaemonConfig> parse_config(std::string_view text, const std::string& origin,
                                  const std::string& member_directory) {
  ASSIGN_OR_RETURN(Config config, Config::parse(text, origin));
  auto out = read(config, origin, member_directory);
  // A missing key is the file's fault, not a missing file.
  if (out.code() == Code::kNotFound)
    return invalid(out.status().message(), "every key of signer.toml is mandatory");
  return out;
}

Status check_pins(const DaemonConfig& config, const journal::Binding& binding) {
  const std::string hint = "signer.toml must be the file that the ceremony wrote for this journal";
  if (config.token.token_label != binding.token_label || config.token.token_serial != binding.token_serial) {
    return refused("signer.toml names token " + config.token.token_label + " (" + config.token.token_serial +
                       "), the journal is bound to " + binding.token_label + " (" + binding.token_serial +
                       ")",
                   hint);
  }
  for (const journal::KeyPin& pin : binding.keys) {
    const auto key = std::ranges::find(config.keys, pin.name, &hsm::PinnedKey::name);
    if (key == config.keys.end() || key->id != pin.id || key->public_key != pin.key) {
      return refused("signer.toml's key " + pin.name + " is not the one that the journal is bound to", hint);
    }
  }
  if (config.keys.size() != binding.keys.size())
    return refused("signer.toml has keys that are not bound", hint);
  return ok_status();
}

}  // namespace custody::signer::daemon
