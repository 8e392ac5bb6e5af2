#include "ledger/node/duties.h"

#include <algorithm>

#include "ledger/custody/custody.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

constexpr std::uint64_t kLifetimeBlocks = 100;  // of a transaction that a member makes
constexpr std::uint64_t kAskAgainMs =
    5'000;  // when an answer got lost or a transaction did not make it into a block
constexpr std::uint64_t kFirstRetryMs = 1'000;    // after a refusal; doubles
constexpr std::uint64_t kPendingRetryMs = 2'000;  // while officers are asked
constexpr std::uint64_t kLedgerHeadMs = 10'000;   // of ledger time
constexpr std::uint64_t kLastRetryMs = 60'000;
constexpr std::uint64_t kBroadcastAgainMs = 10'000;
constexpr std::uint64_t kLookMs = 500;  // between blocks: what the external chains show changes without one
constexpr std::size_t kMaxAsked = 256;  // open questions to the signer

std::string outpoint_text(const model::OutPoint& outpoint) {
  return to_hex_reversed(outpoint.txid) + ":" + std::to_string(outpoint.vout);
}

std::string slot_text(model::CurrencyId currency, model::SlotId slot) {
  return std::to_string(currency.get()) + "/" + std::to_string(slot.get());
}

}  // namespace

Duties::Duties(model::Genesis genesis, const model::ChainId& chain_id, model::MemberId own,
               const LedgerView& ledger, const ExternalView& external, Entropy& entropy)
    : genesis_(std::move(genesis)),
      chain_id_(chain_id),
      own_(own),
      ledger_(ledger),
      external_(external),
      entropy_(entropy) {
  CHECK(own.get() >= 1 && own.get() <= genesis_.members.size());
  attest_key_ = genesis_.members[own.get() - 1u].attest_key;
}

template <typename T>
std::optional<T> Duties::record(ByteView key) const {
  const std::optional<Bytes> raw = ledger_.get(key);
  if (!raw) return std::nullopt;
  auto value = proto::reader::decode<T>(*raw, 1u << 16);
  CHECK(value.ok());  // our own state
  return std::move(*value);
}

bool Duties::due(const std::string& task) const {
  const auto found = attempts_.find(task);
  return found == attempts_.end() || found->second.not_before <= now_;
}

void Duties::postpone(const std::string& task, std::uint64_t ms) {
  attempts_[task].not_before = now_ + ms;
}

void Duties::failed(const std::string& task, const Status& status, DutiesActions& out) {
  Attempt& attempt = attempts_[task];
  const std::uint64_t wait = std::min(kLastRetryMs, kFirstRetryMs << std::min(attempt.failures, 10u));
  ++attempt.failures;
  attempt.not_before = now_ + wait;
  out.push_back(DutiesReport{status.with_context(task)});
}

model::Height Duties::valid_until() const {
  return model::Height(ledger_.height().get() + kLifetimeBlocks);
}

DutiesActions Duties::step(const DutiesEvent& event) {
  DutiesActions out;
  if (const auto* head = std::get_if<HeadSeen>(&event)) {
    heads_[head->chain] = *head;
    attest(*head, out);
  } else if (const auto* answer = std::get_if<SignerAnswered>(&event)) {
    answered(answer->reply, out);
  } else if (std::holds_alternative<SignerConnected>(event)) {
    attempts_.clear();
    shown_.reset();  // it may have started anew
    policy_.reset();
    next_look_ = now_;
  } else {
    now_ = std::get<DutiesTick>(event).now.value;
    if (ledger_.height() != looked_at_ || now_ >= next_look_) look(out);
  }
  return out;
}

void Duties::look(DutiesActions& out) {
  looked_at_ = ledger_.height();
  next_look_ = now_ + kLookMs;
  // What is still to be done was tried when it was due; the rest is done, or has passed by.
  std::erase_if(attempts_, [&](const auto& entry) { return entry.second.not_before + kLastRetryMs < now_; });
  for (const auto& [chain, best] : heads_) attest(best, out);
  show_ledger_head(out);
  attest_policy(out);
  approve_mints(out);
  const std::vector<model::SlotRecord> open = open_slots(genesis_, ledger_);
  std::erase_if(said_, [&](const auto& entry) {
    return std::ranges::none_of(open, [&](const model::SlotRecord& slot) {
      return entry.first == std::pair(slot.currency, slot.id);
    });
  });
  for (const model::SlotRecord& slot : open) serve_slot(slot, out);
}

