#include "base/crypto/hash.h"

#include <gtest/gtest.h>

namespace custody::crypto {
namespace {

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256d(as_bytes("hello")).hex(),
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
  EXPECT_EQ(hash160(as_bytes("hello")).hex(), "b6a9c8c230722b7c748331a8b450f05566dc7d0f");
  EXPECT_EQ(keccak256({}).hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
}

TEST(Hash, PartsAndStreamsEqualTheWhole) {
  const Hash256 whole = sha256(as_bytes("abcdef"));
  EXPECT_EQ(sha256({as_bytes("abc"), as_bytes("def")}), whole);
  EXPECT_EQ(Sha256().update(as_bytes("ab")).update(as_bytes("cdef")).finish(), whole);
}

}  // namespace
}  // namespace custody::crypto
