#include "base/crypto/secp256k1.h"

#include <secp256k1.h>

#include <array>

namespace custody::crypto {
namespace {

// Blinded once at creation, against side channels when signing; afterwards only read.
const secp256k1_context* context() {
  static const secp256k1_context* const instance = [] {
    secp256k1_context* created = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    CHECK(created != nullptr);
    std::array<std::uint8_t, 32> seed;
    SystemEntropy().fill(seed);
    CHECK(secp256k1_context_randomize(created, seed.data()) == 1);
    wipe(seed);
    return created;
  }();
  return instance;
}

Result<secp256k1_pubkey> parse_sec1(ByteView sec1) {
  secp256k1_pubkey key;
  // libsecp256k1 aborts on a null pointer, which is what an empty view may hold.
  if (sec1.empty() || secp256k1_ec_pubkey_parse(context(), &key, sec1.data(), sec1.size()) != 1) {
    return invalid("not a point of secp256k1 in SEC1 form (" + std::to_string(sec1.size()) + " bytes)");
  }
  return key;
}

PublicKey serialize(const secp256k1_pubkey& key) {
  PublicKey out;
  std::size_t size = PublicKey::kSize;
  CHECK(secp256k1_ec_pubkey_serialize(context(), out.data(), &size, &key, SECP256K1_EC_COMPRESSED) == 1);
  CHECK(size == PublicKey::kSize);
  return out;
}

Signature serialize(const secp256k1_ecdsa_signature& signature) {
  Signature out;
  CHECK(secp256k1_ecdsa_signature_serialize_compact(context(), out.data(), &signature) == 1);
  return out;
}

bool half_is_zero(ByteView half) {
  for (const std::uint8_t byte : half) {
    if (byte != 0) return false;
  }
  return true;
}

// r and s in [1, n)?
Result<secp256k1_ecdsa_signature> parse_compact(ByteView r_s) {
  if (r_s.size() != Signature::kSize) {
    return invalid("a signature has 64 bytes, this one has " + std::to_string(r_s.size()));
  }
  secp256k1_ecdsa_signature parsed;
  const bool in_range = secp256k1_ecdsa_signature_parse_compact(context(), &parsed, r_s.data()) == 1;
  if (!in_range || half_is_zero(r_s.first(32)) || half_is_zero(r_s.last(32))) {
    return invalid("signature with r or s outside of [1, n)");
  }
  return parsed;
}

}  // namespace

Result<PublicKey> parse_public_key(ByteView compressed) {
  if (compressed.size() != PublicKey::kSize) {
    return invalid("a compressed public key has 33 bytes, this one has " + std::to_string(compressed.size()));
  }
  TRY(parse_sec1(compressed));
  return PublicKey::from(compressed);
}

Result<PublicKey> compress_public_key(ByteView sec1) {
  // libsecp256k1 also reads the hybrid form (0x06, 0x07), which nobody should send us.
  if (sec1.size() == 65 && sec1[0] != 0x04) return invalid("a 65-byte public key must begin with 0x04");
  ASSIGN_OR_RETURN(const secp256k1_pubkey key, parse_sec1(sec1));
  return serialize(key);
}

bool verify(const PublicKey& key, const Hash256& digest, const Signature& signature) {
  secp256k1_pubkey parsed_key;
  secp256k1_ecdsa_signature parsed;
  return secp256k1_ec_pubkey_parse(context(), &parsed_key, key.data(), PublicKey::kSize) == 1 &&
         secp256k1_ecdsa_signature_parse_compact(context(), &parsed, signature.data()) == 1 &&
         secp256k1_ecdsa_verify(context(), &parsed, digest.data(), &parsed_key) ==
             1;  // refuses high S and zero
}

Result<Signature> normalize(ByteView r_s) {
  ASSIGN_OR_RETURN(secp256k1_ecdsa_signature parsed, parse_compact(r_s));
  secp256k1_ecdsa_signature_normalize(context(), &parsed, &parsed);
  return serialize(parsed);
}

Bytes to_der(const Signature& signature) {
  secp256k1_ecdsa_signature parsed;
  CHECK(secp256k1_ecdsa_signature_parse_compact(context(), &parsed, signature.data()) == 1);
  Bytes out(72);
  std::size_t size = out.size();
  CHECK(secp256k1_ecdsa_signature_serialize_der(context(), out.data(), &size, &parsed) == 1);
  out.resize(size);
  return out;
}

Result<Signature> from_der(ByteView der) {
  secp256k1_ecdsa_signature parsed;
  if (der.empty() || secp256k1_ecdsa_signature_parse_der(context(), &parsed, der.data(), der.size()) != 1) {
    return invalid("signature is not strict DER");
  }
  const Signature signature = serialize(parsed);
  TRY(parse_compact(signature));  // the DER reader turns values out of range into zero
  if (secp256k1_ecdsa_signature_normalize(context(), nullptr, &parsed) == 1)
    return invalid("signature with high S");
  if (!equal(to_der(signature), der)) return invalid("signature is not strict DER");
  return signature;
}

Result<PublicKey> tweak_add(const PublicKey& key, const Hash256& scalar) {
  if (scalar.is_zero()) return invalid("tweak of zero");
  ASSIGN_OR_RETURN(secp256k1_pubkey point, parse_sec1(key));
  if (secp256k1_ec_pubkey_tweak_add(context(), &point, scalar.data()) != 1) {
    return invalid("tweak not below the group order, or the sum is the point at infinity");
  }
  return serialize(point);
}

SoftwareKey SoftwareKey::generate(Entropy& entropy) {
  for (;;) {  // a second round has a probability of 2^-128
    SecretBytes secret(std::size_t{32});
    entropy.fill(secret.span());
    Result<SoftwareKey> key = from_secret(secret);
    if (key.ok()) return std::move(key).value();
  }
}

Result<SoftwareKey> SoftwareKey::from_secret(const SecretBytes& secret) {
  secp256k1_pubkey point;
  if (secret.size() != 32 || secp256k1_ec_pubkey_create(context(), &point, secret.view().data()) != 1) {
    return invalid("a secret key has 32 bytes and lies in [1, n)");
  }
  return SoftwareKey(secret.clone(), serialize(point));
}

Signature SoftwareKey::sign(const Hash256& digest) const {
  secp256k1_ecdsa_signature signature;
  CHECK(secp256k1_ecdsa_sign(context(), &signature, digest.data(), secret_.view().data(),
                             secp256k1_nonce_function_rfc6979, nullptr) == 1);
  return serialize(signature);
}

}  // namespace custody::crypto
