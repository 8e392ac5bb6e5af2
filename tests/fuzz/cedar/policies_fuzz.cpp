// Policies that parse are written canonically, and what is written parses into the same policies; formatting
// again changes nothing. Deciding and validating them ends.
#include <algorithm>
#include <string>
#include <string_view>

#include "policy/cedar/authorizer.h"
#include "policy/cedar/format.h"
#include "policy/cedar/validator.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::cedar;

namespace {

const Schema& schema() {
  static const Schema kSchema = *Schema::parse(
      "entity User in [Group] { age: Long, nick?: String } tags Long; entity Group; entity Doc { owner: User "
      "};"
      "action view appliesTo { principal: User, resource: Doc, context: { n: Long, at?: datetime } };");
  return kSchema;
}

void check_format(std::string_view text, const PolicySet& policies) {
  const Result<std::string> once = format_policies(text);
  CHECK(once.ok());
  const Result<PolicySet> again = PolicySet::parse(*once);
  CHECK(again.ok());
  CHECK(std::equal(policies.all().begin(), policies.all().end(), again->all().begin(), again->all().end(),
                   same_policy));
  CHECK(*format_policies(*once) == *once);
}

void check_decision(const PolicySet& policies) {
  const Request request{
      entity_uid("User", "alice"), entity_uid("Action", "view"), entity_uid("Doc", "plan"), {}};
  const Entities entities;
  const Result<Decision> decision = cedar_decide(policies, request, entities);
  CHECK(decision.ok() || decision.code() == Code::kExhausted);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const Result<PolicySet> policies = PolicySet::parse(text);
  if (!policies.ok()) return 0;
  check_format(text, *policies);
  check_decision(*policies);
  for (const ValidationError& error : validate(*policies, schema())) CHECK(!error.message.empty());
  return 0;
}
