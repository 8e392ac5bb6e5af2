#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "proto/reader/digests.h"
#include "signer/cli/fixture_test.h"
#include "signer/cli/key_file.h"
#include "signer/cli/partial.h"
#include "signer/cli/render.h"
#include "signer/cli/signer_call.h"
#include "signer/cli/transfer_command.h"

namespace custody::signer::cli {
namespace {

TEST(Amounts, DecimalUnitsToMinorUnitsAndBack) {
  EXPECT_EQ(parse_amount("1.5", 8)->get(), 150'000'000u);
  EXPECT_EQ(parse_amount("0.00000001", 8)->get(), 1u);
  EXPECT_EQ(parse_amount("184467440737.09551615", 8)->get(), UINT64_MAX);
  EXPECT_EQ(format_amount(model::Amount(150'000'000), 8), "1.50000000");
  EXPECT_EQ(format_amount(model::Amount(1), 8), "0.00000001");
  EXPECT_EQ(format_amount(model::Amount(7), 0), "7");
}

// Abuse case C10: units and overflow.
TEST(Amounts, C10_RefusesSignsExponentsTooManyDecimalsAndOverflow) {
  for (const char* text : {"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "0x10", "1.123456789",
                           "184467440737.09551616"}) {
    EXPECT_EQ(parse_amount(text, 8).code(), Code::kInvalid) << text;
  }
}

TEST(Dates, CalendarDaysOnly) {
  EXPECT_EQ(parse_date("1970-01-02")->get(), 86'400'000u);
  for (const char* text : {"2031-02-30", "2031-13-01", "2031-1-01", "01-01-2031", "2031/01/01", ""}) {
    EXPECT_EQ(parse_date(text).code(), Code::kInvalid) << text;
  }
}

TEST(SignerAnswers, OnlyANumberThatAMemberCanHaveIsOne) {
  const auto member = [](Json number) { return member_of(Json::object().set("member", std::move(number))); };
  EXPECT_EQ(member(65'535)->get(), 65'535u);
  EXPECT_EQ(member(65'536).code(), Code::kCorrupt);
  EXPECT_EQ(member(std::uint64_t{UINT64_MAX}).code(), Code::kCorrupt);
  EXPECT_EQ(member("2").code(), Code::kInvalid);
  EXPECT_EQ(member_of(Json::object()).code(), Code::kNotFound);
}

class KeyFiles : public TemporaryFolder {};

TEST_F(KeyFiles, OpenWithTheRightPasswordOnlyAndAreNeverOverwritten) {
  const std::string file = path_ + "/key.json";
  const SecretBytes password{as_bytes("correct horse")};
  const auto created = create_key_file(file, password, entropy_);
  ASSERT_TRUE(created.ok()) << created.status().to_string();
  EXPECT_EQ(open_key_file(file, password)->public_key(), *created);
  EXPECT_EQ(*read_public_key(file), *created);
  EXPECT_EQ(open_key_file(file, SecretBytes{as_bytes("wrong")}).code(), Code::kUnauthenticated);
  EXPECT_EQ(create_key_file(file, password, entropy_).code(), Code::kExists);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// A name that is taken by a link to nowhere is taken.
TEST_F(KeyFiles, ALinkIsNotReplaced) {
  const std::string file = path_ + "/key.json";
  std::filesystem::create_symlink(path_ + "/elsewhere", file);
  EXPECT_EQ(create_key_file(file, SecretBytes{as_bytes("correct horse")}, entropy_).code(), Code::kExists);
  EXPECT_TRUE(std::filesystem::is_symlink(file));
}

class Partials : public TemporaryFolder {
 protected:
  Partials()
      : alice_(crypto::SoftwareKey::generate(entropy_)), bob_(crypto::SoftwareKey::generate(entropy_)) {
    network_.chain_id = *model::ChainId::from(Bytes(32, 1));
    network_.height = model::Height(10);
    network_.parameters.max_valid_blocks = 100;
    const model::Address alice = model::Address::of_key(alice_.public_key());
    const model::Address bob = model::Address::of_key(bob_.public_key());
    model::Transfer swap;
    swap.inputs = {{alice, model::CurrencyId(1), model::Amount(40)},
                   {bob, model::CurrencyId(2), model::Amount(500)}};
    swap.outputs = {{bob, model::CurrencyId(1), model::Amount(30)},
                    {alice, model::CurrencyId(2), model::Amount(490)}};
    partial_ = *make_partial(network_, swap, entropy_);
  }
  crypto::SoftwareKey alice_;
  crypto::SoftwareKey bob_;
  Network network_;
  Partial partial_;
};

TEST_F(Partials, EachPartySignsItsOwnCopyAndTheCopiesCombine) {
  Partial by_alice = partial_;
  Partial by_bob = partial_;
  ASSERT_TRUE(add_signature(by_alice, alice_).ok());
  ASSERT_TRUE(add_signature(by_bob, bob_).ok());
  const auto both = combine(by_alice, by_bob);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->envelope.signatures.size(), 2u);
  EXPECT_LT(both->envelope.signatures[0].key, both->envelope.signatures[1].key);
  ASSERT_TRUE(write_partial(path_ + "/swap.json", *both).ok());
  EXPECT_EQ(read_partial(path_ + "/swap.json")->envelope, both->envelope);
}

TEST_F(Partials, RefusesAStrangersKeyAnotherPayloadAndAForgedSignature) {
  EXPECT_EQ(add_signature(partial_, crypto::SoftwareKey::generate(entropy_)).code(), Code::kRefused);
  Partial other = partial_;
  other.envelope.payload.back() ^= 1;
  EXPECT_EQ(combine(partial_, other).code(), Code::kInvalid);
  ASSERT_TRUE(add_signature(partial_, alice_).ok());
  partial_.envelope.signatures[0].key = bob_.public_key();
  ASSERT_TRUE(write_partial(path_ + "/forged.json", partial_).ok());
  EXPECT_EQ(read_partial(path_ + "/forged.json").code(), Code::kInvalid);
}

// Abuse case B8: a file that passes for a transfer and holds something else. Its text would never be shown
// (transfer show knows transfers only), but the gateway's key would sign away its tokens.
TEST_F(Partials, B8_AFileWithAnotherKindOfTransactionIsNotSigned) {
  const SecretBytes password{as_bytes("correct horse")};
  ASSERT_TRUE(create_key_file(path_ + "/gateway.key", password, entropy_).ok());
  ASSERT_TRUE(write_file_atomic(path_ + "/password", password.view(), 0600).ok());
  model::PayoutAddress takeover;
  takeover.gateway = model::GatewayId(1);
  takeover.currency = model::CurrencyId(1);
  takeover.script = Bytes(22, 1);
  ASSERT_TRUE(write_partial(path_ + "/invoice.json", *make_partial(network_, takeover, entropy_)).ok());
  const auto answer = transfer_sign(
      {path_ + "/invoice.json", path_ + "/gateway.key", path_ + "/password", path_ + "/signed.json", ""});
  EXPECT_EQ(answer.code(), Code::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(path_ + "/signed.json"));
}

TEST_F(Partials, ATransactionOfAnUnknownVersionIsNotRead) {
  partial_.transaction.version = 2;
  partial_.envelope.payload = proto::reader::encode(partial_.transaction);
  ASSERT_TRUE(write_partial(path_ + "/new.json", partial_).ok());
  EXPECT_EQ(read_partial(path_ + "/new.json").code(), Code::kInvalid);
}

// Abuse case B1: what was shown is what is signed, though the file was exchanged in between.
TEST_F(Partials, B1_OnlyTheTransactionThatWasShownIsSigned) {
  const SecretBytes password{as_bytes("correct horse")};
  const auto key = create_key_file(path_ + "/key", password, entropy_);
  ASSERT_TRUE(key.ok());
  ASSERT_TRUE(write_file_atomic(path_ + "/password", password.view(), 0600).ok());
  const model::Address own = model::Address::of_key(*key);
  const auto write_payment = [&](std::uint64_t amount) {
    const model::Transfer transfer{{{own, model::CurrencyId(1), model::Amount(amount)}}, {}, {}};
    const Partial partial = *make_partial(network_, transfer, entropy_);
    EXPECT_TRUE(write_partial(path_ + "/in.json", partial).ok());
    return transaction_of(partial).hex();
  };
  SignOptions options{path_ + "/in.json", path_ + "/key", path_ + "/password", path_ + "/out.json", ""};
  options.tx = write_payment(40);
  const std::string exchanged = write_payment(4'000);
  EXPECT_EQ(transfer_sign(options).code(), Code::kRefused);
  EXPECT_FALSE(std::filesystem::exists(options.out));
  options.tx = exchanged;
  const auto answer = transfer_sign(options);
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->string_at("tx").value(), exchanged);
}

TEST_F(Partials, TheMeasuredSizeIsNeverBelowTheRealOne) {
  Partial full = partial_;
  ASSERT_TRUE(add_signature(full, alice_).ok());
  ASSERT_TRUE(add_signature(full, bob_).ok());
  EXPECT_GE(signed_size(partial_.transaction.body, 2), proto::reader::encode(full.envelope).size());
}

TEST(Render, AlignsKeysAndTables) {
  Json row = Json::object();
  row.set("name", "a").set("weight", 28);
  Json answer = Json::object();
  answer.set("schema", "x/1")
      .set("chain_id", "ff")
      .set("members", Json(Json::Array{row}))
      .set("none", Json::array());
  EXPECT_EQ(render(answer), "chain id  ff\nmembers\n  name  weight\n  a     28\nnone      none\n");
}

TEST(Render, PutsAnObjectIntoItsRow) {
  Json waits = Json::object();
  waits.set("burn", "aa")
      .set("own_signer", Json::object().set("state", "waits for officers").set("request", "bb"));
  Json queued = Json::object();
  queued.set("burn", "cc").set("own_signer", Json());
  Json answer = Json::object();
  answer.set("withdrawals", Json(Json::Array{queued, waits}));
  EXPECT_EQ(render(answer),
            "withdrawals\n  burn  own signer\n  cc    -\n  aa    state waits for officers, request bb\n");
}

// Abuse case I4: a text of somebody else's does not reach the terminal's controls.
TEST(Render, I4_EscapesWhatIsNotPrintable) {
  Json answer = Json::object();
  answer.set("name", "a\x1b[2Jb\nc\xc2\x9b");
  EXPECT_EQ(render(answer), "name  a\\x1b[2Jb\\x0ac\\xc2\\x9b\n");
  Json row = Json::object();
  row.set("said", Json::object().set("rule\x1b", "a\x1b[2J"));
  Json rows = Json::object();
  rows.set("rows", Json(Json::Array{row}));
  EXPECT_EQ(render(rows), "rows\n  said\n  rule\\x1b a\\x1b[2J\n");
}

}  // namespace
}  // namespace custody::signer::cli
