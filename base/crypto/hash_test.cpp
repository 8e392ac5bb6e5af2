#include "base/crypto/hash.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace custody::crypto {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(Sha256Function, Fips180Examples) {
  EXPECT_EQ(sha256(ByteView{}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(Bytes(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Function, PartsAndStreamGiveTheHashOfTheConcatenation) {
  const Hash256 whole = sha256(as_bytes("abc"));
  EXPECT_EQ(sha256({as_bytes("a"), ByteView{}, as_bytes("bc")}), whole);
  EXPECT_EQ(Sha256().update(as_bytes("ab")).update(as_bytes("c")).finish(), whole);
  Sha256 interleaved;
  interleaved.update(as_bytes("ab"));
  EXPECT_EQ(sha256(as_bytes("abc")), whole);  // the thread's shared context is another one
  EXPECT_EQ(interleaved.update(as_bytes("c")).finish(), whole);
}

TEST(Sha256Function, ThreadsDoNotShareAContext) {
  const Hash256 expected = sha256(Bytes(1000, 7));
  std::vector<std::thread> threads;
  std::array<int, 4> wrong{};
  for (int& count : wrong) {
    threads.emplace_back([&count, &expected] {
      for (int i = 0; i < 2000; ++i) count += sha256(Bytes(1000, 7)) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::array<int, 4>{}));
}

TEST(Sha256d, BitcoinGenesisBlock) {
  const Bytes header =
      hex("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67"
          "768f617fc81bc3888a5132"
          "3a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c");
  EXPECT_EQ(to_hex_reversed(sha256d(header)),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
}

TEST(Hash160Function, Bip173ExampleKey) {
  const Bytes key = hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  EXPECT_EQ(hash160(key).hex(), "751e76e8199196d454941c45d1b3a323f1433bd6");
}

TEST(Keccak256, IsEthereumsAndNotSha3) {
  EXPECT_EQ(keccak256(ByteView{}).hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(keccak256(as_bytes("Transfer(address,address,uint256)")).hex(),
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
  EXPECT_EQ(keccak256(hex("80")).hex(), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
}

TEST(TaggedHash, Bip340) {
  // TapBranch of the two leaves' hashes as in BIP-341 is SHA256(T || T || data); the tag's hash is the
  // published midstate input.
  const Hash256 tag = sha256(as_bytes("BIP0340/challenge"));
  EXPECT_EQ(tag.hex(), "7bb52d7a9fef58323eb1bf7a407db382d2f3f2d81bb1224f49fe518f6d48d37c");
  const Bytes data = hex("00ff");
  EXPECT_EQ(tagged_hash("BIP0340/challenge", data), sha256({tag, tag, data}));
  // BIP-341 wallet vector 1: no script tree, so the tweak is the tagged hash of the internal key alone.
  const Bytes internal_key = hex("d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d");
  EXPECT_EQ(tagged_hash("TapTweak", internal_key).hex(),
            "b86e7be8f39bab32a6f2c0443abbc210f0edac0e2c53d501b36b64437d9c6c70");
}

}  // namespace
}  // namespace custody::crypto
