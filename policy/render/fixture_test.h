// Requests for the tests here, one of every kind.
#pragma once

#include "base/crypto/hash.h"
#include "policy/render/render.h"

namespace custody::policy::render::fixture {

inline model::LedgerMs at(std::string_view time) {
  return *parse_time(time);
}

inline Hash256 hash_of(std::string_view text) {
  return crypto::sha256(as_bytes(text));
}

inline Payment payment(std::uint64_t burn, std::uint64_t amount, std::string_view address,
                       std::string_view owner) {
  return {to_bytes("alpha"),     to_bytes(address),     to_bytes(owner),
          model::Amount(amount), model::Amount(25'000), burn};
}

inline Request request(model::IntentKind kind) {
  Request out;
  out.terms.chain_id = model::ChainId(hash_of("a network for tests").array());
  out.terms.member = model::MemberId(2);
  out.terms.kind = kind;
  out.terms.subject = hash_of("subject");
  out.wants = {{{{to_bytes("treasury"), 2}, {to_bytes("compliance"), 1}}},
               {{{to_bytes("treasury"), 1}, {{}, 3}, {to_bytes("wait"), 24}}}};
  out.bundle = 7;
  out.bundle_hash = hash_of("bundle 7");
  out.height = model::Height(123'456);
  out.opened = at("2026-11-25T19:30:00Z");
  out.expires = at("2026-11-26T19:30:00Z");
  return out;
}

inline void add_wallet(Terms& terms) {
  terms.currency = model::CurrencyId(1);
  terms.currency_code = to_bytes("BTC");
  terms.decimals = 8;
  terms.epoch = model::WalletEpoch(1);
}

inline Request payout(std::size_t burns) {
  Request out = request(model::IntentKind::kPayout);
  add_wallet(out.terms);
  out.terms.slot = model::SlotId(41);
  for (std::size_t i = 0; i < burns; ++i) {
    const bool listed = i % 3 != 1;
    out.terms.payments.push_back(
        payment(1'700 + i, 300'000'000 + 12'345 * i,
                listed ? "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq" : "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
                listed ? "Exchange One Ltd" : ""));
  }
  return out;
}

inline Request mint() {
  Request out = request(model::IntentKind::kMint);
  add_wallet(out.terms);
  out.terms.payments = {{to_bytes("alpha"), {}, {}, model::Amount(1'200'000'000), model::Amount(0), 0}};
  out.terms.deposit = {model::ExternalHash(hash_of("an external transaction").array()), 3};
  return out;
}

inline Request ballot() {
  Request out = request(model::IntentKind::kBallot);
  out.terms.proposal = model::TxId(hash_of("proposal").array());
  out.terms.action = to_bytes("register gateway beta, account 01c88b75af, KYC until 2027-11-25T00:00:00Z");
  out.terms.approve = true;
  return out;
}

inline Request proposal() {
  Request out = request(model::IntentKind::kProposalTx);
  out.terms.action = to_bytes(
      "register gateway \"beta\" with account cas1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sz8v0d2 "
      "and KYC until 2027-11-25");
  out.height = {};
  out.initiator = to_bytes("alice");
  return out;
}

inline Ask ask(const Request& request = ballot()) {
  return {request.terms, 7, hash_of("bundle 7"), at("2026-11-25T20:30:00Z")};
}

// The largest of everything that check_request passes.
inline Request widest() {
  Request out = payout(0);
  out.terms.currency_code = to_bytes("WWWWWWWW");
  out.terms.decimals = 9;
  out.terms.epoch = model::WalletEpoch(UINT32_MAX);
  out.terms.slot = model::SlotId(UINT64_MAX);
  out.terms.member = model::MemberId(UINT16_MAX);
  out.height = model::Height(UINT64_MAX);
  out.bundle = UINT64_MAX;
  out.initiator.assign(kMaxName, 'i');
  const std::uint64_t share = UINT64_MAX / kMaxPayments;
  for (std::size_t i = 0; i < kMaxPayments; ++i) {
    Payment next;
    next.gateway.assign(kMaxName, 'g');
    next.address.assign(kMaxAddress, 'a');
    next.owner.assign(kMaxName, 'o');
    next.amount = model::Amount(share);
    next.fee_cap = model::Amount(share);
    next.burn = UINT64_MAX;
    out.terms.payments.push_back(next);
  }
  Wants wants;
  for (std::size_t i = 0; i < kMaxGroups; ++i) {
    wants.all_of.push_back({Bytes(kMaxName, static_cast<std::uint8_t>('a' + i)), kMaxCount});
  }
  wants.all_of.push_back({{}, kMaxCount});
  wants.all_of.push_back({to_bytes(kWaitGroup), kMaxWaitHours});
  out.wants.assign(kMaxWants, wants);
  return out;
}

}  // namespace custody::policy::render::fixture
