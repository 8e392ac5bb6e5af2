#include "base/config.h"

#include <gtest/gtest.h>

namespace custody {
namespace {

Config parse(std::string_view text) {
  auto config = Config::parse(text, "node.toml");
  EXPECT_TRUE(config.ok()) << config.status().to_string();
  return std::move(config).value();
}

constexpr char kText[] = R"(name = "member-1"
[network]
bind = "127.0.0.1:9000"
port = 9000
strict = true
seeds = ["a", "b"]
[peers.member-3]
host = "c"
[peers.member-2]
host = "b"
)";

void read_all(Config& config) {
  EXPECT_EQ(*config.string("name"), "member-1");
  EXPECT_EQ(*config.string("network.bind"), "127.0.0.1:9000");
  EXPECT_EQ(*config.u64("network.port"), 9000u);
  EXPECT_EQ(*config.boolean("network.strict"), true);
  EXPECT_EQ(*config.strings("network.seeds"), (std::vector<std::string>{"a", "b"}));
  for (const std::string& peer : config.tables("peers"))
    EXPECT_TRUE(config.string("peers." + peer + ".host").ok());
}

TEST(Config, ReadsTypedValuesAndTables) {
  Config config = parse(kText);
  read_all(config);
  EXPECT_EQ(config.tables("peers"), (std::vector<std::string>{"member-2", "member-3"}));
  EXPECT_TRUE(config.tables("absent").empty());
  EXPECT_TRUE(config.tables("name").empty());
  EXPECT_TRUE(config.has("network.port"));
  EXPECT_FALSE(config.has("network.port.x"));
  EXPECT_TRUE(config.finish().ok()) << config.finish().to_string();
}

TEST(Config, SaysWhereAKeyStands) {
  const Config config = parse(kText);
  EXPECT_EQ(config.where("network.port"), "node.toml:4");
  EXPECT_EQ(config.where("peers.member-2"), "node.toml:9");
  EXPECT_EQ(config.where("network.absent"), "node.toml");
}

TEST(Config, UnknownKeysStopTheStartAndAreNamed) {
  Config config = parse(std::string(kText) + "[netwrok]\nbind = \"x\"\n[empty]\n");
  read_all(config);
  const Status status = config.finish();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.message(), "node.toml: unknown keys: empty (line 13), netwrok.bind (line 12)");
}

TEST(Config, AnEmptyTableIsKnownWhenItWasListed) {
  Config config = parse("[peers.member-4]\n");
  EXPECT_EQ(config.finish().code(), Code::kInvalid);
  EXPECT_EQ(config.tables("peers"), std::vector<std::string>{"member-4"});
  EXPECT_TRUE(config.finish().ok());
}

TEST(Config, AKeyWithADotInItIsUnknown) {
  Config config = parse("\"network.port\" = 1\n[network]\nport = 2\n");
  EXPECT_EQ(*config.u64("network.port"), 2u);
  EXPECT_EQ(config.finish().message(), "node.toml: unknown keys: network.port (line 1)");
}

TEST(Config, AbsentAndWronglyTypedKeysAreNamedWithTheirPlace) {
  Config config = parse("a = 1\nb = -1\nc = \"x\"\nd = [1]\n[t]\nx = 1.5\n");
  EXPECT_EQ(config.string("z.y").status().to_string(),
            "not_found: node.toml: no \"z.y\" (add it to the configuration)");
  EXPECT_EQ(config.string("a").status().message(), "node.toml:1: \"a\" must be a string, not an integer");
  EXPECT_EQ(config.u64("b").status().message(), "node.toml:2: \"b\" must not be negative");
  EXPECT_EQ(config.boolean("c").status().message(), "node.toml:3: \"c\" must be a boolean, not a string");
  EXPECT_EQ(config.strings("c").code(), Code::kInvalid);
  EXPECT_EQ(config.strings("d").code(), Code::kInvalid);
  EXPECT_EQ(config.u64("t.x").status().message(), "node.toml:6: \"t.x\" must be an integer, not a fraction");
  EXPECT_EQ(config.string("t").code(), Code::kInvalid);
}

TEST(Config, MalformedTextIsRefusedWithItsLine) {
  const auto broken = Config::parse("a = 1\nb = = 2\n", "node.toml");
  EXPECT_EQ(broken.code(), Code::kInvalid);
  EXPECT_TRUE(broken.status().message().starts_with("node.toml:2: ")) << broken.status().message();
  EXPECT_EQ(Config::parse("a = 1\na = 2\n", "x").code(), Code::kInvalid);
  EXPECT_EQ(Config::parse("a = \"\xff\"\n", "x").code(), Code::kInvalid);
  EXPECT_EQ(Config::parse(std::string((1 << 20) + 1, '\n'), "x").code(), Code::kExhausted);
  EXPECT_EQ(Config::load("/nonexistent/file.toml").code(), Code::kNotFound);
}

}  // namespace
}  // namespace custody
