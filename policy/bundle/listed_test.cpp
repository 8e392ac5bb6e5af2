#include "policy/bundle/listed.h"

#include <gtest/gtest.h>

#include "policy/bundle/fixture_test.h"

namespace custody::policy::bundle {
namespace {

constexpr model::LedgerMs kGenesis(1'000);
constexpr model::LedgerMs kLater(5'000);
constexpr model::LedgerMs kLast(9'000);

Bundle with(const std::vector<std::pair<std::string, std::string>>& entries) {
  Bundle out = fixture::bundle();
  out.allow_list.clear();
  for (const auto& [currency, address] : entries) {
    out.allow_list.push_back(
        {to_bytes(currency), to_bytes(address), to_bytes("o"), to_bytes("r"), model::LedgerMs(1'000'000)});
  }
  return out;
}

std::uint64_t since(const ListedTable& table, std::string_view currency, std::string_view address) {
  return listed_since(table, as_bytes(currency), as_bytes(address)).value_or(model::LedgerMs(0)).get();
}

// Invariant 7: an entry's age begins when a bundle with it comes into force.
TEST(Listed, EntriesKeepTheMomentThatTheyCameIn) {
  const Bundle before = with({{"BTC", "a"}, {"BTC", "b"}});
  const ListedTable first = list_since({}, before, kGenesis);
  const ListedTable second = list_since(first, with({{"BTC", "b"}, {"LTC", "a"}}), kLater, &before);
  EXPECT_EQ(second.size(), 2u);
  EXPECT_EQ(since(second, "BTC", "b"), 1'000u);
  EXPECT_EQ(since(second, "LTC", "a"), 5'000u);
  EXPECT_EQ(since(second, "BTC", "a"), 0u);
}

TEST(Listed, WhoComesBackBeginsAnew) {
  const Bundle has = with({{"BTC", "a"}});
  const Bundle without = with({});
  const ListedTable gone = list_since(list_since({}, has, kGenesis), without, kLater, &has);
  EXPECT_EQ(since(list_since(gone, has, kLast, &without), "BTC", "a"), 9'000u);
}

TEST(Listed, AnotherExpiryOrReasonKeepsTheAge) {
  const Bundle has = with({{"BTC", "a"}});
  const ListedTable first = list_since({}, has, kGenesis);
  Bundle changed = has;
  changed.allow_list[0].reason = to_bytes("another");
  changed.allow_list[0].expires = model::LedgerMs(2'000'000);
  EXPECT_EQ(list_since(first, changed, kLater, &has), first);
}

// Otherwise a rule "listedHours >= 24" would say nothing of who has just been given an old entry's place.
TEST(Listed, AnotherOwnerBeginsAnew) {
  const Bundle has = with({{"BTC", "a"}, {"BTC", "b"}});
  Bundle changed = has;
  changed.allow_list[0].owner = to_bytes("another");
  const ListedTable table = list_since(list_since({}, has, kGenesis), changed, kLater, &has);
  EXPECT_EQ(since(table, "BTC", "a"), 5'000u);
  EXPECT_EQ(since(table, "BTC", "b"), 1'000u);
}

TEST(Listed, WhatHadExpiredBeginsAnewWhenItIsExtended) {
  Bundle has = with({{"BTC", "a"}, {"BTC", "b"}});
  has.allow_list[0].expires = kLater;
  has.allow_list[1].expires = model::LedgerMs(kLater.get() + 1);
  Bundle extended = has;
  for (AllowEntry& entry : extended.allow_list) entry.expires = model::LedgerMs(2'000'000);
  const ListedTable table = list_since(list_since({}, has, kGenesis), extended, kLater, &has);
  EXPECT_EQ(since(table, "BTC", "a"), 5'000u);
  EXPECT_EQ(since(table, "BTC", "b"), 1'000u) << "it was valid to the end";
}

TEST(Listed, EveryEntryOfAFullListIsFound) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (std::size_t i = 0; i < 300; ++i)
    entries.emplace_back(i < 150 ? "BTC" : "LTC", std::to_string(1'000 + i));
  const ListedTable table = list_since({}, with(entries), kGenesis);
  for (const auto& [currency, address] : entries) EXPECT_EQ(since(table, currency, address), 1'000u);
  EXPECT_EQ(since(table, "BTC", "1299"), 0u);
  EXPECT_EQ(since(table, "A", "1000"), 0u);
  EXPECT_EQ(since(table, "XMR", "1000"), 0u);
}

}  // namespace
}  // namespace custody::policy::bundle
