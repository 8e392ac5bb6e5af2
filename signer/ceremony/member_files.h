// The files of a member's directory that the ceremony writes: names, and the configuration of the signer.
// Thread-safety: values.
#pragma once

#include <string>

#include "base/json.h"
#include "signer/journal/signer_journal.h"

namespace custody::signer::ceremony {

// Relative to the member's directory.
inline constexpr char kPublicFile[] = "public.json";
inline constexpr char kGenesisFile[] = "genesis.bin";
inline constexpr char kSignerConfig[] = "signer.toml";
inline constexpr char kNodeConfig[] = "node.toml";
inline constexpr char kSoftHsmConf[] = "softhsm2.conf";
inline constexpr char kTokenDirectory[] = "token";
inline constexpr char kSignerDirectory[] = "signer";
inline constexpr char kUserPinFile[] = "secrets/user-pin";
inline constexpr char kSoPinFile[] = "secrets/so-pin";
inline constexpr char kCurveFile[] = "secrets/curve.key";

// signer.toml: what custody-signerd starts with.
struct SignerConfig {
  std::string member;
  std::string module;
  std::string softhsm_conf;     // "" unless the module is SoftHSM2
  std::string token_directory;  // "" unless the token is a directory
  std::string token_label;
  std::string token_serial;
  std::string memory_lock;            // "all" or "secrets"
  std::vector<journal::KeyPin> keys;  // ascending ids
};

std::string render_signer_config(const SignerConfig& config);
// Strict: every key, and nothing else.
Result<SignerConfig> load_signer_config(const std::string& path);

std::string render_node_config();  // without external nodes: those are the operator's to fill in

// A TOML basic string.
std::string toml_string(const std::string& text);

}  // namespace custody::signer::ceremony
