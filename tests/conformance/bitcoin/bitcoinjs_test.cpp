// Our PSBTs and addresses, read and written by npm bitcoinjs-lib.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "ledger/chains/bitcoin/address.h"
#include "tests/support/bitcoin_wallet.h"
#include "tests/support/paths.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

constexpr std::size_t kMaxAnswer = 16u << 20;

std::string quoted(const std::string& path) {
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

struct Answers {
  int exit_code = -1;
  std::vector<Json> lines;
};

// A directory that is removed with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "custody-conformance-XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Runs a script of this folder with one JSON request a line and reads its answers.
Answers ask(const std::string& script, const std::vector<Json>& requests) {
  const ScratchDirectory scratch;
  {
    std::ofstream file(scratch.file("requests"));
    for (const Json& request : requests) file << request.dump() << '\n';
  }
  const std::string folder = tests::source_dir() + "/tests/conformance/bitcoin/";
  const std::string command = "node " + quoted(folder + script) + " < " + quoted(scratch.file("requests")) +
                              " > " + quoted(scratch.file("answers"));
  Answers out;
  const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test's own command line
  out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream answers(scratch.file("answers"));
  for (std::string line; std::getline(answers, line);) {
    auto parsed = Json::parse(line, kMaxAnswer);
    EXPECT_TRUE(parsed.ok()) << line;
    if (parsed.ok()) out.lines.push_back(*parsed);
  }
  return out;
}

#define REQUIRE_BITCOINJS()                                                                         \
  do {                                                                                              \
    const std::string modules = tests::source_dir() + "/deploy/npm/node_modules/bitcoinjs-lib";     \
    if (!std::filesystem::exists(modules) || std::system("node --version > /dev/null 2>&1") != 0) { \
      const char* advice = "needs node, and npm ci --ignore-scripts in deploy/npm";                 \
      if (tests::running_in_ci()) FAIL() << advice;                                                 \
      GTEST_SKIP() << advice;                                                                       \
    }                                                                                               \
  } while (false)

struct Spend {
  tests::BitcoinWallet wallet;
  tests::BitcoinPayout payout;
};

// Signed by `required` seats from a random first one on.
Spend make_spend(Entropy& entropy, std::size_t required, std::size_t seats, std::size_t coins) {
  Spend out{tests::make_bitcoin_wallet(entropy, required, seats), {}};
  out.payout = tests::make_bitcoin_payout(entropy, out.wallet, coins);
  const std::size_t first = entropy.below(seats);
  for (std::size_t i = 0; i < required; ++i) {
    tests::sign_bitcoin_payout(out.payout, out.wallet.seats[(first + i) % seats]);
  }
  return out;
}

Json psbt_request(const Spend& spend, std::size_t required) {
  const auto psbt = build_psbt(spend.payout.tx, spend.payout.inputs);
  CHECK(psbt.ok());
  Json request = Json::object();
  request.set("psbt", psbt->to_base64());
  request.set("m", static_cast<std::uint64_t>(required));
  return request;
}

void expect_same_transaction(const Spend& spend, const Json& answer) {
  const auto ours = assemble(spend.payout.tx, spend.payout.signed_inputs());
  ASSERT_TRUE(ours.ok()) << ours.status().to_string();
  ASSERT_EQ(answer.find("error"), nullptr) << answer.dump();
  EXPECT_EQ(text_at(answer, "raw"), to_hex(ours->serialize()));
  EXPECT_EQ(text_at(answer, "txid"), to_rpc_hex(ours->txid()));
  std::size_t matched = 0;
  for (const Json& signature : answer.find("signatures")->items()) {
    const auto key = PublicKey::from_hex(text_at(signature, "pubkey"));
    ASSERT_TRUE(key.ok());
    matched += spend.payout.inputs.at(*signature.u64_at("input")).signatures.count(*key);
  }
  EXPECT_EQ(matched, spend.wallet.required * spend.payout.inputs.size());
}

TEST(conformance, bitcoinjs_psbt) {
  REQUIRE_BITCOINJS();
  SeededEntropy entropy(20'260'701);
  const std::array<std::array<std::size_t, 3>, 7> shapes = {
      {{3, 4, 2}, {3, 4, 1}, {1, 1, 1}, {2, 3, 4}, {5, 7, 2}, {8, 14, 3}, {14, 14, 1}}};
  std::vector<Spend> spends;
  std::vector<Json> requests;
  for (const auto& [required, seats, coins] : shapes) {
    spends.push_back(make_spend(entropy, required, seats, coins));
    requests.push_back(psbt_request(spends.back(), required));
  }
  const Answers answers = ask("psbt_check.mjs", requests);
  EXPECT_EQ(answers.exit_code, 0);
  ASSERT_EQ(answers.lines.size(), spends.size());
  for (std::size_t i = 0; i < spends.size(); ++i) expect_same_transaction(spends[i], answers.lines[i]);
}

TEST(conformance, bitcoinjs_psbt_refuses_what_assemble_refuses) {
  REQUIRE_BITCOINJS();
  SeededEntropy entropy(7);
  Spend swapped = make_spend(entropy, 3, 4, 2);
  auto& inputs = swapped.payout.inputs;
  std::swap(inputs[0].signatures, inputs[1].signatures);
  Spend few = make_spend(entropy, 3, 4, 1);
  few.payout.inputs[0].signatures.erase(few.payout.inputs[0].signatures.begin());
  for (const Spend* spend : {&swapped, &few}) {
    EXPECT_FALSE(assemble(spend->payout.tx, spend->payout.signed_inputs()).ok());
  }
  const Answers answers = ask("psbt_check.mjs", {psbt_request(swapped, 3), psbt_request(few, 3)});
  EXPECT_EQ(answers.exit_code, 1);
  ASSERT_EQ(answers.lines.size(), 2u);
  for (const Json& answer : answers.lines) EXPECT_NE(answer.find("error"), nullptr) << answer.dump();
}

std::vector<Bytes> random_scripts(Entropy& entropy, std::size_t rounds) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < rounds; ++i) {
    const Hash256 hash = tests::random_hash(entropy);
    const PublicKey key = crypto::SoftwareKey::generate(entropy).public_key();
    out.push_back(p2pkh_script_pubkey(hash.view().first(20)));
    out.push_back(p2sh_script_pubkey(hash.view().first(20)));
    out.push_back(p2wpkh_script_pubkey(key));
    out.push_back(witness_script_pubkey(0, hash));
    out.push_back(witness_script_pubkey(1, key.view().subspan(1)));
  }
  return out;
}

