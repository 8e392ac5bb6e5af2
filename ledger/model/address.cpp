#include "ledger/model/address.h"

#include "base/bech32.h"
#include "base/crypto/hash.h"

namespace custody::ledger::model {
namespace {

Address make(Address::Kind kind, ByteView hash) {
  Bytes raw{static_cast<std::uint8_t>(kind)};
  append(raw, hash);
  return *Address::from_bytes(raw);
}

Address system_account(std::string_view name) {
  return make(Address::Kind::kSystem, crypto::sha256(as_bytes(name)).view().first(Address::kSize - 1));
}

}  // namespace

Address Address::of_key(const PublicKey& key) {
  return make(Kind::kKey, crypto::hash160(key));
}
Address Address::treasury() {
  return system_account("caasiope/account/treasury");
}
Address Address::fee_pool() {
  return system_account("caasiope/account/fee_pool");
}

Result<Address> Address::from_bytes(ByteView bytes) {
  auto raw = FixedBytes<kSize, struct AddressBytesTag>::from(bytes);
  if (!raw.ok()) return raw.status().with_context("address");
  const auto kind = static_cast<Kind>(bytes[0]);
  if (kind != Kind::kKey && kind != Kind::kSystem) {
    return invalid("address kind " + std::to_string(bytes[0]) + " is not known here");
  }
  Address out;
  out.bytes_ = *raw;
  return out;
}

Result<Address> Address::parse(std::string_view text, std::string_view prefix) {
  auto raw = bech32::decode_bytes(text, prefix, bech32::Variant::kBech32m);
  if (!raw.ok())
    return raw.status().with_context("ledger address \"" + std::string(text.substr(0, 100)) + "\"");
  return from_bytes(*raw);
}

std::string Address::text(std::string_view prefix) const {
  return bech32::encode_bytes(prefix, bytes_, bech32::Variant::kBech32m).value();
}

}  // namespace custody::ledger::model
