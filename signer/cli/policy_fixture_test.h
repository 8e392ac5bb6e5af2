// For the tests of the policy commands: a network's genesis, three officers with key files, a draft.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "proto/reader/digests.h"
#include "signer/cli/fixture_test.h"
#include "signer/cli/policy_command.h"
#include "signer/cli/policy_source.h"
#include "tests/support/network_fixture.h"

namespace custody::signer::cli {

constexpr std::uint64_t kToday = 1'795'651'200'000;  // 2026-11-26

class PolicyFolder : public TemporaryFolder {
 protected:
  PolicyFolder() {
    CHECK(write_file_atomic(genesis_, proto::reader::encode(network().genesis()), 0644).ok());
    CHECK(write_file_atomic(password_, as_bytes("correct horse"), 0600).ok());
  }
  static const tests::Network& network() {
    static const tests::Network made;
    return made;
  }
  // The member's name as genesis has it.
  static std::string member() { return std::string(as_text(network().genesis().members[1].name)); }

  std::string key_file(const std::string& officer) const { return path_ + "/" + officer + ".key"; }
  // A key file, and what --officer says of it.
  std::string make_officer(const std::string& name, const std::string& groups, policy::bundle::Curve curve) {
    const auto key =
        create_officer_key(key_file(name), curve, SecretBytes(as_bytes("correct horse")), entropy_);
    EXPECT_TRUE(key.ok()) << key.status().to_string();
    return name + ":" + groups + ":" + std::string(curve_name(curve)) + ":" + to_hex(key->key);
  }
  // A key without a file: scrypt takes its time.
  std::string officer_without_file(const std::string& name, const std::string& groups) {
    const auto key = crypto::SoftwareKey::generate(entropy_);
    return name + ":" + groups + ":secp256k1:" + key.public_key().hex();
  }
  PolicyNewOptions new_options() {
    PolicyNewOptions out;
    out.directory = draft_;
    out.genesis = genesis_;
    out.member = member();
    out.officers = {officer_without_file("alice", "treasury"), officer_without_file("bob", "treasury"),
                    officer_without_file("carol", "compliance")};
    return out;
  }
  void write_draft() {
    const auto made = policy_new(context_, new_options(), kToday);
    ASSERT_TRUE(made.ok()) << made.status().to_string();
  }
  std::string read(const std::string& file) const {
    const auto bytes = read_file(file, 1u << 20);
    EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
    return bytes.ok() ? std::string(as_text(*bytes)) : "";
  }
  // Replaces what must be there, once.
  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read(file);
    const std::size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    text.replace(place, from.size(), to);
    ASSERT_TRUE(write_file_atomic(file, as_bytes(text), 0644).ok());
  }

  const std::string genesis_ = path_ + "/genesis.bin";
  const std::string password_ = path_ + "/password";
  const std::string draft_ = path_ + "/policy";
  Context context_;
};

}  // namespace custody::signer::cli
