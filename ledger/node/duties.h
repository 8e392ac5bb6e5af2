// What a member does for custody besides voting: attest external heads and its policy, approve mints, sign
// slots, broadcast payouts, prove settlements. A single-threaded core: step(event) -> actions over views of
// the ledger and of the external chains; the signer decides, this only asks. Everything it knows is derived
// from the views, so a restart loses nothing.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <variant>

#include "base/clock.h"
#include "base/entropy.h"
#include "ledger/model/intents.h"

namespace custody::ledger::node {

// The ledger as of the last committed block.
class LedgerView {
 public:
  virtual ~LedgerView() = default;
  virtual model::Height height() const = 0;
  virtual std::optional<Bytes> get(ByteView key) const = 0;
  virtual void scan(ByteView prefix,
                    const std::function<bool(ByteView key, ByteView value)>& visit) const = 0;
  // Header, commit, set and a proof of each key. kUnavailable before the first block.
  virtual Result<model::LedgerEvidence> evidence(const std::vector<Bytes>& keys) const = 0;
};

struct ExternalDeposit {
  model::CurrencyId currency;
  model::GatewayId gateway;
  model::OutPoint outpoint;
  model::Amount amount;
  model::ExternalHeight height;
};
struct ExternalSpend {
  model::ExternalHash txid;
  model::ExternalHeight height;
};

// What this member's own external nodes show.
class ExternalView {
 public:
  virtual ~ExternalView() = default;
  virtual std::vector<ExternalDeposit> deposits() const = 0;  // in the best chain, unspent or not
  // The transaction in the best chain that spends the outpoint.
  virtual std::optional<ExternalSpend> spend_of(model::ExternalChainId chain,
                                                const model::OutPoint& outpoint) const = 0;
  // Proof of a transaction reported by the two calls above, with headers up to the height `up_to`.
  virtual Result<model::BitcoinProof> prove(model::ExternalChainId chain, const model::ExternalHash& txid,
                                            model::ExternalHeight up_to) const = 0;
};

// Events.
struct DutiesTick {
  MonotonicMs now;
};
struct HeadSeen {  // the follower's best block
  model::ExternalChainId chain;
  model::ExternalHeight height;
  model::ExternalHash hash;
  std::uint32_t time = 0;
  model::FeeRate fee_rate;
};
struct SignerAnswered {
  model::SignReply reply;
};
// Of an answer that no signer gave: there was no connection. Its code is kUnavailable.
constexpr std::string_view kNoSignerRule = "node.signer_link";
// There is a new connection: what failed for want of one is tried again at once. What was outstanding on the
// old one has been answered with kUnavailable before.
struct SignerConnected {};
using DutiesEvent = std::variant<DutiesTick, HeadSeen, SignerAnswered, SignerConnected>;

// Actions.
struct AskSigner {
  model::SignRequest request;
};
struct SubmitTransaction {
  Bytes envelope;
};
struct BroadcastExternal {
  model::ExternalChainId chain;
  Bytes raw;
};
struct DutiesReport {  // for the operator's log
  Status status;
};
using DutiesAction = std::variant<AskSigner, SubmitTransaction, BroadcastExternal, DutiesReport>;
using DutiesActions = std::vector<DutiesAction>;

// Why this member's signer has not signed a slot yet.
struct SignerWaits {
  Hash256 request;  // officers are asked: its id
  friend bool operator==(const SignerWaits&, const SignerWaits&) = default;
};
struct SignerRefused {
  std::string rule;
  std::string message;
  friend bool operator==(const SignerRefused&, const SignerRefused&) = default;
};
using SignerSaid = std::variant<SignerWaits, SignerRefused>;

class Duties {
 public:
  Duties(model::Genesis genesis, const model::ChainId& chain_id, model::MemberId own,
         const LedgerView& ledger, const ExternalView& external, Entropy& entropy);

  DutiesActions step(const DutiesEvent& event);
  // The signer's last answer about an open slot; nullopt: none yet, or it has signed.
  std::optional<SignerSaid> said_of(model::CurrencyId currency, model::SlotId slot) const;
  // Things that have a time before which they are not tried (again); bounded by what is open, not by history.
  std::size_t remembered() const { return attempts_.size(); }

