#include "ledger/network/curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace custody::ledger::network {
namespace {

namespace fs = std::filesystem;

class CurveKeyFile : public ::testing::Test {
 public:
  CurveKeyFile() {
    std::string pattern = (fs::temp_directory_path() / "custody-curve-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/curve.key";
  }
  ~CurveKeyFile() override { fs::remove_all(folder_); }
  void write(const std::string& text, mode_t mode) const {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  std::string folder_;
  std::string path_;
};

TEST(CurveKeys, Z85MatchesTheExampleOfZeroMqRfc26) {
  // The "tester" key of libzmq's own CURVE examples.
  const std::string z85 = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
  const auto key = curve_public_key_from_z85(z85);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->hex(), "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518");
  EXPECT_EQ(to_z85(*key), z85);
}

TEST(CurveKeys, RefusesWhatIsNotZ85) {
  EXPECT_EQ(curve_public_key_from_z85("").code(), Code::kInvalid);
  EXPECT_EQ(curve_public_key_from_z85(std::string(39, 'a')).code(), Code::kInvalid);
  EXPECT_EQ(curve_public_key_from_z85(std::string(41, 'a')).code(), Code::kInvalid);
  EXPECT_EQ(curve_public_key_from_z85(std::string(40, '~')).code(), Code::kInvalid);
}

TEST(CurveKeys, AreFreshEachTime) {
  const auto one = generate_curve_key_pair();
  const auto two = generate_curve_key_pair();
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->public_key, two->public_key);
  EXPECT_FALSE(equal(one->secret_key.view(), two->secret_key.view()));
}

TEST_F(CurveKeyFile, ReadsBackWhatItWroteWithUserOnlyMode) {
  const auto pair = generate_curve_key_pair();
  ASSERT_TRUE(pair.ok());
  ASSERT_TRUE(write_curve_key_file(path_, *pair).ok());
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0600));
  const auto read = read_curve_key_file(path_);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->public_key, pair->public_key);
  EXPECT_TRUE(equal(read->secret_key.view(), pair->secret_key.view()));
}

// RFC 7748, section 6.1 (Bob's X25519 keys, which are CURVE keys too), without the optional newline.
TEST_F(CurveKeyFile, DerivesThePublicKeyOfRfc7748) {
  write("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", 0600);
  const auto read = read_curve_key_file(path_);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->public_key.hex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST_F(CurveKeyFile, RefusesWhatOthersMayRead) {
  write(std::string(64, '1') + "\n", 0640);
  const auto read = read_curve_key_file(path_);
  EXPECT_EQ(read.code(), Code::kRefused);
  EXPECT_THAT(read.status().hint(), ::testing::HasSubstr("chmod 600"));
}

TEST_F(CurveKeyFile, RefusesDamageAndAbsence) {
  EXPECT_EQ(read_curve_key_file(path_).code(), Code::kNotFound);
  for (const std::string& text : {std::string(), std::string(63, '1'), std::string(66, '1'),
                                  std::string(64, 'G'), std::string(64, '1') + " "}) {
    write(text, 0600);
    EXPECT_EQ(read_curve_key_file(path_).code(), Code::kCorrupt) << text;
  }
  write(std::string(5000, '1'), 0600);
  EXPECT_FALSE(read_curve_key_file(path_).ok());
}

}  // namespace
}  // namespace custody::ledger::network
