#include "signer/ceremony/ceremony.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "base/file.h"
#include "ledger/model/genesis.h"
#include "ledger/network/curve.h"
#include "policy/bundle/attestation.h"
#include "policy/bundle/directory.h"
#include "proto/reader/digests.h"
#include "signer/ceremony/member_files.h"
#include "signer/hsm/pkcs11_token.h"
#include "signer/hsm/softhsm_fixture.h"
#include "signer/journal/signer_journal.h"
#include "tests/support/policies.h"

namespace custody::signer::ceremony {
namespace {

namespace model = ledger::model;
using hsm::testing::probe_module;

constexpr UnixMs kNow{1'800'000'000'000};  // January 2027

class CeremonyTest : public ::testing::Test {
 protected:
  CeremonyTest() {
    options_.directory = hsm_.writable() + "/member-1";
    options_.name = "member-1";
    options_.legal_entity = "Alpha SA";
    options_.jurisdiction = "CH";
    options_.kyc_expiry = "2031-05-01";
    options_.currencies = {"BTC", "LTC"};
    options_.module = probe_module();
    options_.memory_lock = "secrets";
  }

  Json init() {
    auto made = init_member(options_, kNow, entropy_);
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    return made.ok() ? *made : Json();
  }
  std::string file(const char* name) const { return options_.directory + "/" + name; }
  void expect_refused_before_the_token(Code code) {
    const auto made = init_member(options_, kNow, entropy_);
    EXPECT_EQ(made.code(), code) << made.status().to_string();
    EXPECT_EQ(hsm_.count("C_InitToken"), 0u);
  }

  hsm::testing::SoftHsm hsm_;
  SystemEntropy entropy_;
  InitOptions options_;
};

TEST_F(CeremonyTest, InitMakesKeysThatTheSignerOpensAndPublishesThem) {
  const Json made = init();
  const SignerConfig config = *load_signer_config(file(kSignerConfig));
  EXPECT_EQ(config.member, "member-1");
  EXPECT_EQ(config.softhsm_conf, kSoftHsmConf);
  EXPECT_EQ(config.token_directory, kTokenDirectory);
  EXPECT_EQ(config.token_label, "member-1");
  EXPECT_EQ(config.memory_lock, "secrets");
  ASSERT_EQ(config.keys.size(), 5u);
  EXPECT_EQ(*made.find("keys")->string_at("validator"), config.keys[0].key.hex());
  EXPECT_EQ(*made.find("keys")->string_at("attest"), config.keys[1].key.hex());
  EXPECT_EQ(*made.find("keys")->string_at("governance"), config.keys[2].key.hex());
  EXPECT_EQ(*made.find("seats")->items()[1].string_at("currency"), "LTC");
  EXPECT_EQ(*made.find("seats")->items()[1].string_at("key"), config.keys[4].key.hex());
  EXPECT_EQ(Json::parse(as_text(*read_file(file(kPublicFile), 1u << 16)), 1u << 16)->dump(), made.dump());
  EXPECT_EQ(ledger::network::read_curve_key_file(file(kCurveFile))->public_key.hex(),
            *made.string_at("curve"));

  std::vector<hsm::PinnedKey> pins;
  for (const auto& key : config.keys) pins.push_back({key.name, key.id, key.key});
  const Fd pin(::open(file(kUserPinFile).c_str(), O_RDONLY | O_CLOEXEC));
  const auto token = hsm::Pkcs11Token::open({probe_module(), config.token_label, config.token_serial}, pins,
                                            std::move(*read_secret_fd(pin.get(), 64)));
  ASSERT_TRUE(token.ok()) << token.status().to_string();
  EXPECT_TRUE((*token)->sign(config.keys[4].key, crypto::sha256(as_bytes("x"))).ok());
  EXPECT_EQ(hsm_.count("C_GenerateKeyPair"), 5u);
  EXPECT_EQ(hsm_.count("C_CreateObject"), 0u);  // nothing is imported
}

// README invariant 2.
TEST_F(CeremonyTest, NobodyElseMayReadTheDirectory) {
  init();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
    struct stat info{};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0077u, 0u) << entry.path();
  }
}

