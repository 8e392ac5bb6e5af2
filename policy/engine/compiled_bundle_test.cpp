#include "policy/engine/compiled_bundle.h"

#include "policy/engine/fixture_test.h"

namespace custody::policy::engine {
namespace {

using fixture::example_bundle;
using fixture::network;

void expect_refused(const bundle::Bundle& bundle, const std::string& part, const Network& of = network()) {
  const auto compiled = CompiledBundle::compile(bundle, of);
  ASSERT_FALSE(compiled.ok()) << "expected: " << part;
  EXPECT_NE(compiled.status().to_string().find(part), std::string::npos) << compiled.status().to_string();
}

TEST(CompiledBundle, KnowsCurrenciesOfficersAndAddresses) {
  const CompiledBundle compiled = fixture::compiled(example_bundle());
  EXPECT_EQ(compiled.currencies().size(), 2u);
  ASSERT_NE(compiled.find_currency(model::CurrencyId(1)), nullptr);
  EXPECT_EQ(compiled.find_currency(model::CurrencyId(3)), nullptr);
  const Hash256 listed = crypto::sha256(fixture::script_of("exchange-one"));
  EXPECT_NE(compiled.find_entry(model::CurrencyId(1), listed), nullptr);
  EXPECT_EQ(compiled.find_entry(model::CurrencyId(1), crypto::sha256(fixture::script_of("nobody"))), nullptr);
}

// Abuse case B7: a policy of another environment.
TEST(CompiledBundle, B7_AnotherNetworkOrMemberIsRefused) {
  Network other = network();
  other.chain_id = model::ChainId();
  expect_refused(example_bundle(), "network", other);
  other = network();
  other.member = model::MemberId(3);
  expect_refused(example_bundle(), "member", other);
}

// Abuse case B3.
TEST(CompiledBundle, B3_UnknownCurrenciesAndTooFineUnitsAreRefused) {
  bundle::Bundle wrong = example_bundle();
  wrong.units.push_back({to_bytes("XRP"), 2});
  expect_refused(wrong, "XRP");
  wrong = example_bundle();
  wrong.units.front().decimals = 9;
  expect_refused(wrong, "9 decimals, and the currency has 8");
}

TEST(CompiledBundle, B3_AnAddressOfAnotherChainOrWrittenOtherwiseIsRefused) {
  bundle::Bundle wrong = example_bundle();
  wrong.allow_list.front().address = to_bytes(fixture::address_of("exchange-one", "LTC"));
  ASSERT_EQ(as_text(wrong.allow_list.front().currency), "BTC");
  expect_refused(wrong, "allow-list entry");
  wrong = example_bundle();
  std::string upper(as_text(wrong.allow_list.front().address));
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  wrong.allow_list.front().address = to_bytes(upper);
  expect_refused(wrong, "is not written as it is shown");
}

TEST(CompiledBundle, AWaitThatOutlivesTheRequestIsRefused) {
  expect_refused(
      fixture::bundle_with("@id(\"slow\") permit(principal, action == Action::\"mint\", resource) when "
                           "{ context.waitedHours >= 1000 };"),
      "a policy waits for 1000 hours");
}

TEST(CompiledBundle, FindingsOfTheLintAreSaidWithTheirPlace) {
  expect_refused(fixture::bundle_with("permit(principal, action == Action::\"mint\", resource);"), "line 1");
}

}  // namespace
}  // namespace custody::policy::engine
