// node.toml and peers.toml: what the operator configures. Every key is mandatory, an unknown one stops the
// start. Thread-safety: pure but for the files named.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/config.h"
#include "ledger/model/genesis.h"

namespace custody::ledger::node {

struct ChainConfig {
  std::string url;
  std::string user;
  std::string password_file;  // relative to the member's directory, or absolute
  std::uint64_t poll_ms = 0;
};

struct NodeConfig {
  std::string listen_host;                    // of "tcp://127.0.0.1"
  std::map<std::string, ChainConfig> chains;  // by the chain's name in genesis; one for each
};

// kInvalid or kNotFound name file and key.
Result<NodeConfig> load_node_config(const std::string& member_directory, const model::Genesis& genesis);

// Where each other member listens for us, by its name. nullopt while the file is absent or does not yet name
// every member.
using Endpoints = std::map<std::string, std::string>;
Result<std::optional<Endpoints>> load_peers(const std::string& member_directory,
                                            const model::Genesis& genesis, model::MemberId own);

// run/endpoints.json: where we listen for each other member. Read back so that a restart keeps its ports.
Status write_endpoints(const std::string& member_directory, std::string_view own_name,
                       const Endpoints& endpoints);
Result<Endpoints> read_endpoints(const std::string& member_directory);  // empty when there is none yet

// The port of "tcp://HOST:PORT"; kInvalid otherwise.
Result<std::uint16_t> endpoint_port(const std::string& endpoint);

}  // namespace custody::ledger::node
