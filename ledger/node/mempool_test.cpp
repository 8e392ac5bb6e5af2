#include "ledger/node/mempool.h"

#include <gtest/gtest.h>

namespace custody::ledger::node {
namespace {

using model::Height;
using model::TxId;

TxId id(std::uint8_t first) {
  TxId out;
  out.data()[0] = first;
  return out;
}

TEST(Mempool, KeepsOrderAndRefusesASecondCopy) {
  Mempool pool({1'000, 10});
  EXPECT_TRUE(pool.add(id(2), Bytes{2}, Height(9)).ok());
  EXPECT_TRUE(pool.add(id(1), Bytes{1}, Height(9)).ok());
  EXPECT_EQ(pool.add(id(2), Bytes{2}, Height(9)).code(), Code::kExists);
  EXPECT_EQ(pool.oldest(10), (std::vector<Bytes>{{2}, {1}}));
  EXPECT_EQ(pool.oldest(1), (std::vector<Bytes>{{2}}));
}

TEST(Mempool, IsBoundedByCountAndBytes) {
  Mempool pool({10, 3});
  EXPECT_TRUE(pool.add(id(1), Bytes(8), Height(9)).ok());
  EXPECT_EQ(pool.add(id(2), Bytes(3), Height(9)).code(), Code::kExhausted);
  EXPECT_TRUE(pool.add(id(2), Bytes(1), Height(9)).ok());
  EXPECT_TRUE(pool.add(id(3), Bytes(1), Height(9)).ok());
  EXPECT_EQ(pool.add(id(4), {}, Height(9)).code(), Code::kExhausted);
  pool.remove(id(1));
  EXPECT_EQ(pool.bytes(), 2u);
  EXPECT_TRUE(pool.add(id(4), Bytes(8), Height(9)).ok());
}

TEST(Mempool, WhatWaitsClaimsNoMoreThanThereIs) {
  Mempool pool({1'000, 10});
  const auto claim = [](std::uint64_t amount, std::uint8_t source = 7) {
    return std::vector<state::Claim>{{Bytes{source}, amount, 100}};
  };
  EXPECT_TRUE(pool.add(id(1), Bytes{1}, Height(5), claim(60)).ok());
  EXPECT_EQ(pool.add(id(2), Bytes{2}, Height(9), claim(41)).code(), Code::kRefused);
  EXPECT_EQ(pool.add(id(2), Bytes{2}, Height(9), claim(UINT64_MAX)).code(), Code::kRefused);
  EXPECT_TRUE(pool.add(id(2), Bytes{2}, Height(9), claim(40)).ok());
  EXPECT_TRUE(pool.add(id(3), Bytes{3}, Height(9), claim(100, 8)).ok()) << "of something else";
  pool.filter(Height(6), 0, [](const Bytes&) { return true; });
  EXPECT_TRUE(pool.add(id(4), Bytes{4}, Height(9), claim(60)).ok()) << "the expired one claims nothing";
  pool.remove(id(4));
  pool.remove(id(2));
  EXPECT_EQ(pool.add(id(5), Bytes{5}, Height(9), claim(101)).code(), Code::kRefused);
  EXPECT_TRUE(pool.add(id(5), Bytes{5}, Height(9), claim(100)).ok());
}

TEST(Mempool, FilterDropsExpiredAndRefusedOnes) {
  Mempool pool({1'000, 10});
  ASSERT_TRUE(pool.add(id(1), Bytes{1}, Height(5)).ok());
  ASSERT_TRUE(pool.add(id(2), Bytes{2}, Height(6)).ok());
  ASSERT_TRUE(pool.add(id(3), Bytes{3}, Height(6)).ok());
  pool.filter(Height(6), 1, [](const Bytes& envelope) { return envelope[0] != 3; });
  EXPECT_EQ(pool.oldest(10), (std::vector<Bytes>{{2}, {3}})) << "only the oldest was checked";
  pool.filter(Height(6), 2, [](const Bytes& envelope) { return envelope[0] != 3; });
  EXPECT_EQ(pool.oldest(10), (std::vector<Bytes>{{2}}));
  EXPECT_FALSE(pool.contains(id(3)));
}

TEST(Mempool, TellsEachAgainAfterAWhileWithinABudget) {
  Mempool pool({1'000, 10});
  ASSERT_TRUE(pool.add(id(1), Bytes(4), Height(5)).ok());
  ASSERT_TRUE(pool.add(id(2), Bytes(4), Height(5)).ok());
  EXPECT_EQ(pool.to_tell({100}, 50, 6).size(), 1u);
  EXPECT_EQ(pool.to_tell({100}, 50, 6).size(), 1u);
  EXPECT_EQ(pool.to_tell({149}, 50, 6).size(), 0u);
  EXPECT_EQ(pool.to_tell({150}, 50, 100).size(), 2u);
}

TEST(Mempool, TellsTheNewOnesFirstAndForgetsTheRemovedOnes) {
  Mempool pool({1'000, 10});
  ASSERT_TRUE(pool.add(id(1), Bytes{1}, Height(5), {}, MonotonicMs{40}).ok());
  ASSERT_TRUE(pool.add(id(2), Bytes{2}, Height(5)).ok());
  ASSERT_TRUE(pool.add(id(3), Bytes{3}, Height(5)).ok());
  ASSERT_TRUE(pool.add(id(4), Bytes{4}, Height(5), {}, MonotonicMs{60}).ok());
  pool.remove(id(2));
  EXPECT_EQ(pool.to_tell({90}, 50, 100), (std::vector<Bytes>{{3}, {1}})) << "4 was told 30 ms ago";
  pool.remove(id(1));
  EXPECT_EQ(pool.to_tell({140}, 50, 100), (std::vector<Bytes>{{4}, {3}}));
}

}  // namespace
}  // namespace custody::ledger::node