TEST_F(CeremonyTest, RandomPinsDiffer) {
  init();
  const Bytes first = *read_file(file(kUserPinFile), 64);
  EXPECT_EQ(first.size(), 32u);
  EXPECT_NE(first, *read_file(file(kSoPinFile), 64));
}

TEST_F(CeremonyTest, PinsFromDescriptorsAreNotKept) {
  const auto with = [](std::string_view text) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends[1]);
    return Fd(ends[0]);
  };
  const Fd user = with("user-pin-1\n");
  const Fd officer = with("officer-1\n");
  options_.user_pin_fd = user.get();
  options_.so_pin_fd = officer.get();
  init();
  EXPECT_FALSE(std::filesystem::exists(file(kUserPinFile)));
  EXPECT_FALSE(std::filesystem::exists(file(kSoPinFile)));
  const SignerConfig config = *load_signer_config(file(kSignerConfig));
  EXPECT_TRUE(hsm::Pkcs11Token::open({probe_module(), config.token_label, ""},
                                     {{"validator", config.keys[0].id, config.keys[0].key}},
                                     SecretBytes(as_bytes("user-pin-1")))
                  .ok());
}

// README invariant 1.
TEST_F(CeremonyTest, NothingThatExistsIsTouched) {
  init();
  const Bytes before = *read_file(file(kSignerConfig), 1u << 16);
  const auto again = init_member(options_, kNow, entropy_);
  EXPECT_EQ(again.code(), Code::kExists);
  EXPECT_EQ(*read_file(file(kSignerConfig), 1u << 16), before);
  EXPECT_EQ(hsm_.count("C_InitToken"), 1u);
}

TEST_F(CeremonyTest, AFailedKeyLeavesNoPublicPart) {
  hsm_.script("C_GenerateKeyPair 3 return CKR_DEVICE_ERROR\n");
  EXPECT_EQ(init_member(options_, kNow, entropy_).code(), Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(file(kPublicFile)));
  hsm_.script("");
  EXPECT_EQ(init_member(options_, kNow, entropy_).code(), Code::kExists);
}

TEST_F(CeremonyTest, RefusesWrongNames) {
  for (const char* name : {"", "Member", "member 1", "member/1", "member-1-member-1-member-1-member1"}) {
    options_.name = name;
    expect_refused_before_the_token(Code::kInvalid);
  }
}
TEST_F(CeremonyTest, RefusesWrongEntities) {
  for (const char* name : {"", "Alpha\nSA", "Alph\xc3\xa4"}) {
    options_.legal_entity = name;
    expect_refused_before_the_token(Code::kInvalid);
  }
  options_.legal_entity = "Alpha SA";
  for (const char* country : {"", "ch", "CHE", "C1"}) {
    options_.jurisdiction = country;
    expect_refused_before_the_token(Code::kInvalid);
  }
}
TEST_F(CeremonyTest, RefusesWrongAndPastExpiries) {
  for (const char* date :
       {"", "2031-13-01", "2031-02-30", "31-05-01", "2031/05/01", "2020-01-01", "2027-01-15"}) {
    options_.kyc_expiry = date;
    expect_refused_before_the_token(Code::kInvalid);
  }
}
TEST_F(CeremonyTest, RefusesWrongCurrencies) {
  for (const std::vector<std::string>& codes :
       {std::vector<std::string>{}, {"btc"}, {"BTC", "BTC"}, {""}, {"TOOLONGCODE"}}) {
    options_.currencies = codes;
    expect_refused_before_the_token(Code::kInvalid);
  }
}
TEST_F(CeremonyTest, RefusesAModuleThatIsNone) {
  options_.module = "libsofthsm2.so";
  expect_refused_before_the_token(Code::kInvalid);
}

