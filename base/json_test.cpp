#include "base/json.h"

#include <gtest/gtest.h>

namespace custody {
namespace {

constexpr std::size_t kCap = 1 << 20;

TEST(Json, RoundTripKeepsOrderAndExactIntegers) {
  const std::string text = R"({"z":18446744073709551615,"a":[-9223372036854775808,true,null,"x\n"],"m":{}})";
  const auto json = Json::parse(text, kCap);
  ASSERT_TRUE(json.ok()) << json.status().to_string();
  EXPECT_EQ(*json->u64_at("z"), UINT64_MAX);
  EXPECT_EQ(*json->find("a")->items()[0].as_i64(), INT64_MIN);
  EXPECT_EQ(json->dump(), text);
}

TEST(Json, AFractionKeepsItsText) {
  const auto json = Json::parse(R"([0.10000000, 1e2, 7])", kCap);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json->items()[0].number_text(), "0.10000000");
  EXPECT_EQ(*json->items()[1].number_text(), "1e2");
  EXPECT_EQ(*json->items()[2].number_text(), "7");
  EXPECT_DOUBLE_EQ(*json->items()[1].as_double(), 100.0);
  EXPECT_EQ(json->items()[0].as_u64().status().message(),
            "expected an unsigned integer, found a number with a fraction");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":1,}", "'a'", "[1] x", "nul", "\"\x01\"", "\"\xff\"",
                           "[01]", "// c\n1", "1e999", "NaN", "{\"a\" 1}", "[1 2]", "\"\\ud800\""}) {
    EXPECT_EQ(Json::parse(text, kCap).code(), Code::kInvalid) << text;
  }
  EXPECT_EQ(Json::parse("[1,,2]", kCap).status().message(), "not JSON at byte 4");
}

TEST(Json, RefusesDuplicateKeysDepthSizeAndWideIntegers) {
  EXPECT_EQ(Json::parse(R"({"a":1,"b":{"a":1},"a":2})", kCap).status().message(),
            "duplicate key before byte 22");
  const std::string deep(64, '[');
  EXPECT_TRUE(Json::parse(deep + std::string(64, ']'), kCap).ok());
  EXPECT_EQ(Json::parse("[" + deep + std::string(65, ']'), kCap).code(), Code::kInvalid);
  EXPECT_TRUE(Json::parse("[" + deep + std::string(65, ']'), kCap, 65).ok());
  EXPECT_EQ(Json::parse("[[]]", kCap, 1).status().message(), "more than 1 levels before byte 2");
  EXPECT_EQ(Json::parse("[1]", 2).code(), Code::kExhausted);
  EXPECT_EQ(Json::parse("18446744073709551616", kCap).code(), Code::kInvalid);
  EXPECT_EQ(Json::parse("-9223372036854775809", kCap).code(), Code::kInvalid);
}

TEST(Json, TypedReadsNameTheKeyAndBothTypes) {
  const auto json = Json::parse(R"({"n":-1,"s":"x","b":true})", kCap);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->u64_at("s").status().message(), "\"s\": expected an unsigned integer, found a string");
  EXPECT_EQ(json->u64_at("n").status().message(),
            "\"n\": expected an unsigned integer, found a negative number");
  EXPECT_EQ(json->string_at("b").status().message(), "\"b\": expected a string, found a boolean");
  EXPECT_EQ(json->bool_at("n").status().message(), "\"n\": expected a boolean, found a number");
  EXPECT_EQ(json->string_at("absent").code(), Code::kNotFound);
  EXPECT_EQ(json->at("absent").code(), Code::kNotFound);
  EXPECT_EQ(Json(UINT64_MAX).as_i64().code(), Code::kInvalid);
}

TEST(Json, PrintsAsciiOnly) {
  EXPECT_EQ(Json("\x1b[31m\x7f\xc2\x9b\n\"").dump(), R"("\u001b[31m\u007f\u009b\n\"")");
  EXPECT_EQ(Json("\xff").dump(), R"("\ufffd")");
}

TEST(Json, SetReplacesAndPushAppends) {
  Json json;
  json.set("a", 1).set("b", Json().push("x").push(2.5)).set("a", false);
  EXPECT_EQ(json.dump(), R"({"a":false,"b":["x",2.5]})");
}

}  // namespace
}  // namespace custody
