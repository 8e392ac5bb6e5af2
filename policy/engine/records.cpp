#include "policy/engine/records.h"

#include "base/crypto/secp256k1.h"
#include "policy/bundle/describe.h"
#include "policy/render/describe.h"
#include "proto/reader/describe.h"
#include "proto/reader/digests.h"

namespace custody::ledger::model {

template <class V>
void describe(V& v, PayeeFact& m) {
  v.field(1, m.burn);
  v.field(2, m.gateway);
  v.bytes(3, m.gateway_name, kMaxName);
  v.field(4, m.kyc_expiry);
  v.bytes(5, m.script, kMaxScript);
  v.field(6, m.amount);
  v.field(7, m.fee_cap);
}
template <class V>
void describe(V& v, IntentFacts& m) {
  v.enumeration(1, m.kind, IntentKind::kProposal, IntentKind::kBallot);
  v.field(2, m.currency);
  v.field(3, m.amount);
  v.field(4, m.fee);
  v.field(5, m.epoch);
  v.field(6, m.slot);
  v.field(7, m.gateway);
  v.bytes(8, m.gateway_name, kMaxName);
  v.field(9, m.kyc_expiry);
  v.field(10, m.confirmations);
  v.field(11, m.reserve);
  v.repeated(12, m.payees, policy::render::kMaxPayments);
  v.field(13, m.proposal);
  v.field(14, m.approve);
  v.bytes(15, m.action, policy::render::kMaxAction);
  v.field(16, m.subject);
  v.field(17, m.height);
  v.field(18, m.time);
  v.field(19, m.deposit);
}

}  // namespace custody::ledger::model

namespace custody::policy::engine {

template <class V>
void describe(V& v, ReserveRecord& m) {
  v.field(1, m.request);
  v.field(2, m.facts);
}
template <class V>
void describe(V& v, ApprovalRecord& m) {
  v.field(1, m.vote);
  v.field(2, m.time);
}
template <class V>
void describe(V& v, ReleaseRecord& m) {
  v.field(1, m.terms);
  v.field(2, m.subject);
  v.enumeration(3, m.cause, ReleaseCause::kWithdrawn, ReleaseCause::kSettledOtherwise);
  v.field(4, m.time);
}
template <class V>
void describe(V& v, CommitRecord& m) {
  v.field(1, m.terms);
  v.field(2, m.facts);
  v.field(3, m.bundle);
  v.field(4, m.height);
  v.field(5, m.time);
  v.bytes(6, m.initiator, render::kMaxName);
}
template <class V>
void describe(V& v, DeniedRecord& m) {
  v.field(1, m.facts);
  v.field(2, m.bundle);
  v.bytes(3, m.rule, kMaxRule);
  v.field(4, m.height);
  v.field(5, m.time);
  v.bytes(6, m.initiator, render::kMaxName);
}
template <class V>
void describe(V& v, WaitRecord& m) {
  v.field(1, m.version);
  v.field(2, m.hash);
  v.field(3, m.time);
  v.field(4, m.effective);
}
template <class V>
void describe(V& v, ActivateRecord& m) {
  v.field(1, m.version);
  v.field(2, m.hash);
  v.repeated(3, m.listed, bundle::kMaxAllowList);
  v.field(4, m.time);
}
template <class V>
void describe(V& v, FreezeRecord& m) {
  v.field(1, m.order);
  v.field(2, m.time);
  v.bytes(3, m.officer, render::kMaxName);
}
template <class V>
void describe(V& v, Price& m) {
  v.field(1, m.currency);
  v.field(2, m.price);
}
template <class V>
void describe(V& v, PriceStatement& m) {
  v.field(1, m.chain_id);
  v.bytes(2, m.source, render::kMaxName);
  v.bytes(3, m.unit, render::kMaxCode);
  v.field(4, m.decimals);
  v.field(5, m.time);
  v.repeated(6, m.prices, model::kMaxCurrencies);
}
template <class V>
void describe(V& v, SignedPrices& m) {
  v.field(1, m.statement);
  v.field(2, m.signature);
}
template <class V>
void describe(V& v, PriceRecord& m) {
  v.field(1, m.statement);
  v.field(2, m.time);
}

namespace {

// proto/reader encodes messages: the variant is the only field of one.
struct RecordMessage {
  Record record;
};
template <class V>
void describe(V& v, RecordMessage& m) {
  v.oneof(1, m.record);
}

Status check_statement(const PriceStatement& statement, const bundle::Bundle& bundle) {
  if (!bundle.price_source) return refused("the bundle in force names no price source");
  const bundle::PriceSource& source = *bundle.price_source;
  if (statement.chain_id != bundle.chain_id) return refused("the prices are for another network");
  if (statement.source != source.name || statement.unit != source.unit ||
      statement.decimals != source.decimals) {
    return refused("the prices are not by the source, or not in the unit, that the bundle names");
  }
  if (statement.prices.empty()) return invalid("the statement has no price");
  for (std::size_t i = 0; i < statement.prices.size(); ++i) {
    if (statement.prices[i].price == 0) return invalid("a price is zero");
    if (i > 0 && !(statement.prices[i - 1].currency < statement.prices[i].currency)) {
      return invalid("the prices are not in the order of the currencies");
    }
  }
  return ok_status();
}

}  // namespace

Bytes encode_record(const Record& record) {
  return proto::reader::encode(RecordMessage{record});
}

Result<Record> decode_record(ByteView bytes) {
  ASSIGN_OR_RETURN(RecordMessage message, proto::reader::decode<RecordMessage>(bytes, kMaxRecord));
  return std::move(message.record);
}

model::LedgerMs time_of(const Record& record) {
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, ReserveRecord>) {
          return value.request.opened;
        } else {
          return value.time;
        }
      },
      record);
}

Bytes encode_prices(const SignedPrices& prices) {
  return proto::reader::encode(prices);
}

Result<SignedPrices> decode_prices(ByteView bytes) {
  auto prices = proto::reader::decode<SignedPrices>(bytes, kMaxSignedPrices);
  if (!prices.ok()) return prices.status().with_context("prices");
  return prices;
}

Hash256 prices_digest(const PriceStatement& statement) {
  return proto::reader::digest("caasiope/policy/prices", statement.chain_id,
                               proto::reader::encode(statement));
}

Status verify_prices(const PriceStatement& statement, const Signature& signature,
                     const bundle::Bundle& bundle, model::LedgerMs latest, model::LedgerMs now) {
  TRY(check_statement(statement, bundle));
  const std::uint64_t max_age = std::uint64_t{bundle.price_source->max_age_minutes} * 60'000;
  if (now < statement.time) return refused("the prices are of the future, by ledger time");
  if (now.get() - statement.time.get() > max_age) {
    return refused("the prices are older than the bundle allows", "state new ones");
  }
  if (statement.time <= latest) return exists("prices of this time, or later ones, are known already");
  if (!crypto::verify(bundle.price_source->key, prices_digest(statement), signature)) {
    return unauthenticated("the signature of the prices is wrong");
  }
  return ok_status();
}

}  // namespace custody::policy::engine
