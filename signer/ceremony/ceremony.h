// The key ceremony of a member, with its signer stopped: init makes token, keys and configuration; bind ties
// the signer's journal to genesis, policy, token and keys. Thread-safety: one thread; init sets SOFTHSM2_CONF
// in the process's environment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/json.h"

namespace custody::signer::ceremony {

inline constexpr char kSoftHsmModule[] = "/usr/lib/softhsm/libsofthsm2.so";

struct InitOptions {
  std::string directory;                // absent or empty; made with mode 0700
  std::string name;                     // 1..32 of a-z 0-9 -
  std::string legal_entity;             // 1..128 printable ASCII
  std::string jurisdiction;             // two letters, ISO 3166-1
  std::string parent;                   // 0..128
  std::string hoster;                   // 0..128
  std::string kyc_expiry;               // YYYY-MM-DD, in the future
  std::vector<std::string> currencies;  // codes, 1..8 of A-Z 0-9, each once, at most 16
  std::uint32_t wallet_epoch = 1;
  std::string module = kSoftHsmModule;
  std::string token_label;  // "": the member's name
  std::string memory_lock;  // "all", "secrets", or "": all where this user may lock memory without limit
  int user_pin_fd = -1;     // -1: a random PIN is made and kept in secrets/
  int so_pin_fd = -1;
};

// Makes the directory with token, keys (validator, attest, governance, seat-CODE-EPOCH), CURVE key,
// signer.toml and node.toml, and public.json last. Returns what public.json holds. kExists: the directory is
// not empty. After an error the directory is unfinished and init refuses it.
Result<Json> init_member(const InitOptions& options, UnixMs now, Entropy& entropy);

struct BindOptions {
  std::string directory;
  std::string genesis;  // file
  std::string policy;   // directory of the policy bundle (policy/bundle/directory.h), version 1
};

// Checks that genesis has this member with exactly the keys of signer.toml and secrets/curve.key, and that
// the policy bundle is for this network and member and compiles; keeps both in the directory and creates the
// journal, whose first record binds them.
// kExists: there is a journal. kRefused: genesis does not fit this member. Returns
// {"schema":"custody.binding/1",...}.
Result<Json> bind_member(const BindOptions& options, Entropy& entropy);

}  // namespace custody::signer::ceremony
