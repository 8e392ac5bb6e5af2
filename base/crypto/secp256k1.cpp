#include "base/crypto/secp256k1.h"

#include <secp256k1.h>

namespace custody::crypto {
namespace {

// Never randomised and never changed after creation, so any thread may use it; the only secret operation on
// it is for users' software keys.
const secp256k1_context* context() {
  static const secp256k1_context* const shared =
      secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
  return shared;
}

Result<secp256k1_pubkey> parse(ByteView sec1) {
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_parse(context(), &point, sec1.data(), sec1.size()) != 1) {
    return invalid("not a point on secp256k1 in SEC1 form");
  }
  return point;
}

PublicKey compressed(const secp256k1_pubkey& point) {
  PublicKey out;
  std::size_t size = PublicKey::kSize;
  CHECK(secp256k1_ec_pubkey_serialize(context(), out.data(), &size, &point, SECP256K1_EC_COMPRESSED) == 1);
  return out;
}

Signature compact(const secp256k1_ecdsa_signature& signature) {
  Signature out;
  CHECK(secp256k1_ecdsa_signature_serialize_compact(context(), out.data(), &signature) == 1);
  return out;
}

}  // namespace

Result<PublicKey> parse_public_key(ByteView sec1) {
  if (sec1.size() != PublicKey::kSize) return invalid("a compressed public key has 33 bytes");
  ASSIGN_OR_RETURN(const secp256k1_pubkey point, parse(sec1));
  return compressed(point);
}

Result<PublicKey> compress_public_key(ByteView sec1) {
  // libsecp256k1 would also take the hybrid form (0x06, 0x07).
  const bool plain =
      (sec1.size() == 65 && sec1[0] == 4) || (sec1.size() == 33 && (sec1[0] == 2 || sec1[0] == 3));
  if (!plain) return invalid("not a compressed or uncompressed SEC1 public key");
  ASSIGN_OR_RETURN(const secp256k1_pubkey point, parse(sec1));
  return compressed(point);
}

bool verify(const PublicKey& key, const Hash256& digest, const Signature& signature) {
  const auto point = parse(key);
  if (!point.ok()) return false;
  secp256k1_ecdsa_signature parsed;
  if (secp256k1_ecdsa_signature_parse_compact(context(), &parsed, signature.data()) != 1) return false;
  // libsecp256k1 verifies low-S signatures only.
  return secp256k1_ecdsa_verify(context(), &parsed, digest.data(), &*point) == 1;
}

Result<Signature> normalize(ByteView r_s) {
  if (r_s.size() != Signature::kSize)
    return invalid("a raw ECDSA signature has 64 bytes, got " + std::to_string(r_s.size()));
  secp256k1_ecdsa_signature parsed;
  if (secp256k1_ecdsa_signature_parse_compact(context(), &parsed, r_s.data()) != 1) {
    return invalid("r or s of the signature is out of range");
  }
  secp256k1_ecdsa_signature low;
  secp256k1_ecdsa_signature_normalize(context(), &low, &parsed);
  return compact(low);
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
  if (secp256k1_ecdsa_signature_parse_der(context(), &parsed, der.data(), der.size()) != 1) {
    return invalid("not a DER signature");
  }
  const Signature out = compact(parsed);
  // The library's parser forgives some non-DER encodings; what does not come back byte for byte is refused.
  Bytes again(72);
  std::size_t size = again.size();
  CHECK(secp256k1_ecdsa_signature_serialize_der(context(), again.data(), &size, &parsed) == 1);
  again.resize(size);
  if (!equal(again, der)) return invalid("not a strict DER signature");
  return out;
}

Result<PublicKey> tweak_add(const PublicKey& key, const Hash256& scalar) {
  ASSIGN_OR_RETURN(secp256k1_pubkey point, parse(key));
  if (secp256k1_ec_pubkey_tweak_add(context(), &point, scalar.data()) != 1) {
    return invalid("the scalar is out of range or leads to the point at infinity");
  }
  return compressed(point);
}

SoftwareKey SoftwareKey::generate(Entropy& entropy) {
  for (;;) {
    SecretBytes secret(32);
    entropy.fill(secret.span());
    auto key = from_secret(secret);
    if (key.ok()) return std::move(key).value();
  }
}

Result<SoftwareKey> SoftwareKey::from_secret(const SecretBytes& secret) {
  secp256k1_pubkey point;
  if (secret.size() != 32 || secp256k1_ec_pubkey_create(context(), &point, secret.view().data()) != 1) {
    return invalid("not a secp256k1 secret key");
  }
  return SoftwareKey(secret.clone(), compressed(point));
}

Signature SoftwareKey::sign(const Hash256& digest) const {
  secp256k1_ecdsa_signature signature;
  CHECK(secp256k1_ecdsa_sign(context(), &signature, digest.data(), secret_.view().data(), nullptr, nullptr) ==
        1);
  return compact(signature);
}

}  // namespace custody::crypto