// The signer has no clock: what waits and expires there follows the blocks that it is shown. Where money
// moves its evidence does that already.
void Duties::show_ledger_head(DutiesActions& out) {
  const std::string task = "show the signer the ledger's head";
  if (ledger_.height() == model::Height(0) || !due(task)) return;
  auto evidence = ledger_.evidence({});
  if (!evidence.ok()) return failed(task, evidence.status(), out);
  const model::LedgerMs time = evidence->header.time;
  if (shown_ && time.get() - shown_->get() < kLedgerHeadMs) return;  // ledger time never goes back
  ask(model::LedgerHeadIntent{std::move(*evidence)}, AskedLedgerHead{time}, task, out);
}

void Duties::ask(model::Intent intent, Asked asked, const std::string& task, DutiesActions& out) {
  if (asked_.size() >= kMaxAsked) return postpone(task, kFirstRetryMs);
  const std::uint64_t id = next_request_++;
  asked_.emplace(id, std::make_pair(task, std::move(asked)));
  postpone(task, kAskAgainMs);
  out.push_back(AskSigner{{id, std::move(intent)}});
}

void Duties::submit(const model::Transaction& transaction, const Signature& signature, DutiesActions& out) {
  out.push_back(SubmitTransaction{proto::reader::encode(
      model::Envelope{proto::reader::encode(transaction), {{attest_key_, signature}}})});
}

// The time of the evidence that a question carried. A signer that refuses remembers nothing of it.
std::optional<model::LedgerMs> Duties::shown_by(const Asked& asked) {
  if (const auto* head = std::get_if<AskedLedgerHead>(&asked)) return head->time;
  if (const auto* payout = std::get_if<AskedPayout>(&asked)) return payout->time;
  if (const auto* mint = std::get_if<AskedMint>(&asked)) return mint->intent.evidence.header.time;
  return std::nullopt;
}

void Duties::remember(const AskedPayout& payout, const model::SignReply& reply) {
  if (as_text(reply.rule) == kNoSignerRule) return;
  const auto slot = std::pair(payout.currency, payout.slot);
  if (reply.pending) {
    said_[slot] = SignerWaits{*reply.pending};
  } else if (reply.code != 0) {
    said_[slot] = SignerRefused{std::string(as_text(reply.rule)), std::string(as_text(reply.message))};
  } else {
    said_.erase(slot);
  }
}

std::optional<SignerSaid> Duties::said_of(model::CurrencyId currency, model::SlotId slot) const {
  const auto found = said_.find(std::pair(currency, slot));
  return found == said_.end() ? std::nullopt : std::optional(found->second);
}

void Duties::answered(const model::SignReply& reply, DutiesActions& out) {
  const auto found = asked_.find(reply.id);
  if (found == asked_.end()) return;  // an answer to a question of before a lost connection
  const auto [task, asked] = std::move(found->second);
  asked_.erase(found);
  if (const auto* payout = std::get_if<AskedPayout>(&asked)) remember(*payout, reply);
  if (reply.pending) {  // no failure: soon again, with evidence of then
    attempts_[task].failures = 0;
    return postpone(task, kPendingRetryMs);
  }
  if (reply.code != 0) {
    return failed(task,
                  Status(static_cast<Code>(reply.code), std::string(as_text(reply.message)),
                         "refused by " + std::string(as_text(reply.rule))),
                  out);
  }
  attempts_[task].failures = 0;
  if (const auto time = shown_by(asked)) shown_ = std::max(shown_.value_or(*time), *time);
  if (reply.policy) policy_ = reply.policy;
  if (std::holds_alternative<AskedLedgerHead>(asked)) return;  // nothing was to be signed
  if (const auto* payout = std::get_if<AskedPayout>(&asked)) {
    auto plan = record<model::SlotRecord>(model::slot_key(payout->currency, payout->slot));
    CHECK(plan.has_value());  // slots are never removed
    model::SlotSignatureIntent intent{valid_until(),
                                      entropy_.next_u64(),
                                      {own_, payout->currency, payout->slot, reply.signatures},
                                      std::move(*plan)};
    return ask(intent, AskedSlotSignature{intent}, task, out);
  }
  if (reply.signatures.size() != 1)
    return failed(task, internal_error("the signer answered without a signature"), out);
  const Signature& signature = reply.signatures.front();
  if (const auto* head = std::get_if<AskedHead>(&asked)) {
    submit({1, head->intent.valid_until, head->intent.salt, head->intent.head}, signature, out);
  } else if (const auto* mint = std::get_if<AskedMint>(&asked)) {
    submit({1, mint->intent.valid_until, mint->intent.salt, mint->intent.approval}, signature, out);
  } else if (const auto* slot = std::get_if<AskedSlotSignature>(&asked)) {
    submit({1, slot->intent.valid_until, slot->intent.salt, slot->intent.slot_signature}, signature, out);
  } else if (const auto* policy = std::get_if<AskedPolicyAttestation>(&asked)) {
    submit({1, policy->intent.valid_until, policy->intent.salt, policy->intent.attestation}, signature, out);
  }
}

