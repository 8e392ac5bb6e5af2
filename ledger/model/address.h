// Ledger addresses: one kind byte and a 20-byte hash; as text bech32m (BIP-350) with the network's prefix.
// Thread-safety: values.
#pragma once

#include <string>

#include "ledger/model/ids.h"

namespace custody::ledger::model {

// The 21 bytes kind || hash as they stand in transactions. Kind 1: HASH160 of a compressed public key. Kind
// 3: accounts that no key can spend (treasury, fee pool).
class Address {
 public:
  static constexpr std::size_t kSize = 21;
  enum class Kind : std::uint8_t { kKey = 1, kSystem = 3 };

  Address() = default;  // not valid; for containers
  static Address of_key(const PublicKey& key);
  static Address treasury();
  static Address fee_pool();
  static Result<Address> from_bytes(ByteView bytes);  // kInvalid for another size or kind
  static Result<Address> parse(std::string_view text, std::string_view prefix);  // names what is wrong

  Kind kind() const { return static_cast<Kind>(bytes_.array()[0]); }
  ByteView view() const { return bytes_.view(); }
  std::string text(std::string_view prefix) const;

  friend auto operator<=>(const Address&, const Address&) = default;
  friend bool operator==(const Address&, const Address&) = default;

 private:
  FixedBytes<kSize, struct AddressBytesTag> bytes_;
};

}  // namespace custody::ledger::model

template <>
struct std::hash<custody::ledger::model::Address> {
  std::size_t operator()(const custody::ledger::model::Address& a) const {
    return std::hash<std::string_view>{}(custody::as_text(a.view()));
  }
};
