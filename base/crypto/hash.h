// Hash functions. OpenSSL (fetched once, contexts reused per thread) and, for Keccak, Botan. Thread-safe.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/bytes.h"

namespace custody::crypto {

using Hash160 = FixedBytes<20, struct Hash160Tag>;

Hash256 sha256(ByteView data);
Hash256 sha256(std::initializer_list<ByteView> parts);  // of the concatenation
Hash256 sha256d(ByteView data);                         // SHA256(SHA256(data)), Bitcoin
Hash160 hash160(ByteView data);                         // RIPEMD160(SHA256(data)), Bitcoin
Hash256 keccak256(ByteView data);                       // Ethereum's, not NIST SHA3

// SHA256(SHA256(tag) || SHA256(tag) || data), BIP-340.
Hash256 tagged_hash(std::string_view tag, ByteView data);

// Streaming SHA-256 for data that does not lie in one place.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& update(ByteView data);
  Hash256 finish();  // the object may not be used afterwards

 private:
  void* context_;
};

}  // namespace custody::crypto