void Duties::attest(const HeadSeen& head, DutiesActions& out) {
  if (ledger_.height() == model::Height(0)) return;  // nothing to build on before the first block
  const std::string task =
      "attest chain " + std::to_string(head.chain.get()) + " at " + std::to_string(head.height.get());
  const auto tip = record<model::RecordedHead>(model::head_tip_key(head.chain));
  if (tip && head.height <= tip->height) return;
  const auto own = record<model::HeadVotes>(model::head_votes_key(head.chain, own_));
  if (own && !own->votes.empty() && head.height <= own->votes.back().height) return;
  if (!due(task)) return;
  model::ExternalHead attested{own_, head.chain, head.height, head.hash, head.time, head.fee_rate};
  const model::HeadIntent intent{valid_until(), entropy_.next_u64(), attested};
  ask(intent, AskedHead{intent}, task, out);
}

// Anybody can see on the ledger when a member's policy changed, and an auditor, who is shown it, to what.
void Duties::attest_policy(DutiesActions& out) {
  if (!policy_ || ledger_.height() == model::Height(0)) return;
  const auto last = record<model::PolicyAttestationRecord>(model::policy_attestation_key(own_));
  if (last && last->version == policy_->version && last->salted_hash == policy_->salted_hash) return;
  const std::string task = "attest policy version " + std::to_string(policy_->version);
  if (!due(task)) return;
  if (last && policy_->version <= last->version) {
    return failed(
        task,
        refused("the ledger has this member's attestation of version " + std::to_string(last->version) +
                    ", " + last->salted_hash.hex() + ", and takes no other of it or of one before",
                "was the signer's directory restored from an old copy, or its policy.salt "
                "replaced? the next version of the policy can be attested again"),
        out);
  }
  if (last && ledger_.height().get() + 1 - last->height.get() < model::kPolicyAttestationBlocks) return;
  const model::PolicyAttestationIntent intent{
      valid_until(), entropy_.next_u64(), {own_, policy_->version, policy_->salted_hash}};
  ask(intent, AskedPolicyAttestation{intent}, task, out);
}

// A recorded head that confirms the height deeply enough, with few enough headers in between: the tip, or for
// an old deposit the lowest kept head that is deep enough.
std::optional<model::RecordedHead> Duties::head_for(const model::Currency& currency,
                                                    model::ExternalHeight height, std::uint32_t depth) const {
  const auto tip = record<model::RecordedHead>(model::head_tip_key(currency.chain));
  const std::uint64_t needed = std::uint64_t{height.get()} + depth - 1;
  if (!tip || tip->height.get() < needed) return std::nullopt;
  const std::uint64_t highest = std::uint64_t{height.get()} + model::kMaxProofHeaders - 1;
  if (tip->height.get() <= highest) return tip;
  for (std::uint64_t h = needed; h <= highest; ++h) {
    const auto kept = record<model::RecordedHead>(
        model::head_key(currency.chain, model::ExternalHeight(static_cast<std::uint32_t>(h))));
    if (kept) return kept;
  }
  return std::nullopt;
}

void Duties::approve_mints(DutiesActions& out) {
  for (const ExternalDeposit& deposit : external_.deposits()) {
    const std::string task = "approve mint of " + outpoint_text(deposit.outpoint);
    if (due(task)) approve_mint(deposit, task, out);
  }
}

void Duties::approve_mint(const ExternalDeposit& deposit, const std::string& task, DutiesActions& out) {
  const Bytes mint_key = model::mint_key(deposit.currency, deposit.outpoint);
  if (const auto mint = record<model::MintRecord>(mint_key)) {
    if (mint->minted || std::ranges::find(mint->approvals, own_) != mint->approvals.end()) return;
  }
  const auto parameters = record<model::NetworkParameters>(model::parameters_key());
  const model::CurrencyParameters* limits =
      parameters ? model::find_parameters(*parameters, deposit.currency) : nullptr;
  const model::Currency* currency = model::find_currency(genesis_, deposit.currency);
  if (limits == nullptr || currency == nullptr || deposit.amount < limits->min_deposit) return;
  const auto head = head_for(*currency, deposit.height, limits->deposit_depth);
  if (!head) return;
  auto proof = external_.prove(currency->chain, deposit.outpoint.txid, head->height);
  if (!proof.ok()) return failed(task, proof.status(), out);
  model::MintIntent intent{
      valid_until(),
      entropy_.next_u64(),
      {own_, deposit.currency, deposit.gateway, deposit.outpoint, deposit.amount, std::move(*proof)},
      {}};
  auto evidence =
      ledger_.evidence({model::parameters_key(), model::wallet_key(deposit.currency, model::WalletEpoch(1)),
                        model::gateway_key(deposit.gateway), model::head_key(currency->chain, head->height),
                        mint_key, model::freeze_key(deposit.currency), model::totals_key(deposit.currency)});
  if (!evidence.ok()) return failed(task, evidence.status(), out);
  intent.evidence = std::move(*evidence);
  ask(intent, AskedMint{intent}, task, out);
}