// A genesis of four members, the first of which is this one.
class BindTest : public CeremonyTest {
 protected:
  void SetUp() override {
    init();
    config_ = *load_signer_config(file(kSignerConfig));
    make_genesis();
  }

  PublicKey software_key() { return crypto::SoftwareKey::generate(entropy_).public_key(); }

  model::Member make_member(std::uint16_t id, std::uint64_t weight) {
    model::Member member;
    member.id = model::MemberId(id);
    member.name = to_bytes("member-" + std::to_string(id));
    member.legal_entity = to_bytes(std::string_view("Entity"));
    member.jurisdiction = to_bytes(std::string_view("CH"));
    member.kyc_expiry = model::LedgerMs(kNow.value * 2);
    member.weight = model::Weight(weight);
    member.validator_key = software_key();
    member.attest_key = software_key();
    member.governance_key = software_key();
    entropy_.fill({member.curve_key.data(), member.curve_key.size()});
    for (std::uint16_t currency = 1; currency <= 2; ++currency) {
      member.seats.push_back({model::CurrencyId(currency), model::WalletEpoch(1), software_key()});
    }
    return member;
  }

  void add_chain(std::uint16_t id, const std::string& name, const std::string& code) {
    model::ExternalChain chain;
    chain.id = model::ExternalChainId(id);
    chain.name = to_bytes(name);
    entropy_.fill({chain.genesis_hash.data(), 32});
    entropy_.fill({chain.anchor_hash.data(), 32});
    chain.anchor_bits = chain.pow_limit_bits = 0x207fffff;
    chain.hrp = to_bytes(std::string_view("bcrt"));
    chain.no_retarget = true;
    genesis_.chains.push_back(chain);
    genesis_.currencies.push_back({model::CurrencyId(id), to_bytes(code), 8, 8, model::ExternalChainId(id)});
    model::CurrencyParameters p;
    p.currency = model::CurrencyId(id);
    p.min_fee_per_byte = 1;
    p.deposit_depth = p.settlement_depth = 3;
    p.min_deposit = p.min_burn = model::Amount(100'000);
    p.min_fee_rate = model::FeeRate(1'000);
    p.default_fee_rate = model::FeeRate(2'000);
    p.max_fee_rate = model::FeeRate(100'000);
    p.batch_time_ms = 1'000;
    p.batch_count = 5;
    p.batch_value = model::Amount(1'000'000'000);
    p.max_inputs = 20;
    p.max_payees = 20;
    p.payout_cooldown = 1;
    p.bucket_capacity = p.bucket_refill_per_hour = model::Amount(10'000'000'000);
    genesis_.parameters.currencies.push_back(p);
  }

  void make_genesis() {
    genesis_.kind = model::NetworkKind::kTest;
    genesis_.address_prefix = to_bytes(std::string_view("tcaas"));
    genesis_.time = model::LedgerMs(kNow.value);
    for (std::uint16_t id = 1; id <= 4; ++id) genesis_.members.push_back(make_member(id, 30 - 2 * id));
    model::Member& own = genesis_.members[0];
    own.validator_key = config_.keys[0].key;
    own.attest_key = config_.keys[1].key;
    own.governance_key = config_.keys[2].key;
    own.seats[0].key = config_.keys[3].key;
    own.seats[1].key = config_.keys[4].key;
    own.curve_key = ledger::network::read_curve_key_file(file(kCurveFile))->public_key;
    model::NetworkParameters& p = genesis_.parameters;
    p.max_transaction_bytes = 64u << 10;
    p.max_block_bytes = 1u << 20;
    p.max_valid_blocks = 1'000;
    p.empty_block_ms = 1'000;
    p.time_precision_ms = 1'000;
    p.round_timeout_ms = 1'000;
    p.round_timeout_step_ms = 500;
    p.epoch_blocks = 10;
    p.notice_epochs = 1;
    p.treasury_permille = 100;
    add_chain(1, "bitcoin-regtest", "BTC");
    add_chain(2, "litecoin-regtest", "LTC");
    write_genesis();
  }
  // Wallets follow from the members' seats.
  void write_genesis() {
    genesis_.wallets.clear();
    for (std::uint16_t currency = 1; currency <= 2; ++currency) {
      model::ReserveWallet wallet;
      wallet.currency = model::CurrencyId(currency);
      wallet.epoch = model::WalletEpoch(1);
      wallet.threshold = 3;
      for (const model::Member& member : genesis_.members) {
        for (const model::SeatKey& seat : member.seats) {
          if (seat.currency != wallet.currency) continue;
          wallet.seats.push_back(seat.key);
          wallet.members.push_back(member.id);
        }
      }
      genesis_.wallets.push_back(wallet);
    }
    bytes_ = proto::reader::encode(genesis_);
    std::ofstream(bind_.genesis, std::ios::binary) << as_text(bytes_);
    policy_ = tests::make_policy(genesis_, proto::reader::chain_id_of(bytes_), model::MemberId(1), {});
    write_policy();
  }
  void write_policy() { EXPECT_TRUE(policy::bundle::write_directory(bind_.policy, policy_).ok()); }
  std::string salt_file() const { return file(kSignerDirectory) + "/" + policy::bundle::kSaltFile; }
  void expect_refused(Code code) {
    const auto bound = bind_member(bind_, entropy_);
    EXPECT_EQ(bound.code(), code) << bound.status().to_string();
    EXPECT_FALSE(std::filesystem::exists(file("signer/signer.journal")));
  }

  SignerConfig config_;
  model::Genesis genesis_;
  Bytes bytes_;
  BindOptions bind_{options_.directory, hsm_.writable() + "/genesis.bin", hsm_.writable() + "/policy"};
  policy::bundle::Bundle policy_;
};

TEST_F(BindTest, TheJournalBeginsWithTheBinding) {
  const auto bound = bind_member(bind_, entropy_);
  ASSERT_TRUE(bound.ok()) << bound.status().to_string();
  const auto directory = std::move(*open_directory(file(kSignerDirectory)));
  const auto opened = journal::SignerJournal::open(
      *directory,
      [](std::uint64_t, journal::RecordKind, ByteView) { return corrupt("more than a binding"); });
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  const journal::Binding& binding = (*opened)->binding();
  EXPECT_EQ(binding.chain_id.hex(), proto::reader::chain_id_of(bytes_).hex());
  EXPECT_EQ(binding.member, 1u);
  EXPECT_EQ(binding.policy, policy::bundle::bundle_hash(policy_));
  EXPECT_EQ(binding.token_label, config_.token_label);
  EXPECT_EQ(binding.token_serial, config_.token_serial);
  EXPECT_EQ(binding.keys, config_.keys);
  EXPECT_EQ(*read_file(file(kGenesisFile), 1u << 20), bytes_);
  const std::string name = "signer/" + policy::bundle::file_name(binding.policy);
  const std::string stored = file(name.c_str());
  const auto first =
      policy::bundle::decode_signed_bundle(*read_file(stored, policy::bundle::kMaxSignedBundle));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*policy::bundle::decode_bundle(first->bundle), policy_);
  EXPECT_EQ(*bound->string_at("chain_id"), binding.chain_id.hex());
}

// README invariant 6.
TEST_F(BindTest, ASecondBindingIsRefused) {
  ASSERT_TRUE(bind_member(bind_, entropy_).ok());
  const Bytes seed = *read_file(salt_file(), 64);
  EXPECT_EQ(bind_member(bind_, entropy_).code(), Code::kExists);
  EXPECT_EQ(*read_file(salt_file(), 64), seed);
}

// README invariants 2 and 7.
TEST_F(BindTest, TheSeedOfTheSaltsIsDrawnOnce) {
  const Bytes earlier(policy::bundle::kSaltSeedSize, 5);  // of a ceremony that the power ended
  std::ofstream(salt_file(), std::ios::binary) << as_text(earlier);
  ASSERT_TRUE(bind_member(bind_, entropy_).ok());
  EXPECT_EQ(*read_file(salt_file(), 64), earlier);
}
TEST_F(BindTest, ASeedOfTheSaltsIsOfItsOwnerOnly) {
  ASSERT_TRUE(bind_member(bind_, entropy_).ok());
  EXPECT_EQ(read_file(salt_file(), 64)->size(), policy::bundle::kSaltSeedSize);
  struct stat info{};
  ASSERT_EQ(::stat(salt_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}
TEST_F(BindTest, ASeedOfTheSaltsOfAnotherSizeIsRefused) {
  std::ofstream(salt_file(), std::ios::binary) << "too short";
  expect_refused(Code::kCorrupt);
}

// Abuse case G2.
TEST_F(BindTest, G2_ASignerThatHasRunAndLostItsJournalIsNotBoundAnew) {
  std::ofstream(file("signer/audit.log")) << "leaves";
  expect_refused(Code::kRefused);
}

// README invariant 5.
TEST_F(BindTest, AGenesisWithoutThisMemberIsRefused) {
  genesis_.members[0].name = to_bytes(std::string_view("someone-else"));
  write_genesis();
  expect_refused(Code::kRefused);
}
TEST_F(BindTest, AnotherKeyInGenesisIsRefused) {
  for (PublicKey* key : {&genesis_.members[0].validator_key, &genesis_.members[0].attest_key,
                         &genesis_.members[0].governance_key, &genesis_.members[0].seats[1].key}) {
    const PublicKey own = *key;
    *key = software_key();
    write_genesis();
    expect_refused(Code::kRefused);
    *key = own;
  }
}
TEST_F(BindTest, AnotherCurveKeyInGenesisIsRefused) {
  genesis_.members[0].curve_key.data()[0] ^= 1;
  write_genesis();
  expect_refused(Code::kRefused);
}
TEST_F(BindTest, ADamagedGenesisOrPolicyIsRefused) {
  std::ofstream(bind_.genesis, std::ios::binary) << as_text(ByteView(bytes_).first(bytes_.size() - 1));
  expect_refused(Code::kInvalid);
  write_genesis();
  std::ofstream(bind_.policy + "/bundle.toml") << "version = 1\n";
  EXPECT_FALSE(bind_member(bind_, entropy_).ok());
  std::filesystem::remove_all(bind_.policy);
  expect_refused(Code::kNotFound);
}

// Abuse cases B3, B4, B7.
TEST_F(BindTest, B4_APolicyOfALaterVersionAnotherNetworkOrMemberIsRefused) {
  const auto right = policy_;
  policy_ = tests::next_policy(right);
  write_policy();
  expect_refused(Code::kRefused);
  policy_ = right;
  policy_.member = model::MemberId(2);
  write_policy();
  EXPECT_FALSE(bind_member(bind_, entropy_).ok());
  policy_ = right;
  policy_.chain_id = *model::ChainId::from(Bytes(32, 1));
  write_policy();
  EXPECT_FALSE(bind_member(bind_, entropy_).ok());
  policy_ = right;
  policy_.policies = to_bytes("permit (principal, action, resource);\n");  // without an @id
  write_policy();
  EXPECT_FALSE(bind_member(bind_, entropy_).ok());
  policy_ = right;
  write_policy();
  EXPECT_TRUE(bind_member(bind_, entropy_).ok());
}
TEST_F(BindTest, ADirectoryWithoutInitIsRefused) {
  bind_.directory = hsm_.writable();
  EXPECT_EQ(bind_member(bind_, entropy_).code(), Code::kNotFound);
}
TEST_F(BindTest, ASignerConfigurationWithSurplusKeysIsRefused) {
  std::ofstream(file(kSignerConfig), std::ios::app) << "\n[surplus]\nkey = 1\n";
  expect_refused(Code::kInvalid);
}

}  // namespace
}  // namespace custody::signer::ceremony