TEST(conformance, bitcoinjs_addresses) {
  REQUIRE_BITCOINJS();
  SeededEntropy entropy(11);
  const auto litecoin = regtest_like("litecoin-regtest", {1, 2, 3, 4}, "rltc", 0x6f, 0x3a, regtest().genesis);
  ASSERT_TRUE(litecoin.ok());
  std::vector<Json> requests;
  std::vector<std::pair<Bytes, std::string>> expected;
  for (const Network* network : {&mainnet(), &testnet3(), &regtest(), &*litecoin}) {
    for (const Bytes& script : random_scripts(entropy, 8)) {
      const std::string address = *format_address(script, *network);
      expected.emplace_back(script, address);
      Json request = Json::object();
      request.set("bech32", network->bech32_hrp);
      request.set("pubKeyHash", std::uint32_t{network->p2pkh_version});
      request.set("scriptHash", std::uint32_t{network->p2sh_version});
      request.set("script", to_hex(script));
      request.set("address", address);
      requests.push_back(request);
    }
  }
  const Answers answers = ask("address_check.mjs", requests);
  EXPECT_EQ(answers.exit_code, 0);
  ASSERT_EQ(answers.lines.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(text_at(answers.lines[i], "address"), expected[i].second);
    EXPECT_EQ(text_at(answers.lines[i], "script"), to_hex(expected[i].first));
  }
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