void Duties::serve_slot(const model::SlotRecord& slot, DutiesActions& out) {
  const std::string task = "sign slot " + slot_text(slot.currency, slot.id);
  const bool signed_here = ledger_.get(model::slot_signature_key(slot.currency, slot.id, own_)).has_value();
  if (!signed_here && due(task)) sign_slot(slot, task, out);
  const model::Currency* currency = model::find_currency(genesis_, slot.currency);
  CHECK(currency != nullptr);
  CHECK(!slot.inputs.empty());
  if (const auto spend = external_.spend_of(currency->chain, slot.inputs.front().outpoint))
    return settle(slot, *spend, out);
  broadcast(slot, out);
}

void Duties::sign_slot(const model::SlotRecord& slot, const std::string& task, DutiesActions& out) {
  std::vector<Bytes> keys{model::parameters_key(), model::wallet_key(slot.currency, slot.epoch),
                          model::slot_key(slot.currency, slot.id), model::freeze_key(slot.currency),
                          model::totals_key(slot.currency)};
  std::set<Bytes> gateways;
  for (const model::PlanPayee& payee : slot.payees) {
    keys.push_back(model::burn_key(slot.currency, payee.burn));
    const auto burn = record<model::BurnRecord>(keys.back());
    CHECK(burn.has_value());
    gateways.insert(model::gateway_key(burn->gateway));
  }
  keys.insert(keys.end(), gateways.begin(), gateways.end());
  for (const model::PlanInput& input : slot.inputs)
    keys.push_back(model::coin_key(slot.currency, input.coin));
  // Slots before this one: their settlement frees places in the guard's table.
  for (std::uint64_t id = slot.id.get() > 8 ? slot.id.get() - 8 : 1; id < slot.id.get(); ++id) {
    keys.push_back(model::slot_key(slot.currency, model::SlotId(id)));
  }
  auto evidence = ledger_.evidence(keys);
  if (!evidence.ok()) return failed(task, evidence.status(), out);
  const model::LedgerMs time = evidence->header.time;
  ask(model::PayoutIntent{slot.currency, slot.id, std::move(*evidence)},
      AskedPayout{slot.currency, slot.id, time}, task, out);
}

void Duties::broadcast(const model::SlotRecord& slot, DutiesActions& out) {
  const std::string task = "broadcast slot " + slot_text(slot.currency, slot.id);
  if (!due(task)) return;
  const auto assembled = assemble_slot(chain_id_, ledger_, slot);
  if (!assembled.ok()) {
    if (assembled.code() != Code::kNotFound) failed(task, assembled.status(), out);
    return;
  }
  postpone(task, kBroadcastAgainMs);
  out.push_back(BroadcastExternal{model::find_currency(genesis_, slot.currency)->chain, assembled->raw});
}

void Duties::settle(const model::SlotRecord& slot, const ExternalSpend& spend, DutiesActions& out) {
  const std::string task = "settle slot " + slot_text(slot.currency, slot.id);
  if (!due(task)) return;
  const auto parameters = record<model::NetworkParameters>(model::parameters_key());
  const model::CurrencyParameters* limits =
      parameters ? model::find_parameters(*parameters, slot.currency) : nullptr;
  const model::Currency* currency = model::find_currency(genesis_, slot.currency);
  CHECK(limits != nullptr && currency != nullptr);
  const auto head = head_for(*currency, spend.height, limits->settlement_depth);
  if (!head) return;
  auto proof = external_.prove(currency->chain, spend.txid, head->height);
  if (!proof.ok()) return failed(task, proof.status(), out);
  postpone(task, kAskAgainMs);
  // No signature and no salt, and a height in coarse steps: members who see the same make the same
  // transaction, and one enters.
  const model::Height until((ledger_.height().get() / 10 + 2) * 10);
  const model::Transaction transaction{1, until, 0,
                                       model::SettlementProof{slot.currency, slot.id, std::move(*proof)}};
  out.push_back(
      SubmitTransaction{proto::reader::encode(model::Envelope{proto::reader::encode(transaction), {}})});
}

}  // namespace custody::ledger::node
