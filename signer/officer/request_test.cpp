#include "signer/officer/request.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "policy/render/render.h"
#include "proto/reader/digests.h"

namespace custody::signer::officer {
namespace {

Json request() {
  Json out = Json::object();
  out.set("schema", "custody.officer-sign-request/1")
      .set("key", "pkcs11:token=t;object=alice")
      .set("module", "/usr/lib/module.so")
      .set("tag", "caasiope/policy/vote")
      .set("chain_id", std::string(64, '1'))
      .set("text", "CAASIOPE REQUEST v1\nsays      approve\n");
  return out;
}

std::string why_not(const Json& json) {
  const auto parsed = parse_sign_request(json.dump());
  if (parsed.ok()) return "ok";
  EXPECT_EQ(parsed.code(), Code::kInvalid);
  return parsed.status().message();
}

std::string why_not_with(const char* field, Json value) {
  Json json = request();
  json.set(field, std::move(value));
  return why_not(json);
}

// Invariant 1.
TEST(SignRequest, TheDigestIsThatOfTheTextUnderItsTagAndNetwork) {
  const auto parsed = parse_sign_request(request().dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
  EXPECT_EQ(parsed->key.key.label, "alice");
  EXPECT_EQ(parsed->key.module_path, "/usr/lib/module.so");
  EXPECT_EQ(digest_of(*parsed),
            proto::reader::digest(policy::render::kVoteTag, *ledger::model::ChainId::from(Bytes(32, 0x11)),
                                  as_bytes("CAASIOPE REQUEST v1\nsays      approve\n")));
}

TEST(SignRequest, OfficersTagsAndNoOthers) {
  for (const char* tag : {"caasiope/policy/ask", "caasiope/policy/vote", "caasiope/policy/activate",
                          "caasiope/policy/freeze", "caasiope/policy/unfreeze"}) {
    EXPECT_EQ(why_not_with("tag", tag), "ok");
  }
  for (const char* tag : {"", "caasiope/tx/transfer", "caasiope/policy/request", "caasiope/policy/vote "}) {
    EXPECT_NE(why_not_with("tag", tag).find("is no tag of officers' signatures"), std::string::npos) << tag;
  }
}

TEST(SignRequest, OnlyARenderingIsSigned) {
  for (const char* text : {"", "a", "a\n\nb\n", "a\rb\n", "a\x1b[2J\n", "a\xc2\xa0\n", "a\tb\n", "\n"}) {
    EXPECT_NE(why_not_with("text", text).find("text"), std::string::npos) << text;
    EXPECT_NE(why_not_with("text", text), "ok") << text;
  }
  EXPECT_EQ(why_not_with("text", std::string(100, 'a') + "\n"), "ok");
  EXPECT_EQ(why_not_with("text", "a\n" + std::string(101, 'a') + "\n"),
            "line 2 of the text is not 1 to 100 printable ASCII characters");
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "line\n";
  EXPECT_EQ(why_not_with("text", lines), "ok");
  EXPECT_EQ(why_not_with("text", lines + "line\n"), "the text has more than 40 lines");
}

TEST(SignRequest, EveryFieldIsThereAndNoOther) {
  const Json whole = request();
  for (const auto& [name, value] : whole.members()) {
    Json::Object fewer;
    for (const auto& field : whole.members()) {
      if (field.first != name) fewer.push_back(field);
    }
    EXPECT_NE(why_not(Json(fewer)), "ok") << name;
    EXPECT_NE(why_not_with(name.c_str(), 7), "ok") << name;
  }
  EXPECT_EQ(why_not_with("digest", std::string(64, '0')), "the request has an unknown field \"digest\"");
  EXPECT_EQ(why_not_with("schema", "x/1"), "the request's schema is not custody.officer-sign-request/1");
  EXPECT_EQ(why_not_with("chain_id", "11"), "chain_id: expected 32 bytes, got 1");
  EXPECT_EQ(why_not(Json::array()), "the request is not a JSON object");
  EXPECT_EQ(parse_sign_request("").code(), Code::kInvalid);
  EXPECT_FALSE(parse_sign_request(std::string(kMaxRequest + 1, ' ')).ok());
}

TEST(SignRequest, TheModuleIsNamedOnce) {
  EXPECT_EQ(why_not_with("module", ""), "no PKCS#11 module is named");
  EXPECT_EQ(why_not_with("key", "pkcs11:token=t;object=a?module-path=/usr/lib/module.so"), "ok");
  EXPECT_EQ(why_not_with("key", "pkcs11:token=t;object=a?module-path=/other.so"),
            "the URI names the module /other.so, --module another one");
  Json json = request();
  json.set("module", "").set("key", "pkcs11:token=t;object=a?module-path=/other.so");
  EXPECT_EQ(parse_sign_request(json.dump())->key.module_path, "/other.so");
}

TEST(KeyRequest, NamesAKeyAndNothingToSign) {
  Json json = Json::object();
  json.set("schema", "custody.officer-key-request/1")
      .set("key", "pkcs11:token=t;object=a")
      .set("module", "/m");
  EXPECT_EQ(parse_key_request(json.dump())->key.label, "a");
  EXPECT_EQ(parse_key_request(request().dump()).code(), Code::kInvalid);
  json.set("text", "a\n");
  EXPECT_EQ(parse_key_request(json.dump()).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::signer::officer
