// An officer's key. It signs nothing but renderings of policy/render: texts that a person was shown.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/entropy.h"
#include "base/secret.h"
#include "policy/bundle/bundle.h"

namespace custody::signer::cli {

// A public key with its curve, as officers.toml has them.
struct OfficerPublicKey {
  policy::bundle::Curve curve = policy::bundle::Curve::kSecp256k1;
  Bytes key;  // 33 bytes, compressed SEC1
  friend bool operator==(const OfficerPublicKey&, const OfficerPublicKey&) = default;
};
std::string_view curve_name(policy::bundle::Curve curve);  // "secp256k1", "p256"
Result<policy::bundle::Curve> parse_curve(std::string_view name);
// kInvalid: not hex, or no point of the curve.
Result<OfficerPublicKey> parse_officer_public_key(std::string_view curve, std::string_view hex);
// A low-S signature by the key?
bool verify(const OfficerPublicKey& key, const Hash256& digest, const Signature& signature);

// kInvalid: --officer is missing or is no name.
Status check_officer_name(const std::string& officer);
// The signer's refusal of what this key has just signed as the officer. It knows his key and this one's
// signature fits what was shown, so that a wrong signature is a wrong key.
Status with_wrong_key(const Status& refusal, const std::string& officer, const OfficerPublicKey& key);

// What is signed: the text that was shown, with one of the tags of policy/render, for one network.
struct Rendering {
  std::string_view tag;
  ledger::model::ChainId chain_id;
  std::string text;
};
Hash256 digest_of(const Rendering& rendering);

struct KeySignature {
  OfficerPublicKey key;  // whose it is; checked
  Signature signature;
};

class OfficerKey {
 public:
  virtual ~OfficerKey() = default;
  virtual Result<KeySignature> sign(const Rendering& rendering) = 0;
};

// An encrypted file ("custody.officer-key/1"): the form of key_file.h, with the curve. create: kExists when
// the file is there.
Result<OfficerPublicKey> create_officer_key(const std::string& path, policy::bundle::Curve curve,
                                            const SecretBytes& password, Entropy& entropy);
Result<OfficerPublicKey> read_officer_key(const std::string& path);  // the public part

struct OfficerKeyOptions {
  std::string key;                              // the file, or a PKCS#11 URI (token_key.h)
  std::string password;                         // of a key file: the file that holds its password
  std::string pin = {};                         // of a token: the file that holds its PIN
  std::string module = {};                      // of a token: PKCS#11 module, unless the URI has module-path
  std::vector<std::string> module_writes = {};  // of a token: directories in which its module may write
};
// A file: kUnauthenticated: wrong password; kCorrupt: the public part does not fit the secret.
Result<std::unique_ptr<OfficerKey>> open_officer_key(const OfficerKeyOptions& options);

}  // namespace custody::signer::cli
