// For tests: a SoftHSM2 token directory of one's own (concurrent logins on a shared one make its token
// vanish), and the probe module in front of it. The environment is the process's, so one SoftHsm at a time is
// current.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/crypto/hash.h"
#include "signer/hsm/provision.h"
#include "tests/support/paths.h"

namespace custody::signer::hsm::testing {

inline constexpr char kSoftHsmModule[] = "/usr/lib/softhsm/libsofthsm2.so";
inline std::string probe_module() {
  return tests::bin_dir() + "/pkcs11_probe.so";
}
inline constexpr char kLabel[] = "custody-test";

inline SecretBytes user_pin() {
  return SecretBytes(as_bytes("2468-user"));
}
inline SecretBytes so_pin() {
  return SecretBytes(as_bytes("1357-officer"));
}

class SoftHsm {
 public:
  SoftHsm() {
    const std::filesystem::path root = std::filesystem::path(tests::bin_dir()).parent_path() / "test-tokens";
    std::filesystem::create_directories(root);
    path_ = (root / "XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) std::abort();
    std::filesystem::create_directory(tokens());
    std::filesystem::create_directory(writable());
    std::ofstream(path_ + "/softhsm2.conf")
        << "directories.tokendir = " << tokens() << "\nobjectstore.backend = file\nlog.level = ERROR\n"
        << "slots.removable = false\nslots.mechanisms = ALL\nlibrary.reset_on_fork = true\n";
    make_current();
  }
  ~SoftHsm() { std::filesystem::remove_all(path_); }
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;

  std::string tokens() const { return path_ + "/tokens"; }
  std::string writable() const { return path_ + "/writable"; }

  // What modules loaded from now on see.
  void make_current() const {
    setenv("SOFTHSM2_CONF", (path_ + "/softhsm2.conf").c_str(), 1);
    setenv("PKCS11_PROBE_MODULE", kSoftHsmModule, 1);
    setenv("PKCS11_PROBE_COUNTS", (writable() + "/counts").c_str(), 1);
    setenv("PKCS11_PROBE_SCRIPT", (writable() + "/script").c_str(), 1);
  }

  // Replaces the probe's fault script; call numbers start anew.
  void script(const std::string& text) const {
    std::ofstream(writable() + "/script.new") << text;
    std::filesystem::rename(writable() + "/script.new", writable() + "/script");
  }
  // Calls of a function (or "C_Sign:01", per key) through the probe so far.
  std::uint64_t count(const std::string& name) const {
    std::ifstream file(writable() + "/counts");
    std::string found;
    std::uint64_t value = 0;
    while (file >> found >> value) {
      if (found == name) return value;
    }
    return 0;
  }

  // A token labelled kLabel; its serial.
  std::string init_token() const {
    auto provisioner = Provisioner::load(kSoftHsmModule);
    EXPECT_TRUE(provisioner.ok()) << provisioner.status().to_string();
    const auto serial = (*provisioner)->init_token(kLabel, so_pin(), user_pin());
    EXPECT_TRUE(serial.ok()) << serial.status().to_string();
    return *serial;
  }
  PinnedKey generate(const std::string& name, std::uint8_t id) const {
    auto provisioner = Provisioner::load(kSoftHsmModule);
    EXPECT_TRUE(provisioner.ok()) << provisioner.status().to_string();
    const Status login = (*provisioner)->login(kLabel, "", user_pin());
    EXPECT_TRUE(login.ok()) << login.to_string();
    const auto key = (*provisioner)->generate_key(name, Bytes{id});
    EXPECT_TRUE(key.ok()) << key.status().to_string();
    return {name, Bytes{id}, *key};
  }

 private:
  std::string path_;
};

}  // namespace custody::signer::hsm::testing
