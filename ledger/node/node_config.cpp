#include "ledger/node/node_config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/json.h"

namespace custody::ledger::node {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::size_t kMaxEndpoints = 64u << 10;

std::string resolve(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

Result<ChainConfig> load_chain(Config& file, const std::string& path, const std::string& directory,
                               const std::string& name) {
  const std::string table = "chains." + name + ".";
  ChainConfig out;
  ASSIGN_OR_RETURN(out.url, file.string(table + "url"));
  ASSIGN_OR_RETURN(out.user, file.string(table + "user"));
  ASSIGN_OR_RETURN(out.password_file, file.string(table + "password_file"));
  out.password_file = resolve(directory, out.password_file);
  ASSIGN_OR_RETURN(out.poll_ms, file.u64(table + "poll_ms"));
  if (out.poll_ms < 50 || out.poll_ms > 60'000)
    return invalid(path + ": " + table + "poll_ms must lie between 50 and 60000");
  return out;
}

Result<Endpoints> parse_endpoints(std::string_view text) {
  ASSIGN_OR_RETURN(const Json file, Json::parse(text, kMaxEndpoints));
  ASSIGN_OR_RETURN(const Json peers, file.at("peers"));
  Endpoints out;
  for (const auto& [name, endpoint] : peers.members()) {
    ASSIGN_OR_RETURN(out[name], endpoint.as_string());
    TRY(endpoint_port(out[name]).status());
  }
  return out;
}

}  // namespace

Result<NodeConfig> load_node_config(const std::string& member_directory, const model::Genesis& genesis) {
  const std::string path = member_directory + "/node.toml";
  auto loaded = Config::load(path);
  if (loaded.code() == Code::kNotFound)
    return loaded.status().with_hint("custody-ceremony init writes one; name the external nodes in it");
  ASSIGN_OR_RETURN(Config file, std::move(loaded));
  NodeConfig out;
  ASSIGN_OR_RETURN(const std::string listen, file.string("listen"));
  if (!listen.starts_with(kTcp) || listen.size() == kTcp.size() ||
      listen.find(':', kTcp.size()) != std::string::npos) {
    return invalid(path + ": listen must be of the form tcp://HOST, without a port");
  }
  out.listen_host = listen.substr(kTcp.size());
  ASSIGN_OR_RETURN(const std::string ports, file.string("ports"));
  if (ports != "auto") return invalid(path + ": ports must be \"auto\"");
  for (const model::ExternalChain& chain : genesis.chains) {
    const std::string name(as_text(chain.name));
    ASSIGN_OR_RETURN(out.chains[name], load_chain(file, path, member_directory, name));
  }
  TRY(file.finish());
  return out;
}

Result<std::optional<Endpoints>> load_peers(const std::string& member_directory,
                                            const model::Genesis& genesis, model::MemberId own) {
  const std::string path = member_directory + "/peers.toml";
  if (access(path.c_str(), F_OK) != 0) return std::optional<Endpoints>();
  ASSIGN_OR_RETURN(Config file, Config::load(path));
  Endpoints out;
  for (const std::string& name : file.tables("peers")) {
    const bool known = std::ranges::any_of(genesis.members, [&](const model::Member& member) {
      return member.id != own && as_text(member.name) == name;
    });
    if (!known) return invalid("\"" + name + "\" is not another member of this network").with_context(path);
    ASSIGN_OR_RETURN(out[name], file.string("peers." + name + ".endpoint"));
    TRY(endpoint_port(out[name]).status().with_context(path));
  }
  TRY(file.finish());
  if (out.size() + 1 < genesis.members.size()) return std::optional<Endpoints>();
  return std::optional<Endpoints>(std::move(out));
}

Status write_endpoints(const std::string& member_directory, std::string_view own_name,
                       const Endpoints& endpoints) {
  Json peers = Json::object();
  for (const auto& [name, endpoint] : endpoints) peers.set(name, endpoint);
  Json out = Json::object();
  out.set("schema", "custody.endpoints/1").set("member", own_name).set("peers", std::move(peers));
  return write_file_atomic(member_directory + "/run/endpoints.json", as_bytes(out.dump(2) + "\n"), 0600);
}

Result<Endpoints> read_endpoints(const std::string& member_directory) {
  const std::string path = member_directory + "/run/endpoints.json";
  if (access(path.c_str(), F_OK) != 0) return Endpoints();
  ASSIGN_OR_RETURN(const Bytes raw, read_file(path, kMaxEndpoints));
  auto endpoints = parse_endpoints(as_text(raw));
  if (endpoints.ok()) return endpoints;
  return endpoints.status().with_context(path).with_hint(
      "remove it and the node takes free ports; the other members' peers.toml must then be told");
}

Result<std::uint16_t> endpoint_port(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  std::uint16_t port = 0;
  if (endpoint.starts_with(kTcp) && colon != std::string::npos && colon > kTcp.size()) {
    const char* end = endpoint.data() + endpoint.size();
    const auto [stop, error] = std::from_chars(endpoint.data() + colon + 1, end, port);
    if (error == std::errc() && stop == end && port != 0) return port;
  }
  return invalid("endpoint \"" + endpoint + "\" is not of the form tcp://HOST:PORT");
}

}  // namespace custody::ledger::node
