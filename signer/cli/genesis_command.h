// custodyctl genesis: from the members' public parts and a description of chains and parameters to the
// genesis bytes. Pure but for the files named.
#pragma once

#include "signer/cli/context.h"

namespace custody::signer::cli {

struct GenesisOptions {
  std::string kind;  // "test" or "production"
  std::string prefix;
  std::vector<std::string> members;  // public.json files, in the order of their ids
  std::string weights;               // "28,26,24,22"
  std::string chains;                // chains.json
  std::string out;
  std::uint64_t threshold = 0;  // 0: n - L
  std::uint64_t time_ms = 0;    // 0: now
};

Result<Json> make_genesis(const GenesisOptions& options, std::uint64_t now_ms);

}  // namespace custody::signer::cli
