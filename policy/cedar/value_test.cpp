#include "policy/cedar/value.h"

#include <gtest/gtest.h>

#include <array>

#include "policy/cedar/extension.h"
#include "policy/cedar/lexer.h"

namespace custody::policy::cedar {
namespace {

TEST(CedarValue, ASetHasNoOrderAndNoDoubles) {
  std::array<Value, 4> one = {Value(std::int64_t{2}), Value(std::int64_t{1}), Value(std::int64_t{2}),
                              Value(true)};
  std::array<Value, 3> two = {Value(true), Value(std::int64_t{1}), Value(std::int64_t{2})};
  const Set a = make_set(one);
  const Set b = make_set(two);
  EXPECT_EQ(a.items.size(), 3u);
  EXPECT_TRUE(Value(&a) == Value(&b));
  EXPECT_TRUE(a.contains(Value(std::int64_t{1})));
  EXPECT_FALSE(a.contains(Value(false)));
}

TEST(CedarValue, ARecordIsFoundByNameAndRefusesADouble) {
  std::array<Field, 2> fields = {Field{"b", Value(true)}, Field{"a", Value(std::int64_t{1})}};
  const Result<Record> record = make_record(fields);
  ASSERT_TRUE(record.ok());
  ASSERT_NE(record->find("a"), nullptr);
  EXPECT_EQ(record->find("a")->number(), 1);
  EXPECT_EQ(record->find("c"), nullptr);
  std::array<Field, 2> twice = {Field{"a", Value(true)}, Field{"a", Value(false)}};
  EXPECT_EQ(make_record(twice).status().message(), "the field \"a\" stands twice");
}

TEST(CedarValue, DifferentTypesAreNeverEqual) {
  EXPECT_FALSE(Value(std::int64_t{0}) == Value(false));
  EXPECT_FALSE(Value::decimal(10) == Value(std::int64_t{10}));
  EXPECT_FALSE(Value::datetime(10) == Value::duration(10));
}

TEST(CedarValue, AnAddressIsNotTheNetworkAroundIt) {
  Arena arena;
  const auto ip = [&](std::string_view text) { return *construct(arena, Function::kIp, text); };
  EXPECT_TRUE(ip("10.0.0.1") == ip("10.0.0.1/32"));
  EXPECT_FALSE(ip("10.0.0.1/8") == ip("10.0.0.0/8"));
  EXPECT_FALSE(ip("0.0.0.0") == ip("::"));
}

TEST(CedarValue, ACopyOutlivesItsSource) {
  Arena keep;
  Value copied;
  {
    Arena arena;
    const std::span<Field> fields = arena.array<Field>(1);
    fields[0] = {arena.copy("name"), Value(arena.make<EntityUid>(entity_uid(arena, "User", "alice")))};
    copied = copy(keep, Value(arena.make<Record>(*make_record(fields))));
  }
  EXPECT_EQ(to_string(copied), "{\"name\": User::\"alice\"}");
}

TEST(CedarValue, AnArenaGivesTheSameMemoryAgainAfterReset) {
  Arena arena;
  const void* first = arena.allocate(100, 8);
  EXPECT_NE(arena.allocate(1u << 20, 16), nullptr);
  arena.reset();
  EXPECT_EQ(arena.allocate(100, 8), first);
}

// A text for an officer's eyes must not look like another one.
TEST(CedarValue, QuotesEscapeWhatDeceivesTheEye) {
  EXPECT_EQ(quote("a\"b\\\n\t\r"), R"("a\"b\\\n\t\r")");
  EXPECT_EQ(quote(std::string_view("\0\x7f", 2)), R"("\0\u{7f}")");
  EXPECT_EQ(quote("a\u202eb\u200bc\ufeff"), R"("a\u{202e}b\u{200b}c\u{feff}")");
  EXPECT_EQ(quote("é😀"), "\"é😀\"");
}

TEST(CedarValue, KnowsUtf8) {
  for (const char* good : {"", "a", "é", "€", "😀", "\x7f", "\u07ff", "\U0010ffff"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xff", "a\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace custody::policy::cedar