 private:
  // What a question to the signer was about, so that the answer finds its way.
  struct AskedHead {
    model::HeadIntent intent;
  };
  struct AskedMint {
    model::MintIntent intent;
  };
  struct AskedPayout {
    model::CurrencyId currency;
    model::SlotId slot;
    model::LedgerMs time;  // of the evidence
  };
  struct AskedSlotSignature {
    model::SlotSignatureIntent intent;
  };
  struct AskedLedgerHead {
    model::LedgerMs time;
  };
  struct AskedPolicyAttestation {
    model::PolicyAttestationIntent intent;
  };
  using Asked = std::variant<AskedHead, AskedMint, AskedPayout, AskedSlotSignature, AskedLedgerHead,
                             AskedPolicyAttestation>;

  // One thing to do, by name; not tried again before its time.
  struct Attempt {
    std::uint64_t not_before = 0;  // monotonic ms
    std::uint32_t failures = 0;
  };

  template <typename T>
  std::optional<T> record(ByteView key) const;
  bool due(const std::string& task) const;
  void postpone(const std::string& task, std::uint64_t ms);
  void failed(const std::string& task, const Status& status, DutiesActions& out);

  void look(DutiesActions& out);
  void show_ledger_head(DutiesActions& out);
  void attest(const HeadSeen& head, DutiesActions& out);
  void attest_policy(DutiesActions& out);
  void approve_mints(DutiesActions& out);
  void approve_mint(const ExternalDeposit& deposit, const std::string& task, DutiesActions& out);
  std::optional<model::RecordedHead> head_for(const model::Currency& currency, model::ExternalHeight height,
                                              std::uint32_t depth) const;
  void serve_slot(const model::SlotRecord& slot, DutiesActions& out);
  void sign_slot(const model::SlotRecord& slot, const std::string& task, DutiesActions& out);
  void broadcast(const model::SlotRecord& slot, DutiesActions& out);
  void settle(const model::SlotRecord& slot, const ExternalSpend& spend, DutiesActions& out);

  void ask(model::Intent intent, Asked asked, const std::string& task, DutiesActions& out);
  void answered(const model::SignReply& reply, DutiesActions& out);
  static std::optional<model::LedgerMs> shown_by(const Asked& asked);
  void remember(const AskedPayout& payout, const model::SignReply& reply);
  void submit(const model::Transaction& transaction, const Signature& signature, DutiesActions& out);
  model::Height valid_until() const;

  model::Genesis genesis_;
  model::ChainId chain_id_;
  model::MemberId own_;
  PublicKey attest_key_;
  const LedgerView& ledger_;
  const ExternalView& external_;
  Entropy& entropy_;
  std::uint64_t now_ = 0;
  std::uint64_t next_look_ = 0;  // monotonic ms
  model::Height looked_at_;
  std::optional<model::LedgerMs> shown_;         // newest ledger time that the signer has taken evidence of
  std::optional<model::AttestedPolicy> policy_;  // what the signer decides by, as it said last
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, std::pair<std::string, Asked>> asked_;
  std::map<std::string, Attempt> attempts_;
  std::map<std::pair<model::CurrencyId, model::SlotId>, SignerSaid> said_;  // of slots that are open
  std::map<model::ExternalChainId, HeadSeen> heads_;
};

// The slots that are open now, by currency and ascending. Costs what has been opened since the oldest of
// them.
std::vector<model::SlotRecord> open_slots(const model::Genesis& genesis, const LedgerView& ledger);

// The transaction that fills a slot, with the witnesses of exactly m seats that have signed, and who they
// are; kNotFound while fewer have. Signatures are those in the ledger's state.
struct AssembledSlot {
  Bytes raw;
  model::ExternalHash txid;
  std::vector<model::MemberId> signed_by;
};
Result<AssembledSlot> assemble_slot(const model::ChainId& chain_id, const LedgerView& ledger,
                                    const model::SlotRecord& slot);
// Its PSBT with exactly m partial signatures per input, or as many as there are.
Result<Bytes> slot_psbt(const model::ChainId& chain_id, const LedgerView& ledger,
                        const model::SlotRecord& slot);

}  // namespace custody::ledger::node
