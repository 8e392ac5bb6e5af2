// What the tests of this folder share: the network, officers and addresses of the example bundle.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/crypto/hash.h"
#include "base/crypto/p256.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"
#include "policy/bundle/directory.h"
#include "policy/cedar/format.h"
#include "policy/engine/decide.h"
#include "policy/engine/state.h"
#include "policy/render/text.h"
#include "tests/support/paths.h"

namespace custody::policy::engine::fixture {

inline model::LedgerMs at(std::string_view time) {
  const auto parsed = render::parse_time(time);
  EXPECT_TRUE(parsed.ok()) << time;
  return parsed.ok() ? *parsed : model::LedgerMs();
}

inline const Network& network() {
  static const Network made = [] {
    Network out;
    out.chain_id = model::ChainId(crypto::sha256(as_bytes("the example's network")).array());
    out.member = model::MemberId(2);
    out.member_name = to_bytes("north-bank");
    constexpr std::string_view kCodes[] = {"BTC", "LTC"};
    constexpr std::string_view kPrefixes[] = {"bc", "ltc"};
    for (std::uint16_t i = 0; i < 2; ++i) {
      const model::ExternalChainId chain(static_cast<std::uint16_t>(i + 1));
      out.currencies.push_back(
          {model::CurrencyId(static_cast<std::uint16_t>(i + 1)), to_bytes(kCodes[i]), 8, 8, chain});
      model::ExternalChain external;
      external.id = chain;
      external.name = to_bytes(kPrefixes[i]);
      external.hrp = to_bytes(kPrefixes[i]);
      external.p2sh_version = 5;
      out.chains.push_back(external);
    }
    return out;
  }();
  return made;
}

inline model::CurrencyId currency_id(std::string_view code) {
  return model::CurrencyId(code == "BTC" ? 1 : 2);
}

// A pay-to-witness-public-key-hash script that stands for a payee, whatever he is called.
inline Bytes script_of(std::string_view payee) {
  const Hash256 hash = crypto::sha256(as_bytes(payee));
  Bytes out = {0x00, 0x14};
  append(out, ByteView(hash.view()).first(20));
  return out;
}
inline std::string address_of(std::string_view payee, std::string_view code) {
  const std::size_t chain = code == "BTC" ? 0 : 1;
  return *chains::bitcoin::format_address(script_of(payee),
                                          ledger::custody::network_of(network().chains[chain]));
}

// Of the officer of this name; bob and erin have smart cards with P-256, the others secp256k1.
inline bool has_p256(std::string_view officer) {
  return officer == "bob" || officer == "erin";
}
inline std::uint64_t seed_of(std::string_view officer) {
  std::uint64_t seed = 0;
  for (const char c : officer) seed = seed * 31 + static_cast<unsigned char>(c);
  return seed;
}
inline Bytes key_of(std::string_view officer) {
  SeededEntropy entropy(seed_of(officer));
  if (has_p256(officer)) return to_bytes(crypto::p256::SoftwareKey::generate(entropy).public_key().view());
  return to_bytes(crypto::SoftwareKey::generate(entropy).public_key().view());
}
inline Signature sign_as(std::string_view officer, const Hash256& digest) {
  SeededEntropy entropy(seed_of(officer));
  if (has_p256(officer)) return crypto::p256::SoftwareKey::generate(entropy).sign(digest);
  return crypto::SoftwareKey::generate(entropy).sign(digest);
}

inline bundle::SignedVote signed_vote(const render::Request& request, std::string_view officer,
                                      std::string_view group, render::Vote vote = render::Vote::kApprove) {
  return {render::request_id(request), vote, to_bytes(officer), to_bytes(group),
          sign_as(officer, render::vote_digest(request, officer, group, vote))};
}

inline bundle::Bundle example_bundle() {
  auto read = bundle::read_directory(tests::source_dir() + "/policy/engine/testdata/example");
  EXPECT_TRUE(read.ok()) << read.status().to_string();
  return read.ok() ? std::move(read).value() : bundle::Bundle();
}

inline CompiledBundle compiled(bundle::Bundle bundle) {
  auto out = CompiledBundle::compile(std::move(bundle), network());
  EXPECT_TRUE(out.ok()) << out.status().to_string();
  CHECK(out.ok());
  return std::move(out).value();
}

// A bundle with these policies over everything that the engine knows; without prices also nothing that needs
// one.
inline bundle::Bundle bundle_with(std::string_view policies, bool prices = false) {
  bundle::Bundle out = example_bundle();
  out.policies = to_bytes(*cedar::format_policies(policies));
  out.schema = to_bytes(schema_text(out.groups, prices));
  if (!prices) out.price_source.reset();
  return out;
}

}  // namespace custody::policy::engine::fixture
