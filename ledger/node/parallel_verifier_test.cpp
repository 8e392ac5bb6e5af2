#include "ledger/node/parallel_verifier.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"

namespace custody::ledger::node {
namespace {

// Every third signature is broken, each in another byte.
std::vector<state::SignatureTask> mixed_tasks(std::size_t count) {
  SeededEntropy entropy(7);
  const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  std::vector<state::SignatureTask> out;
  for (std::size_t i = 0; i < count; ++i) {
    const Hash256 digest = crypto::sha256(as_bytes("task " + std::to_string(i)));
    state::SignatureTask task{key.public_key(), digest, key.sign(digest)};
    if (i % 3 == 2) task.signature.data()[i % Signature::kSize] ^= 1;
    out.push_back(task);
  }
  return out;
}

TEST(ParallelVerifier, AgreesWithTheSerialOneForEverySizeAndNumberOfThreads) {
  const std::vector<state::SignatureTask> tasks = mixed_tasks(101);
  const std::vector<std::uint8_t> expected = state::SerialVerifier().verify(tasks);
  for (const std::size_t threads : {1u, 2u, 3u, 5u}) {
    ParallelVerifier verifier(threads);
    for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 64u, 101u}) {
      const auto some = std::span(tasks).first(size);
      const std::vector<std::uint8_t> results = verifier.verify(some);
      ASSERT_EQ(results.size(), size);
      EXPECT_TRUE(std::equal(results.begin(), results.end(), expected.begin()))
          << threads << " threads, " << size << " tasks";
    }
  }
}

TEST(ParallelVerifier, FindsTheOneBadSignatureWhereverItIs) {
  std::vector<state::SignatureTask> tasks = mixed_tasks(1);
  tasks.resize(40, tasks.front());
  ParallelVerifier verifier(2);
  for (std::size_t bad = 0; bad < tasks.size(); ++bad) {
    auto changed = tasks;
    changed[bad].digest.data()[0] ^= 1;
    std::vector<std::uint8_t> expected(tasks.size(), 1);
    expected[bad] = 0;
    EXPECT_EQ(verifier.verify(changed), expected) << bad;
  }
}

TEST(ParallelVerifier, MayBeMadeAndDestroyedWithoutUse) {
  for (int i = 0; i < 50; ++i) ParallelVerifier verifier(4);
}

}  // namespace
}  // namespace custody::ledger::node
