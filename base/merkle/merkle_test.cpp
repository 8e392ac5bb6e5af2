#include "base/merkle/merkle.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"

namespace custody::merkle {
namespace {

constexpr std::size_t kMaxSize = 40;

std::vector<Hash256> leaves(std::size_t count) {
  std::vector<Hash256> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(leaf_hash(as_bytes(std::to_string(i))));
  return out;
}

std::size_t largest_power_of_two_below(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

// The definitions of RFC 6962 section 2.1, word for word.
Hash256 defined_root(const std::vector<Hash256>& d) {
  if (d.empty()) return crypto::sha256(ByteView{});
  if (d.size() == 1) return d[0];
  const auto k = static_cast<std::ptrdiff_t>(largest_power_of_two_below(d.size()));
  return node_hash(defined_root({d.begin(), d.begin() + k}), defined_root({d.begin() + k, d.end()}));
}

Path defined_path(std::size_t m, const std::vector<Hash256>& d) {
  if (d.size() == 1) return {};
  const std::size_t k = largest_power_of_two_below(d.size());
  const std::vector<Hash256> left(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(k));
  const std::vector<Hash256> right(d.begin() + static_cast<std::ptrdiff_t>(k), d.end());
  Path path = m < k ? defined_path(m, left) : defined_path(m - k, right);
  path.push_back(defined_root(m < k ? right : left));
  return path;
}

Path defined_subproof(std::size_t m, const std::vector<Hash256>& d, bool b) {
  if (m == d.size()) return b ? Path{} : Path{defined_root(d)};
  const std::size_t k = largest_power_of_two_below(d.size());
  const std::vector<Hash256> left(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(k));
  const std::vector<Hash256> right(d.begin() + static_cast<std::ptrdiff_t>(k), d.end());
  Path path = m <= k ? defined_subproof(m, left, b) : defined_subproof(m - k, right, false);
  path.push_back(defined_root(m <= k ? right : left));
  return path;
}

std::vector<Path> damaged(const Path& path) {
  std::vector<Path> out;
  Path longer = path;
  longer.emplace_back();
  out.push_back(longer);
  for (std::size_t i = 0; i < path.size(); ++i) {
    Path changed = path;
    changed[i].data()[0] ^= 1;
    out.push_back(changed);
    Path shorter = path;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
    out.push_back(shorter);
  }
  return out;
}

TEST(Merkle, CertificateTransparencyRoots) {
  // The inputs and roots of the certificate-transparency project's reference tree.
  const char* inputs[] = {
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  const char* roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  EXPECT_EQ(root({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::vector<Hash256> hashes;
  for (std::size_t i = 0; i < 8; ++i) {
    hashes.push_back(leaf_hash(*from_hex(inputs[i])));
    EXPECT_EQ(root(hashes).hex(), roots[i]) << i + 1 << " leaves";
  }
}

TEST(Merkle, RootAndFrontierFollowTheDefinition) {
  Frontier frontier;
  for (std::size_t size = 0; size <= kMaxSize; ++size) {
    EXPECT_EQ(frontier.size(), size);
    EXPECT_EQ(frontier.root(), defined_root(leaves(size))) << size;
    EXPECT_EQ(root(leaves(size)), defined_root(leaves(size))) << size;
    frontier.add(leaf_hash(as_bytes(std::to_string(size))));
  }
}

TEST(Merkle, InclusionPathsFollowTheDefinitionAndVerify) {
  for (std::size_t size = 1; size <= kMaxSize; ++size) {
    const auto hashes = leaves(size);
    for (std::size_t index = 0; index < size; ++index) {
      const Path path = inclusion_path(hashes, index);
      EXPECT_EQ(path, defined_path(index, hashes)) << index << " of " << size;
      EXPECT_TRUE(verify_inclusion(hashes[index], index, size, path, root(hashes)))
          << index << " of " << size;
    }
  }
}

TEST(Merkle, InclusionRefusesAnotherIndexLeafPathOrRoot) {
  for (std::size_t size = 1; size <= kMaxSize; ++size) {
    const auto hashes = leaves(size);
    const Hash256 top = root(hashes);
    for (std::size_t index = 0; index < size; ++index) {
      const Path path = inclusion_path(hashes, index);
      for (std::size_t other = 0; other <= size; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(verify_inclusion(hashes[index], other, size, path, top));
      }
      EXPECT_FALSE(verify_inclusion(leaf_hash(as_bytes("x")), index, size, path, top));
      EXPECT_FALSE(verify_inclusion(hashes[index], index, size, path, leaf_hash(as_bytes("x"))));
      for (const Path& bad : damaged(path))
        EXPECT_FALSE(verify_inclusion(hashes[index], index, size, bad, top));
    }
  }
  EXPECT_FALSE(verify_inclusion(leaves(1)[0], 0, 0, {}, leaves(1)[0]));
  EXPECT_FALSE(verify_inclusion(leaves(1)[0], UINT64_MAX, UINT64_MAX, Path(65), leaves(1)[0]));
}

TEST(Merkle, ConsistencyPathsFollowTheDefinitionAndVerify) {
  for (std::size_t size = 1; size <= kMaxSize; ++size) {
    const auto hashes = leaves(size);
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const Path path = consistency_path(hashes, old_size);
      EXPECT_EQ(path, defined_subproof(old_size, hashes, true)) << old_size << " of " << size;
      EXPECT_TRUE(verify_consistency(old_size, size, path, root(leaves(old_size)), root(hashes)))
          << old_size << " of " << size;
    }
  }
}

TEST(Merkle, ConsistencyRefusesARewrittenTreeOrDamagedPath) {
  for (std::size_t size = 2; size <= kMaxSize; ++size) {
    const auto hashes = leaves(size);
    auto rewritten = hashes;
    rewritten[0] = leaf_hash(as_bytes("rewritten"));
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const Hash256 old_root = root(leaves(old_size));
      const Path path = consistency_path(hashes, old_size);
      EXPECT_FALSE(verify_consistency(old_size, size, consistency_path(rewritten, old_size), old_root,
                                      root(rewritten)));
      EXPECT_FALSE(verify_consistency(old_size, size, path, leaf_hash(as_bytes("x")), root(hashes)));
      EXPECT_FALSE(verify_consistency(old_size, size, path, old_root, leaf_hash(as_bytes("x"))));
      for (const Path& bad : damaged(path)) {
        EXPECT_FALSE(verify_consistency(old_size, size, bad, old_root, root(hashes)))
            << old_size << " of " << size;
      }
    }
  }
  const Hash256 one = leaves(1)[0];
  EXPECT_FALSE(verify_consistency(0, 1, {}, root({}), one));
  EXPECT_FALSE(verify_consistency(2, 1, {}, one, one));
}

}  // namespace
}  // namespace custody::merkle
