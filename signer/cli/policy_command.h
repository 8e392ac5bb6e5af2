// custodyctl policy, the part that needs no running signer: write, check, test, compare and sign a bundle.
// Thread-safety: one thread.
#pragma once

#include <string>
#include <vector>

#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

struct PolicyNewOptions {
  std::string directory, genesis, member;
  std::vector<std::string> officers;  // name:group[,group]:curve:pubkeyhex
  std::vector<std::string> limits;    // CODE:SMALL:LARGE
  std::string valid_from, valid_until;
  std::uint32_t listed_hours = 48;
  std::uint32_t delay_minutes = 720;
  std::uint32_t expiry_hours = 24;
};
// kExists, and nothing is changed, when the directory is there and not empty.
Result<Json> policy_new(const Context& context, const PolicyNewOptions& options, std::uint64_t now_ms);

// All findings, those of the network only with a genesis. context.refused when there are any.
Result<Json> policy_lint(Context& context, const std::string& directory, const std::string& genesis);
// Rewrites *.cedar files that are laid out otherwise; with check only names them (context.refused).
Result<Json> policy_format(Context& context, const std::string& directory, bool check);
// context.refused when a case is not as expected.
Result<Json> policy_test(Context& context, const std::string& directory, const std::string& genesis);
Result<Json> policy_diff(const std::string& before, const std::string& after);

Result<Json> policy_propose(const Context& context, const std::string& directory, const std::string& genesis,
                            const std::string& out);

struct PolicyShowOptions {
  std::string file;            // directory, or file of `policy propose`
  std::string active = {};     // the bundle in force, whose officers sign; empty: not known here
  std::string directory = {};  // where the version is written as text files; empty: nowhere
};
// Everything that is signed, with the texts of schema and policies, and who signed it. kExists, and nothing
// is written, when the directory is there and not empty.
Result<Json> policy_show(const PolicyShowOptions& options);

struct PolicySignOptions {
  std::string file, officer;
  std::string hash;    // what `policy show` gave; another bundle is not signed. Empty: the terminal is asked
  std::string active;  // the bundle in force, whose officers sign; empty: not known here
  OfficerKeyOptions key;
};
// Adds the officer's signature to the file. Without a hash a person is shown what is signed and asked first
// (confirm.h).
Result<Json> policy_sign(const PolicySignOptions& options);

}  // namespace custody::signer::cli
