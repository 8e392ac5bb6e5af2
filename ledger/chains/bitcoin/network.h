// What differs between the chains of Bitcoin's family, as data: the ledger's genesis can name a chain that
// was unknown when this code was written. Thread-safety: values.
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/alias.h"

namespace custody::ledger::chains::bitcoin {

struct Network {
  std::string name;                     // "mainnet", ...; 1..32 of a-z, 0-9, '-'
  std::array<std::uint8_t, 4> magic{};  // starts each peer-to-peer message
  std::string bech32_hrp;               // of addresses; 1..16 of a-z, 0-9
  std::uint8_t p2pkh_version = 0;       // base58check version bytes
  std::uint8_t p2sh_version = 0;
  Hash256 genesis;                            // internal byte order
  std::uint32_t pow_limit_bits = 0;           // compact form of the easiest target
  bool no_retarget = false;                   // every block keeps the previous bits (regtest)
  std::uint32_t retarget_interval = 2016;     // blocks
  std::uint32_t target_timespan = 1'209'600;  // seconds that an interval should take

  friend bool operator==(const Network&, const Network&) = default;
};

const Network& mainnet();
const Network& testnet3();  // without its 20-minute minimum-difficulty rule: see verify_header_chain
const Network& regtest();   // Bitcoin Core's: HRP bcrt, version bytes 0x6f and 0xc4

// A chain with regtest's rules and its own identity. kInvalid when a name or prefix is out of range, equal
// version bytes, or the genesis hash is zero.
Result<Network> regtest_like(std::string name, std::array<std::uint8_t, 4> magic, std::string bech32_hrp,
                             std::uint8_t p2pkh_version, std::uint8_t p2sh_version, const Hash256& genesis);

// The same checks for a network that came from outside, and that its pow_limit_bits are a target.
Status check_network(const Network& network);

}  // namespace custody::ledger::chains::bitcoin
