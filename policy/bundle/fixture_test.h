// A bundle of three officers for the tests here, and their keys.
#pragma once

#include <string>

#include "base/crypto/hash.h"
#include "base/crypto/p256.h"
#include "base/crypto/secp256k1.h"
#include "policy/bundle/bundle.h"
#include "policy/cedar/format.h"
#include "policy/render/text.h"

namespace custody::policy::bundle::fixture {

inline model::LedgerMs at(std::string_view time) {
  return *render::parse_time(time);
}

inline Hash256 hash_of(std::uint8_t byte) {
  Hash256 out;
  out.data()[0] = byte;
  return out;
}

inline model::ChainId chain_id() {
  return model::ChainId(crypto::sha256(as_bytes("a network for tests")).array());
}

inline const crypto::SoftwareKey& alice_key() {
  static SeededEntropy entropy(1);
  static const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  return key;
}
inline const crypto::p256::SoftwareKey& bob_key() {
  static SeededEntropy entropy(2);
  static const crypto::p256::SoftwareKey key = crypto::p256::SoftwareKey::generate(entropy);
  return key;
}
inline const crypto::SoftwareKey& carol_key() {
  static SeededEntropy entropy(3);
  static const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  return key;
}
inline const crypto::SoftwareKey& oracle_key() {
  static SeededEntropy entropy(4);
  static const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  return key;
}

inline Officer officer(std::string_view name, const std::vector<std::string>& groups, Curve curve,
                       ByteView key) {
  Officer out;
  out.name = to_bytes(name);
  for (const std::string& group : groups) out.groups.push_back(to_bytes(group));
  out.curve = curve;
  out.key = to_bytes(key);
  out.valid_from = at("2026-01-01T00:00:00Z");
  out.valid_until = at("2027-01-01T00:00:00Z");
  return out;
}

inline Bytes canonical(std::string_view policies) {
  return to_bytes(*cedar::format_policies(policies));
}

// treasury: alice (secp256k1), bob (P-256); compliance: carol.
inline Bundle bundle() {
  Bundle out;
  out.chain_id = chain_id();
  out.member = model::MemberId(2);
  out.version = 1;
  out.schema = to_bytes(
      "entity Member;\nentity Ledger;\n"
      "action ballot appliesTo { principal: Member, resource: Ledger, context: { height: Long } };\n");
  out.policies = canonical(
      "@id(\"ballots\") permit(principal, action == Action::\"ballot\", resource)"
      " when { context.height <= 100 };");
  out.groups = {to_bytes("compliance"), to_bytes("treasury")};
  out.officers = {officer("alice", {"treasury"}, Curve::kSecp256k1, alice_key().public_key()),
                  officer("bob", {"treasury"}, Curve::kP256, bob_key().public_key()),
                  officer("carol", {"compliance", "treasury"}, Curve::kSecp256k1, carol_key().public_key())};
  out.allow_list = {
      {to_bytes("BTC"), to_bytes("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), to_bytes("Exchange One Ltd"),
       to_bytes("settlement account, ticket 17"), at("2026-12-31T00:00:00Z")},
      {to_bytes("LTC"), to_bytes("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"), to_bytes("Exchange One Ltd"),
       to_bytes("settlement account"), at("2026-12-31T00:00:00Z")}};
  out.units = {{to_bytes("BTC"), 4}, {to_bytes("LTC"), 2}};
  out.price_source = PriceSource{to_bytes("price-desk"), to_bytes("USD"), 2, oracle_key().public_key(), 30};
  out.activation = {to_bytes("treasury"), 2};
  out.unfreeze = {to_bytes("treasury"), 2};
  out.activation_delay_minutes = 60;
  out.pending_expiry_hours = 24;
  return out;
}

// The version after it, with one change.
inline Bundle next_bundle(const Bundle& active) {
  Bundle out = active;
  out.version = active.version + 1;
  out.previous = bundle_hash(active);
  out.pending_expiry_hours = 12;
  return out;
}

inline Signature sign_as(std::string_view name, const Hash256& digest) {
  if (name == "bob") return bob_key().sign(digest);
  return (name == "alice" ? alice_key() : carol_key()).sign(digest);
}

}  // namespace custody::policy::bundle::fixture
