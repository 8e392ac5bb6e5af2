#include "signer/ceremony/member_files.h"

#include <algorithm>

#include "base/config.h"
#include "base/crypto/secp256k1.h"

namespace custody::signer::ceremony {
namespace {

Result<journal::KeyPin> read_key(Config& config, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string id, config.string("keys." + name + ".id"));
  ASSIGN_OR_RETURN(const std::string key, config.string("keys." + name + ".public"));
  journal::KeyPin pin;
  pin.name = name;
  ASSIGN_OR_RETURN(pin.id, from_hex(id));
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(key));
  ASSIGN_OR_RETURN(pin.key, crypto::parse_public_key(raw));
  return pin;
}

}  // namespace

std::string toml_string(const std::string& text) {
  // Every JSON string is a TOML basic string.
  return Json(text).dump();
}

std::string render_signer_config(const SignerConfig& config) {
  std::string out =
      "# Written by custody-ceremony. Every key is mandatory; relative paths are taken from this directory.\n"
      "member = " +
      toml_string(config.member) + "\n" + "module = " + toml_string(config.module) + "\n" +
      "softhsm_conf = " + toml_string(config.softhsm_conf) + "\n" +
      "token_directory = " + toml_string(config.token_directory) + "\n" +
      "token_label = " + toml_string(config.token_label) + "\n" +
      "token_serial = " + toml_string(config.token_serial) + "\n" +
      "memory_lock = " + toml_string(config.memory_lock) + "\n";
  for (const journal::KeyPin& pin : config.keys) {
    out += "\n[keys." + pin.name + "]\nid = " + toml_string(to_hex(pin.id)) +
           "\npublic = " + toml_string(pin.key.hex()) + "\n";
  }
  return out;
}

Result<SignerConfig> load_signer_config(const std::string& path) {
  ASSIGN_OR_RETURN(Config config, Config::load(path));
  SignerConfig out;
  ASSIGN_OR_RETURN(out.member, config.string("member"));
  ASSIGN_OR_RETURN(out.module, config.string("module"));
  ASSIGN_OR_RETURN(out.softhsm_conf, config.string("softhsm_conf"));
  ASSIGN_OR_RETURN(out.token_directory, config.string("token_directory"));
  ASSIGN_OR_RETURN(out.token_label, config.string("token_label"));
  ASSIGN_OR_RETURN(out.token_serial, config.string("token_serial"));
  ASSIGN_OR_RETURN(out.memory_lock, config.string("memory_lock"));
  for (const std::string& name : config.tables("keys")) {
    auto pin = read_key(config, name);
    if (!pin.ok()) return pin.status().with_context(std::string(path).append(": keys.").append(name));
    out.keys.push_back(std::move(pin).value());
  }
  TRY(config.finish());
  std::ranges::sort(out.keys, {}, &journal::KeyPin::id);  // a TOML table has no order
  return out;
}

std::string render_node_config() {
  return "# Written by custody-ceremony. Add a table for each external chain of the genesis, by its name "
         "there:\n"
         "#   [chains.bitcoin-main]\n"
         "#   url = \"http://127.0.0.1:8332/\"\n"
         "#   user = \"custody\"\n"
         "#   password_file = \"secrets/bitcoin-main.rpc\"    # mode 0600\n"
         "#   poll_ms = 1000\n"
         "listen = \"tcp://127.0.0.1\"\n"
         "ports = \"auto\"\n";
}

}  // namespace custody::signer::ceremony
