#include "signer/cli/partial.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "proto/reader/digests.h"

namespace custody::signer::cli {
namespace {

constexpr std::string_view kSchema = "custody.partial/1";
constexpr std::size_t kMaxPartial = 1u << 20;
constexpr std::uint64_t kUsualLifetime = 600;  // blocks

// A file is signed by whoever shows and understands it, so it holds nothing that cannot be shown.
Status check_kind(const model::Transaction& transaction) {
  if (transaction.version != 1) {
    return invalid("transaction version " + std::to_string(transaction.version) + " is not known here");
  }
  if (std::holds_alternative<model::Transfer>(transaction.body)) return ok_status();
  return invalid("the file does not hold a transfer but another kind of transaction; nothing was signed",
                 "do not use a file from whoever gave you this one");
}

}  // namespace

Json to_json(const Partial& partial) {
  Json signatures = Json::array();
  for (const model::KeySignature& one : partial.envelope.signatures) {
    Json entry = Json::object();
    entry.set("key", one.key.hex()).set("signature", one.signature.hex());
    signatures.push(std::move(entry));
  }
  Json file = Json::object();
  file.set("schema", kSchema)
      .set("chain_id", partial.chain_id.hex())
      .set("payload", to_hex(partial.envelope.payload))
      .set("signatures", std::move(signatures));
  return file;
}

Result<Partial> partial_from_json(const Json& file) {
  const auto schema = file.string_at("schema");
  if (!schema.ok() || *schema != kSchema) return invalid("not a partly signed transaction file");
  Partial out;
  ASSIGN_OR_RETURN(const std::string chain, file.string_at("chain_id"));
  ASSIGN_OR_RETURN(out.chain_id, model::ChainId::from_hex(chain));
  ASSIGN_OR_RETURN(const std::string payload, file.string_at("payload"));
  ASSIGN_OR_RETURN(out.envelope.payload, from_hex(payload));
  ASSIGN_OR_RETURN(out.transaction,
                   proto::reader::decode<model::Transaction>(out.envelope.payload, kMaxPartial));
  TRY(check_kind(out.transaction));
  ASSIGN_OR_RETURN(const Json signatures, file.at("signatures"));
  const Hash256 digest =
      proto::reader::transaction_digest(out.chain_id, out.envelope.payload, out.transaction.body);
  for (const Json& entry : signatures.items()) {
    ASSIGN_OR_RETURN(const std::string key_hex, entry.string_at("key"));
    ASSIGN_OR_RETURN(const std::string signature_hex, entry.string_at("signature"));
    model::KeySignature one;
    ASSIGN_OR_RETURN(one.key, PublicKey::from_hex(key_hex));
    ASSIGN_OR_RETURN(one.signature, Signature::from_hex(signature_hex));
    if (!crypto::verify(one.key, digest, one.signature)) {
      return invalid("the signature by key " + key_hex + " does not verify over this payload",
                     "ask that party to sign this very file again");
    }
    out.envelope.signatures.push_back(one);
  }
  const auto by_key = [](const model::KeySignature& a, const model::KeySignature& b) {
    return a.key < b.key;
  };
  std::ranges::sort(out.envelope.signatures, by_key);
  return out;
}

Result<Partial> read_partial(const std::string& path) {
  ASSIGN_OR_RETURN(const Json file, read_json_file(path, kMaxPartial));
  auto partial = partial_from_json(file);
  if (!partial.ok()) return partial.status().with_context(path);
  return partial;
}

Status write_partial(const std::string& path, const Partial& partial) {
  return write_file_atomic(path, as_bytes(to_json(partial).dump(2) + "\n"), 0600);
}

model::TxId transaction_of(const Partial& partial) {
  return proto::reader::transaction_id(partial.chain_id, partial.envelope.payload, partial.transaction.body);
}

Result<Partial> make_partial(const Network& network, model::TransactionBody body, Entropy& entropy) {
  const std::uint64_t lifetime = std::min<std::uint64_t>(network.parameters.max_valid_blocks, kUsualLifetime);
  Partial out;
  out.chain_id = network.chain_id;
  out.transaction = model::Transaction{1, model::Height(network.height.get() + lifetime), entropy.next_u64(),
                                       std::move(body)};
  out.envelope.payload = proto::reader::encode(out.transaction);
  return out;
}

Status add_signature(Partial& partial, const crypto::SoftwareKey& key) {
  if (const auto* transfer = std::get_if<model::Transfer>(&partial.transaction.body)) {
    const model::Address own = model::Address::of_key(key.public_key());
    const bool pays =
        std::ranges::any_of(transfer->inputs, [&](const auto& leg) { return leg.address == own; });
    if (!pays) {
      return refused("this key pays nothing in the transaction, so its signature would make it invalid",
                     "custodyctl transfer show FILE says who must sign");
    }
  }
  const Hash256 digest =
      proto::reader::transaction_digest(partial.chain_id, partial.envelope.payload, partial.transaction.body);
  auto& signatures = partial.envelope.signatures;
  const auto at = std::ranges::lower_bound(signatures, key.public_key(), {}, &model::KeySignature::key);
  if (at != signatures.end() && at->key == key.public_key()) return ok_status();
  signatures.insert(at, {key.public_key(), key.sign(digest)});
  return ok_status();
}

Result<Partial> combine(const Partial& a, const Partial& b) {
  if (a.chain_id != b.chain_id || a.envelope.payload != b.envelope.payload) {
    return invalid("the two files hold different transactions", "both parties must sign copies of one file");
  }
  Partial out = a;
  for (const model::KeySignature& one : b.envelope.signatures) {
    auto& signatures = out.envelope.signatures;
    const auto at = std::ranges::lower_bound(signatures, one.key, {}, &model::KeySignature::key);
    if (at == signatures.end() || at->key != one.key) signatures.insert(at, one);
  }
  return out;
}

std::size_t signed_size(const model::TransactionBody& body, std::size_t signers) {
  // Largest encodings of height and salt, so that the real one is never longer.
  const model::Transaction transaction{1, model::Height(UINT32_MAX), UINT64_MAX, body};
  model::Envelope envelope{proto::reader::encode(transaction), {}};
  envelope.signatures.resize(signers);
  return proto::reader::encode(envelope).size();
}

std::vector<model::Amount> fees_for(const model::NetworkParameters& parameters,
                                    const std::vector<model::CurrencyId>& currencies, std::size_t size) {
  CHECK(!currencies.empty());
  const std::uint64_t share = (size + currencies.size() - 1) / currencies.size();
  std::vector<model::Amount> out;
  for (model::CurrencyId currency : currencies) {
    const model::CurrencyParameters* p = model::find_parameters(parameters, currency);
    CHECK(p != nullptr);
    out.emplace_back(share * p->min_fee_per_byte);
  }
  return out;
}

}  // namespace custody::signer::cli
