// Every method of the local API over the real state machine.
#include "ledger/node/api.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "ledger/chains/bitcoin/psbt.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "ledger/node/fixture.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

using model::Height;
using model::MemberId;

constexpr model::CurrencyId kBtc(1);

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() : account_(net_.new_key()) {
    gateway_ = net_.register_gateway("gary", account_);
    backend_.more.set("round", 3);
  }

  static Json params(std::initializer_list<std::pair<const char*, Json>> entries) {
    Json out = Json::object();
    for (const auto& [key, value] : entries) out.set(key, value);
    return out;
  }
  Result<Json> ask(const std::string& method, const Json& parameters = Json::object()) {
    return api_.handle(method, parameters);
  }
  Json answer(const std::string& method, const Json& parameters = Json::object()) {
    const auto result = ask(method, parameters);
    EXPECT_TRUE(result.ok()) << method << ": " << result.status().to_string();
    return result.ok() ? *result : Json::object();
  }
  void expect_error(const std::string& method, const Json& parameters, Code code, std::string_view part) {
    const auto result = ask(method, parameters);
    ASSERT_FALSE(result.ok()) << method << " " << parameters.dump() << " gave " << result->dump();
    EXPECT_EQ(result.code(), code) << result.status().to_string();
    EXPECT_NE(result.status().to_string().find(part), std::string::npos)
        << method << " " << parameters.dump() << ": " << result.status().to_string();
  }
  static std::string text(const Json& json, std::string_view key) { return json.string_at(key).value(); }
  std::string address() const {
    return model::Address::of_key(account_.public_key()).text(as_text(net_.genesis().address_prefix));
  }
  Bytes payment() { return net_.transfer(account_, model::Address::treasury(), kBtc, 1'000); }
  model::SlotRecord open_slot() {
    net_.mint(gateway_, kBtc, 100'000'000);
    net_.register_payout(gateway_, account_, kBtc, net_.payout_script(1));
    EXPECT_TRUE(
        net_.produce({net_.burn(gateway_, account_, kBtc, 50'000, 100'000, net_.payout_script(1))}).ok());
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(net_.produce().ok());
    return net_.slot(kBtc, 1);
  }

  tests::Network net_;
  crypto::SoftwareKey account_;
  model::GatewayId gateway_;
  testing::NetworkBackend backend_{net_};
  Api api_{net_.genesis(), proto::reader::encode(net_.genesis()), MemberId(2), backend_};
};

TEST_F(ApiTest, AnUnknownMethodIsNamedBriefly) {
  expect_error("shutdown", Json::object(), Code::kInvalid, "no such method: shutdown");
  const auto result = ask(std::string(100'000, 'x'));
  ASSERT_FALSE(result.ok());
  EXPECT_LT(result.status().message().size(), 200u);
}

TEST_F(ApiTest, ParametersThatAreNoObjectAreMissing) {
  for (const char* method : {"account", "submit", "transaction", "block", "slot", "deposit_address"}) {
    for (const Json& wrong : {Json(), Json(5), Json("text"), Json::array(), Json::object()}) {
      EXPECT_EQ(ask(method, wrong).code(), Code::kInvalid) << method << " " << wrong.dump();
    }
  }
}

TEST_F(ApiTest, StatusTellsTheTipAndWhatTheDaemonAdds) {
  const Json status = answer("status");
  EXPECT_EQ(text(status, "schema"), "custody.status/1");
  EXPECT_EQ(text(status, "member"), "member-2");
  EXPECT_EQ(text(status, "chain_id"), net_.chain_id().hex());
  EXPECT_EQ(status.u64_at("height").value(), net_.state().height().get());
  EXPECT_EQ(text(status, "block_hash"), proto::reader::block_hash(net_.last_block().block.header).hex());
  EXPECT_EQ(text(status, "state_root"), net_.state().root().hex());
  EXPECT_EQ(status.u64_at("round").value(), 3u);
}

TEST_F(ApiTest, BeforeTheFirstBlockThereIsGenesisOnly) {
  tests::Network fresh;
  testing::NetworkBackend backend(fresh);
  Api api(fresh.genesis(), proto::reader::encode(fresh.genesis()), MemberId(1), backend);
  const auto status = api.handle("status", Json::object());
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->u64_at("height").value(), 0u);
  EXPECT_TRUE(status->find("block_hash")->is_null());
  EXPECT_EQ(status->u64_at("time_ms").value(), fresh.genesis().time.get());
  EXPECT_EQ(api.handle("block", params({{"height", "latest"}})).code(), Code::kNotFound);
}

TEST_F(ApiTest, GenesisIsGivenByteForByte) {
  const Json network = answer("genesis");
  EXPECT_EQ(text(network, "genesis"), to_hex(proto::reader::encode(net_.genesis())));
  EXPECT_EQ(text(network, "parameters"), to_hex(proto::reader::encode(net_.genesis().parameters)));
}

TEST_F(ApiTest, AccountsAreFoundByAddressAndByName) {
  net_.mint(gateway_, kBtc, 1'000'000);
  const Json account = answer("account", params({{"address", address()}}));
  EXPECT_EQ(text(*account.find("balances"), "BTC"), "1000000");
  EXPECT_EQ(text(*account.find("balances"), "LTC"), "0");
  EXPECT_EQ(text(account, "address"), address());
  for (const char* name : {"treasury", "fee_pool", "member-1"})
    EXPECT_EQ(text(*answer("account", params({{"address", name}})).find("balances"), "BTC"), "0");
}

TEST_F(ApiTest, WrongAddressesAreRefused) {
  expect_error("account", Json::object(), Code::kInvalid, "address");
  expect_error("account", params({{"address", 5}}), Code::kInvalid, "address");
  expect_error("account", params({{"address", "member-9"}}), Code::kInvalid, "");
  std::string typo = address();
  typo.back() = typo.back() == 'q' ? 'p' : 'q';
  expect_error("account", params({{"address", typo}}), Code::kInvalid, "");
}

TEST_F(ApiTest, ATransactionIsAdmittedThenWaitedForThenFound) {
  net_.mint(gateway_, kBtc, 1'000'000);
  const Bytes envelope = payment();
  const std::string id = net_.id_of(envelope).hex();
  const Json once = params({{"envelope", to_hex(envelope)}});
  const Json waiting = params({{"envelope", to_hex(envelope)}, {"wait_ms", 1'000}});
  const Json which = params({{"id", id}});
  expect_error("transaction", which, Code::kNotFound, "not known here");
  EXPECT_TRUE(answer("submit", once).find("height")->is_null());
  expect_error("submit", waiting, Code::kNotFound, "waits for a block");
  expect_error("transaction", which, Code::kNotFound, "waits for a block");
  EXPECT_EQ(backend_.submissions, 1) << "what was admitted stays admitted";
  ASSERT_TRUE(net_.produce({envelope}).ok());
  backend_.waiting.clear();
  const std::uint64_t height = net_.state().height().get();
  EXPECT_EQ(answer("submit", once).u64_at("height").value(), height);
  EXPECT_EQ(answer("submit", waiting).u64_at("height").value(), height);
  const Json found = answer("transaction", which);
  EXPECT_EQ(found.u64_at("height").value(), height);
  EXPECT_EQ(found.u64_at("index").value(), 0u);
  EXPECT_EQ(text(found, "kind"), "transfer");
  EXPECT_EQ(backend_.submissions, 1);
}

TEST_F(ApiTest, WrongSubmissionsAreRefusedAndNothingIsAdmitted) {
  expect_error("submit", Json::object(), Code::kInvalid, "envelope");
  expect_error("submit", params({{"envelope", "xyz"}}), Code::kInvalid, "");
  expect_error("submit", params({{"envelope", "00ff"}}), Code::kInvalid, "");
  expect_error("submit", params({{"envelope", ""}}), Code::kInvalid, "");
  const Bytes overdraft = payment();  // nothing has been minted
  expect_error("submit", params({{"envelope", to_hex(overdraft)}}), Code::kRefused, "overdraft");
  net_.mint(gateway_, kBtc, 1'000'000);
  Bytes forged = payment();
  forged.back() ^= 1;
  expect_error("submit", params({{"envelope", to_hex(forged)}}), Code::kInvalid, "signature");
  EXPECT_TRUE(backend_.waiting.empty());
}

// A wait that is no number is refused before anything is admitted.
TEST_F(ApiTest, AWaitThatIsNoNumberIsRefused) {
  net_.mint(gateway_, kBtc, 1'000'000);
  const std::string envelope = to_hex(payment());
  for (const Json& wait : {Json("soon"), Json(-1), Json(1.5), Json(), Json::array(), Json(true)}) {
    expect_error("submit", params({{"envelope", envelope}, {"wait_ms", wait}}), Code::kInvalid, "wait_ms");
    expect_error("status", params({{"wait_ms", wait}}), Code::kInvalid, "wait_ms");
  }
  EXPECT_EQ(backend_.submissions, 0);
}

TEST_F(ApiTest, TransactionIdsAreChecked) {
  expect_error("transaction", Json::object(), Code::kInvalid, "id");
  for (const char* wrong :
       {"", "00", "zz", "0123456789012345678901234567890123456789012345678901234567890123456789"})
    expect_error("transaction", params({{"id", wrong}}), Code::kInvalid, "");
}

TEST_F(ApiTest, BlocksAreGivenByHeight) {
  net_.mint(gateway_, kBtc, 1'000'000);
  const Bytes envelope = payment();
  ASSERT_TRUE(net_.produce({envelope}).ok());
  const Json latest = answer("block", params({{"height", "latest"}}));
  EXPECT_EQ(latest.dump(),
            answer("block", params({{"height", std::to_string(net_.state().height().get())}})).dump());
  EXPECT_EQ(text(latest, "hash"), proto::reader::block_hash(net_.last_block().block.header).hex());
  ASSERT_EQ(latest.find("transactions")->items().size(), 1u);
  EXPECT_EQ(latest.find("transactions")->items()[0].as_string().value(), net_.id_of(envelope).hex());
  EXPECT_EQ(latest.find("commit")->find("signed_by")->items().size(), 4u);
  EXPECT_EQ(latest.find("last_commit_signed_by")->items().size(), 4u);
  EXPECT_EQ(answer("block", params({{"height", "1"}})).find("last_commit_signed_by"), nullptr);
}

TEST_F(ApiTest, WrongHeightsAreRefused) {
  expect_error("block", Json::object(), Code::kInvalid, "height");
  expect_error("block", params({{"height", 1}}), Code::kInvalid, "height");
  for (const char* wrong : {"", "-1", "0x1", "1 ", "18446744073709551616", "first"})
    expect_error("block", params({{"height", wrong}}), Code::kInvalid, "height must be a number or latest");
  for (const char* absent : {"0", "1000", "18446744073709551615"})
    expect_error("block", params({{"height", absent}}), Code::kNotFound, "is not here yet");
}

TEST_F(ApiTest, GatewaysAndTheProposalsThatMadeThem) {
  const Json gateways = answer("gateways");
  ASSERT_EQ(gateways.find("gateways")->items().size(), 1u);
  const Json& gary = gateways.find("gateways")->items()[0];
  EXPECT_EQ(text(gary, "name"), "gary");
  EXPECT_EQ(text(gary, "account"), address());
  EXPECT_EQ(text(gary, "kyc_expiry"), "2096-10-02");
  ASSERT_EQ(gateways.find("proposals")->items().size(), 1u);
  const Json& proposal = gateways.find("proposals")->items()[0];
  EXPECT_EQ(text(proposal, "status"), "done");
  EXPECT_EQ(proposal.find("approvals")->items().size(), net_.quorum().size());
}

TEST_F(ApiTest, MembersTellTheirWeightAndWhatTheyAttestedOfTheirPolicy) {
  const Hash256 hash = *Hash256::from(Bytes(32, 7));
  ASSERT_TRUE(net_.produce({net_.attest(MemberId(2), model::PolicyAttestation{MemberId(2), 3, hash})}).ok());
  const Json members = answer("members");
  EXPECT_EQ(text(members, "schema"), "custody.members/1");
  ASSERT_EQ(members.find("members")->items().size(), 4u);
  const Json& first = members.find("members")->items()[0];
  EXPECT_EQ(text(first, "name"), "member-1");
  EXPECT_EQ(first.u64_at("weight").value(), 28u);
  EXPECT_EQ(first.find("policy")->dump(), "null");
  const Json& second = members.find("members")->items()[1];
  EXPECT_EQ(second.u64_at("member").value(), 2u);
  const Json& policy = *second.find("policy");
  EXPECT_EQ(policy.u64_at("version").value(), 3u);
  EXPECT_EQ(text(policy, "salted_hash"), hash.hex());
  EXPECT_EQ(policy.u64_at("height").value(), net_.state().height().get());
}

TEST_F(ApiTest, DepositsTellWhoApprovedAndWhenTheyWereMinted) {
  const model::MintApproval terms = net_.deposit(gateway_, kBtc, 1'000'000);
  const auto approvals = net_.mint_approvals(terms);
  ASSERT_TRUE(net_.produce({approvals[0]}).ok());
  const Json before = answer("deposits", params({{"currency", "BTC"}})).find("deposits")->items().at(0);
  EXPECT_EQ(text(before, "outpoint"), to_hex_reversed(terms.outpoint.txid) + ":1");
  EXPECT_EQ(text(before, "amount"), "1000000");
  EXPECT_EQ(before.find("approved_by")->items().size(), 1u);
  EXPECT_TRUE(before.find("minted_height")->is_null());
  ASSERT_TRUE(net_.produce({approvals[1], approvals[2]}).ok());
  const Json after = answer("deposits").find("deposits")->items().at(0);
  EXPECT_EQ(after.u64_at("minted_height").value(), net_.state().height().get());
  EXPECT_EQ(text(after, "mint"), net_.id_of(approvals[2]).hex());
  EXPECT_TRUE(answer("deposits", params({{"currency", "LTC"}})).find("deposits")->items().empty());
  expect_error("deposits", params({{"currency", "DOGE"}}), Code::kInvalid, "DOGE");
  expect_error("deposits", params({{"currency", 1}}), Code::kInvalid, "currency");
}

TEST_F(ApiTest, WithdrawalsFollowABurnFromQueueToSettlement) {
  const model::SlotRecord slot = open_slot();
  const std::string burn = slot.payees[0].transaction.hex();
  const auto withdrawal = [&] {
    return answer("withdrawals", params({{"burn", burn}})).find("withdrawals")->items().at(0);
  };
  EXPECT_EQ(text(withdrawal(), "status"), "in_slot");
  EXPECT_TRUE(withdrawal().find("signed_by")->items().empty());
  EXPECT_TRUE(withdrawal().find("own_signer")->is_null());
  backend_.said = SignerWaits{crypto::sha256(as_bytes("a request"))};
  EXPECT_EQ(text(*withdrawal().find("own_signer"), "state"), "waits for officers");
  EXPECT_EQ(text(*withdrawal().find("own_signer"), "request"), crypto::sha256(as_bytes("a request")).hex());
  backend_.said = SignerRefused{"policy.forbid", "denied"};
  EXPECT_EQ(text(*withdrawal().find("own_signer"), "state"), "refused");
  EXPECT_EQ(text(*withdrawal().find("own_signer"), "rule"), "policy.forbid");
  EXPECT_EQ(text(*withdrawal().find("own_signer"), "message"), "denied");
  backend_.said.reset();
  for (const std::uint16_t member : {1, 3, 4})
    ASSERT_TRUE(net_.produce({net_.slot_signature(MemberId(member), slot)}).ok());
  EXPECT_EQ(withdrawal().find("signed_by")->items().size(), 3u);
  ASSERT_TRUE(net_.produce({net_.sign(model::TransactionBody(net_.settlement(slot)), {})}).ok());
  EXPECT_EQ(text(withdrawal(), "status"), "settled");
  EXPECT_EQ(text(withdrawal(), "amount"), "50000");
  EXPECT_EQ(text(withdrawal(), "fee"), std::to_string(slot.fee.get()));

  const Bytes queued = net_.burn(gateway_, account_, kBtc, 40'000, 100'000, net_.payout_script(1));
  ASSERT_TRUE(net_.produce({queued}).ok());
  const auto all = answer("withdrawals").find("withdrawals")->items();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(text(all[1], "status"), "queued");
  EXPECT_TRUE(all[1].find("txid")->is_null());
  EXPECT_TRUE(all[1].find("own_signer")->is_null());
  expect_error("withdrawals", params({{"burn", std::string(64, '0')}}), Code::kNotFound, "no redemption");
  expect_error("withdrawals", params({{"burn", 1}}), Code::kInvalid, "burn");
  expect_error("withdrawals", params({{"currency", "DOGE"}}), Code::kInvalid, "DOGE");
}

TEST_F(ApiTest, ASlotIsGivenAsAPsbtWithTheSignaturesThatThereAre) {
  const model::SlotRecord slot = open_slot();
  const Json which = params({{"currency", "BTC"}, {"slot", 1}});
  const Json with_raw = params({{"currency", "BTC"}, {"slot", 1}, {"raw", true}});
  EXPECT_EQ(answer("slot", which).u64_at("signatures").value(), 0u);
  expect_error("slot", with_raw, Code::kNotFound, "0 of 3 seats have signed the slot");
  for (const std::uint16_t member : {1, 2, 3})
    ASSERT_TRUE(net_.produce({net_.slot_signature(MemberId(member), slot)}).ok());
  const Json complete = answer("slot", with_raw);
  EXPECT_EQ(complete.u64_at("signatures").value(), 3u);
  EXPECT_EQ(text(complete, "status"), "open");
  const auto psbt = chains::bitcoin::parse_psbt_base64(text(complete, "psbt"));
  ASSERT_TRUE(psbt.ok()) << psbt.status().to_string();
  EXPECT_EQ(chains::bitcoin::to_rpc_hex(psbt->tx.txid()), text(complete, "txid"));
  EXPECT_FALSE(text(complete, "raw").empty());
}

TEST_F(ApiTest, WrongSlotsAreRefused) {
  expect_error("slot", params({{"slot", 1}}), Code::kInvalid, "currency");
  expect_error("slot", params({{"currency", "DOGE"}, {"slot", 1}}), Code::kInvalid, "DOGE");
  expect_error("slot", params({{"currency", "BTC"}}), Code::kInvalid, "slot");
  expect_error("slot", params({{"currency", "BTC"}, {"slot", "1"}}), Code::kInvalid, "slot");
  expect_error("slot", params({{"currency", "BTC"}, {"slot", -1}}), Code::kInvalid, "slot");
  expect_error("slot", params({{"currency", "BTC"}, {"slot", 1}, {"raw", "yes"}}), Code::kInvalid, "raw");
  expect_error("slot", params({{"currency", "BTC"}, {"slot", 7}}), Code::kNotFound, "slot 7");
}

TEST_F(ApiTest, ReservesHoldTheEquation) {
  open_slot();
  const Json reserves = answer("reserves");
  const Json& btc = *reserves.find("currencies")->find("BTC");
  EXPECT_TRUE(btc.bool_at("equation_holds").value());
  EXPECT_EQ(text(btc, "recorded_reserve"), "100000000");
  EXPECT_EQ(text(btc, "pending"), "150000");
  EXPECT_EQ(text(*reserves.find("currencies")->find("LTC"), "recorded_reserve"), "0");
}

TEST_F(ApiTest, ADepositAddressIsTheGatewaysOwn) {
  const Json address_of = answer("deposit_address", params({{"currency", "BTC"}, {"gateway", "gary"}}));
  const auto script = custody::witness_script(net_.chain_id(), net_.wallet(kBtc), gateway_);
  EXPECT_EQ(text(address_of, "witness_script"), to_hex(*script));
  EXPECT_TRUE(text(address_of, "address").starts_with("bcrt1"));
  expect_error("deposit_address", params({{"currency", "BTC"}, {"gateway", "mallory"}}), Code::kNotFound,
               "no gateway is called \"mallory\"");
  expect_error("deposit_address", params({{"currency", "BTC"}}), Code::kInvalid, "gateway");
  expect_error("deposit_address", params({{"gateway", "gary"}}), Code::kInvalid, "currency");
  expect_error("deposit_address", params({{"currency", "DOGE"}, {"gateway", "gary"}}), Code::kInvalid,
               "DOGE");
}

}  // namespace
}  // namespace custody::ledger::node
