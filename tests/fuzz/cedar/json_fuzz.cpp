// JSON as entities (with and without a schema), as a context and as a schema. Entities that are read form a
// hierarchy without cycles, and those read with a schema conform to it.
#include <string_view>

#include "policy/cedar/json_format.h"
#include "policy/cedar/validator.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::cedar;

namespace {

const Schema& schema() {
  static const Schema kSchema = *Schema::parse(
      "entity A in [A, B] { a?: Long, ip?: ipaddr, d?: decimal, t?: datetime, u?: duration, e?: A, r?: { x: "
      "Long, y?: String }, "
      "s?: Set<Long> } tags String; entity B; entity C enum [\"x\"]; action g; action v in g appliesTo { "
      "principal: A, resource: B, context: { n: Long } };");
  return kSchema;
}

void check_entities(const Entities& entities) {
  for (const auto& [uid, entity] : entities.all()) {
    CHECK(!entity.is_below(uid));
    for (const EntityUid& parent : entity.parents) CHECK(entity.is_below(parent));
    CHECK(!to_string(Value(&entity.attributes)).empty());
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<Json> json = parse_data_json(as_text({data, size}));
  if (!json.ok()) return 0;
  if (const auto entities = entities_from_json(*json, nullptr); entities.ok()) check_entities(*entities);
  if (const auto entities = entities_from_json(*json, &schema()); entities.ok()) {
    check_entities(*entities);
    for (const auto& [uid, entity] : entities->all()) CHECK(validate_entity(entity, schema()).ok());
  }
  Arena arena;
  if (const auto context = context_from_json(arena, *json, nullptr); context.ok()) {
    const Value value(&*context);
    CHECK(copy(arena, value) == value);
  }
  if (const auto read = Schema::parse_json(*json); read.ok()) CHECK(validate(PolicySet(), *read).empty());
  return 0;
}
