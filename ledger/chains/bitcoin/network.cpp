#include "ledger/chains/bitcoin/network.h"

#include <algorithm>

#include "ledger/chains/bitcoin/header.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::chains::bitcoin {
namespace {

Hash256 genesis_hash(std::string_view rpc_hex) {
  auto hash = from_rpc_hex(rpc_hex);
  CHECK(hash.ok());
  return *hash;
}

bool is_word(std::string_view text, std::size_t max_size, bool dash_allowed) {
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (dash_allowed && c == '-');
  };
  return !text.empty() && text.size() <= max_size && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

const Network& mainnet() {
  static const Network network{
      .name = "mainnet",
      .magic = {0xf9, 0xbe, 0xb4, 0xd9},
      .bech32_hrp = "bc",
      .p2pkh_version = 0x00,
      .p2sh_version = 0x05,
      .genesis = genesis_hash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
      .pow_limit_bits = 0x1d00ffff};
  return network;
}

const Network& testnet3() {
  static const Network network{
      .name = "testnet3",
      .magic = {0x0b, 0x11, 0x09, 0x07},
      .bech32_hrp = "tb",
      .p2pkh_version = 0x6f,
      .p2sh_version = 0xc4,
      .genesis = genesis_hash("000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
      .pow_limit_bits = 0x1d00ffff};
  return network;
}

const Network& regtest() {
  static const Network network{
      .name = "regtest",
      .magic = {0xfa, 0xbf, 0xb5, 0xda},
      .bech32_hrp = "bcrt",
      .p2pkh_version = 0x6f,
      .p2sh_version = 0xc4,
      .genesis = genesis_hash("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
      .pow_limit_bits = 0x207fffff,
      .no_retarget = true};
  return network;
}

Result<Network> regtest_like(std::string name, std::array<std::uint8_t, 4> magic, std::string bech32_hrp,
                             std::uint8_t p2pkh_version, std::uint8_t p2sh_version, const Hash256& genesis) {
  Network network = regtest();
  network.name = std::move(name);
  network.magic = magic;
  network.bech32_hrp = std::move(bech32_hrp);
  network.p2pkh_version = p2pkh_version;
  network.p2sh_version = p2sh_version;
  network.genesis = genesis;
  TRY(check_network(network));
  return network;
}

Status check_network(const Network& network) {
  if (!is_word(network.name, 32, true)) {
    return invalid("network: the name must be 1 to 32 of a-z, 0-9 and '-'");
  }
  const std::string where = "network " + network.name + ": ";
  if (!is_word(network.bech32_hrp, 16, false)) {
    return invalid(where + "the bech32 prefix must be 1 to 16 of a-z and 0-9");
  }
  if (network.p2pkh_version == network.p2sh_version) {
    return invalid(where + "p2pkh and p2sh must have different version bytes");
  }
  if (network.genesis.is_zero()) return invalid(where + "the genesis hash is missing");
  if (network.retarget_interval == 0 || network.target_timespan < 4 || network.target_timespan > (1u << 28)) {
    return invalid(where + "the retarget interval or timespan is out of range");
  }
  const auto limit = bits_to_target(network.pow_limit_bits);
  return limit.ok() ? ok_status() : limit.status().with_context(where + "pow_limit_bits");
}

}  // namespace custody::ledger::chains::bitcoin
