// A schema that parses can be used: policies are validated with it, and it has what its own tables name.
#include <string_view>

#include "policy/cedar/validator.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::cedar;

namespace {

const PolicySet& policies() {
  static const PolicySet kPolicies = *PolicySet::parse(
      "permit(principal, action, resource) when { principal has a.b && principal.a.b == context.n };"
      "forbid(principal is A in B::\"x\", action == Action::\"x\", resource) unless { resource.hasTag(\"t\") "
      "&& resource.getTag(\"t\") < 7 };");
  return kPolicies;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<Schema> schema = Schema::parse(as_text({data, size}));
  if (!schema.ok()) return 0;
  for (const auto& [name, type] : schema->types()) {
    for (const std::string_view parent : type.parents)
      CHECK(schema->find_type(parent) != nullptr && type.is_below(parent));
  }
  for (const ActionType& action : schema->actions()) {
    CHECK(schema->find_action(action.uid) == &action);
    CHECK(!action.is_below(action.uid));
    for (const std::string_view type : action.principals) CHECK(schema->find_type(type) != nullptr);
  }
  for (const ValidationError& error : validate(policies(), *schema)) CHECK(!error.message.empty());
  return 0;
}
