// The official test data: hand-written tests, the corpus, and what cedar-go recorded for it. Every count is
// stated, so that nothing can be left out unseen.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "policy/cedar/authorizer.h"
#include "policy/cedar/format.h"
#include "policy/cedar/json_format.h"
#include "policy/cedar/validator.h"
#include "tests/conformance/cedar/vectors.h"

namespace custody::policy::cedar {
namespace {

namespace fs = std::filesystem;
using tests::parse_vectors;
using tests::text_at;
using tests::cedar::read_text;
using tests::cedar::stems;

Json value_at(const Json& object, std::string_view key) {
  const auto value = object.at(key);
  EXPECT_TRUE(value.ok()) << value.status().to_string();
  return value.ok() ? *value : Json();
}

std::vector<std::string> texts_at(const Json& object, std::string_view key) {
  const Json items = value_at(object, key);
  std::vector<std::string> out;
  for (const Json& item : items.items()) out.push_back(*item.as_string());
  return out;
}

PolicySet parse_policies(const fs::path& path) {
  Result<PolicySet> policies = PolicySet::parse(read_text(path));
  EXPECT_TRUE(policies.ok()) << path << ": " << policies.status().to_string();
  return policies.ok() ? std::move(policies).value() : PolicySet();
}

Schema parse_schema(const fs::path& path) {
  Result<Schema> schema = Schema::parse(read_text(path));
  EXPECT_TRUE(schema.ok()) << path << ": " << schema.status().to_string();
  return schema.ok() ? std::move(schema).value() : Schema();
}

std::set<std::string> invalid_policies(const PolicySet& policies, const Schema& schema) {
  std::set<std::string> out;
  for (const ValidationError& error : validate(policies, schema)) out.insert(error.policy);
  return out;
}

// One test file: policies, entities, schema and requests with their answers.
class OfficialTest {
 public:
  OfficialTest(const fs::path& root, const fs::path& file)
      : name_(file.string()), test_(parse_vectors(read_text(file))) {
    policies_ = parse_policies(root / text_at(test_, "policies"));
    schema_ = parse_schema(root / text_at(test_, "schema"));
    entities_ = parse_vectors(read_text(root / text_at(test_, "entities")));
  }

  const PolicySet& policies() const { return policies_; }
  const Schema& schema() const { return schema_; }

  void expect_validation() const {
    EXPECT_EQ(invalid_policies(policies_, schema_).empty(), *test_.bool_at("shouldValidate")) << name_;
  }

  // How many requests were judged. schema: nullptr leaves it away.
  std::size_t expect_decisions(const Schema* schema) const {
    const Result<Entities> entities = entities_from_json(entities_, schema);
    EXPECT_TRUE(entities.ok()) << name_ << ": " << entities.status().to_string();
    if (!entities.ok()) return 0;
    Authorizer authorizer(policies_);
    const Json requests = value_at(test_, "requests");
    for (const Json& item : requests.items()) expect_decision(authorizer, *entities, item, schema);
    return requests.items().size();
  }

 private:
  void expect_decision(Authorizer& authorizer, const Entities& entities, const Json& item,
                       const Schema* schema) const {
    Arena arena;
    const Result<Request> request = request_from_json(arena, item, schema);
    ASSERT_TRUE(request.ok()) << name_ << ": " << request.status().to_string();
    if (schema != nullptr) {
      const Status valid = validate_request(*request, *schema);
      EXPECT_TRUE(valid.ok()) << name_ << ": " << valid.to_string();
    }
    const Result<const Decision*> decision = authorizer.decide(*request, entities);
    ASSERT_TRUE(decision.ok()) << name_ << ": " << decision.status().to_string();
    std::vector<std::string> reasons;
    std::vector<std::string> errors;
    for (const auto place : (*decision)->reasons) reasons.emplace_back(policies_.active()[place].id);
    for (const auto& error : (*decision)->errors) errors.emplace_back(policies_.active()[error.policy].id);
    EXPECT_EQ((*decision)->allow ? "allow" : "deny", text_at(item, "decision")) << name_;
    EXPECT_EQ(reasons, texts_at(item, "reason")) << name_;
    EXPECT_EQ(errors, texts_at(item, "errors")) << name_;
  }

  std::string name_;
  Json test_;
  PolicySet policies_;
  Schema schema_;
  Json entities_;
};

std::vector<fs::path> corpus_files(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const std::string& stem : stems(folder / "corpus-tests", ".json")) {
    if (!stem.ends_with(".entities")) out.push_back(folder / "corpus-tests" / (stem + ".json"));
  }
  return out;
}

TEST(CedarOfficial, Handwritten) {
  UNPACK_CEDAR(folder, "handwritten");
  std::size_t tests = 0;
  std::size_t requests = 0;
  for (const char* group : {"decimal", "example_use_cases", "ip", "multi"}) {
    for (const std::string& stem : stems(folder / "tests" / group, ".json")) {
      const OfficialTest test(folder, folder / "tests" / group / (stem + ".json"));
      test.expect_validation();
      // Their contexts need the schema to be understood.
      requests += test.expect_decisions(&test.schema());
      ++tests;
    }
  }
  EXPECT_EQ(tests, 22u);
  EXPECT_EQ(requests, 74u);
}

TEST(CedarOfficial, CorpusDecisions) {
  UNPACK_CEDAR(folder, "corpus-4.10.0-A");
  std::size_t without_schema = 0;
  std::size_t with_schema = 0;
  for (const fs::path& file : corpus_files(folder)) {
    const OfficialTest test(folder, file);
    without_schema += test.expect_decisions(nullptr);
    with_schema += test.expect_decisions(&test.schema());
  }
  EXPECT_EQ(without_schema, 31'656u);
  EXPECT_EQ(with_schema, 31'656u);
}

TEST(CedarOfficial, CorpusValidation) {
  UNPACK_CEDAR(folder, "corpus-4.10.0-A");
  std::size_t tests = 0;
  for (const fs::path& file : corpus_files(folder)) {
    OfficialTest(folder, file).expect_validation();
    ++tests;
  }
  EXPECT_EQ(tests, 3'957u);
}

// The JSON form of a schema gives the same verdicts as its text.
TEST(CedarOfficial, CorpusJsonSchemas) {
  UNPACK_CEDAR(folder, "corpus-4.10.0-A");
  const fs::path schemas = folder / "corpus-tests-json-schemas";
  std::size_t tests = 0;
  for (const std::string& stem : stems(schemas, ".cedarschema.json")) {
    const Result<Schema> schema =
        Schema::parse_json(parse_vectors(read_text(schemas / (stem + ".cedarschema.json"))));
    ASSERT_TRUE(schema.ok()) << stem << ": " << schema.status().to_string();
    const OfficialTest test(folder, folder / "corpus-tests" / (stem + ".json"));
    EXPECT_EQ(invalid_policies(test.policies(), *schema), invalid_policies(test.policies(), test.schema()))
        << stem;
    EXPECT_EQ(test.expect_decisions(&*schema), 8u) << stem;
    ++tests;
  }
  EXPECT_EQ(tests, 3'925u);
}

// What cedar-go recorded: strict verdicts for each policy, entity and request.
class RecordedValidation {
 public:
  RecordedValidation(const fs::path& root, const std::string& stem, const fs::path& record)
      : name_(stem), record_(parse_vectors(read_text(record))) {
    policies_ = parse_policies(root / (stem + ".cedar"));
    schema_ = parse_schema(root / (stem + ".cedarschema"));
    requests_ = value_at(parse_vectors(read_text(root / (stem + ".json"))), "requests");
    entities_ = parse_vectors(read_text(root / (stem + ".entities.json")));
  }

  std::size_t expect_policies() const {
    const std::set<std::string> invalid = invalid_policies(policies_, schema_);
    const Json verdicts = value_at(record_, "policyValidation");
    EXPECT_EQ(invalid.empty(), *verdicts.bool_at("strict")) << name_;
    const Json per_policy = value_at(verdicts, "perPolicy");
    for (const auto& [id, verdict] : per_policy.members()) {
      EXPECT_EQ(!invalid.contains(id), *verdict.bool_at("strict"))
          << name_ << " " << id << " " << verdict.dump();
    }
    return per_policy.members().size();
  }

  std::size_t expect_entities() const {
    const Json verdicts = value_at(value_at(record_, "entityValidation"), "perEntity");
    for (const Json& item : entities_.items()) {
      Arena arena;
      const Result<EntityUid> uid = uid_from_json(arena, value_at(item, "uid"));
      EXPECT_TRUE(uid.ok()) << name_;
      if (!uid.ok()) continue;
      const Json* verdict = verdicts.find(std::string(uid->type) + "::" + std::string(uid->id));
      EXPECT_NE(verdict, nullptr) << name_;
      const bool valid = entities_from_json(Json::array().push(item), &schema_).ok();
      EXPECT_EQ(valid, verdict != nullptr && verdict->find("errors") == nullptr)
          << name_ << " " << to_string(*uid);
    }
    return entities_.items().size();
  }

  std::size_t expect_requests() const {
    const Json verdicts = value_at(record_, "requestValidation");
    EXPECT_EQ(verdicts.items().size(), requests_.items().size()) << name_;
    for (std::size_t i = 0; i < verdicts.items().size(); ++i) {
      Arena arena;
      const Result<Request> request = request_from_json(arena, requests_.items()[i], &schema_);
      const bool valid = request.ok() && validate_request(*request, schema_).ok();
      EXPECT_EQ(valid, *verdicts.items()[i].bool_at("strict")) << name_ << " request " << i;
    }
    return verdicts.items().size();
  }

 private:
  std::string name_;
  Json record_;
  PolicySet policies_;
  Schema schema_;
  Json requests_;
  Json entities_;
};

TEST(CedarOfficial, RecordedCorpusVerdicts) {
  UNPACK_CEDAR(folder, "corpus-4.10.0-A");
  const fs::path records = folder / "corpus-tests-validation";
  std::size_t tests = 0;
  for (const std::string& stem : stems(records, ".validation.json")) {
    const RecordedValidation test(folder / "corpus-tests", stem, records / (stem + ".validation.json"));
    test.expect_policies();
    test.expect_entities();
    test.expect_requests();
    ++tests;
  }
  EXPECT_EQ(tests, 3'925u);
}

TEST(CedarOfficial, RecordedValidatorCases) {
  UNPACK_CEDAR(folder, "cedar-go-validate");
  const fs::path cases = folder / "validate";
  std::size_t tests = 0;
  std::size_t policies = 0;
  std::size_t entities = 0;
  std::size_t requests = 0;
  for (const std::string& stem : stems(cases, ".validation.json")) {
    const RecordedValidation test(cases, stem, cases / (stem + ".validation.json"));
    policies += test.expect_policies();
    entities += test.expect_entities();
    requests += test.expect_requests();
    ++tests;
  }
  EXPECT_EQ(tests, 87u);
  EXPECT_EQ(policies, 284u);
  EXPECT_EQ(entities, 37u);
  EXPECT_EQ(requests, 11u);
}

TEST(CedarOfficial, EntityParsing) {
  UNPACK_CEDAR(folder, "cedar-go-entity-parsing");
  const fs::path cases = folder / "entity-parsing";
  std::size_t tests = 0;
  for (const std::string& stem : stems(cases, ".parsing.json")) {
    const Json test = parse_vectors(read_text(cases / (stem + ".json")));
    const Json record = parse_vectors(read_text(cases / (stem + ".parsing.json")));
    const Schema schema = parse_schema(cases / text_at(test, "schema"));
    const Result<Json> entities = parse_data_json(read_text(cases / text_at(test, "entities")));
    const bool all = entities.ok() && entities_from_json(*entities, &schema).ok();
    EXPECT_EQ(all, *value_at(record, "allEntities").bool_at("success")) << stem;
    const Json verdicts = value_at(record, "perEntity");
    for (const Json& item : entities.ok() ? entities->items() : Json::Array()) {
      const Json uid = value_at(item, "uid");
      const Json* verdict = verdicts.find(text_at(uid, "type") + "::" + text_at(uid, "id"));
      ASSERT_NE(verdict, nullptr) << stem;
      EXPECT_EQ(entities_from_json(Json::array().push(item), &schema).ok(), *verdict->bool_at("success"))
          << stem;
    }
    ++tests;
  }
  EXPECT_EQ(tests, 17u);
}

// What the formatter writes is parsed into the same policies, and formatting it again changes nothing.
TEST(CedarOfficial, FormatKeepsTheCorpus) {
  UNPACK_CEDAR(folder, "corpus-4.10.0-A");
  std::size_t tests = 0;
  for (const fs::path& file : corpus_files(folder)) {
    const std::string text = read_text(fs::path(file).replace_extension(".cedar"));
    const Result<std::string> once = format_policies(text);
    ASSERT_TRUE(once.ok()) << file << once.status().to_string();
    const Result<std::string> twice = format_policies(*once);
    ASSERT_TRUE(twice.ok()) << *once << twice.status().to_string();
    EXPECT_EQ(*once, *twice) << file;
    const PolicySet before = *PolicySet::parse(text);
    const PolicySet after = *PolicySet::parse(*once);
    EXPECT_TRUE(std::equal(before.all().begin(), before.all().end(), after.all().begin(), after.all().end(),
                           same_policy))
        << text << *once;
    ++tests;
  }
  EXPECT_EQ(tests, 3'957u);
}

}  // namespace
}  // namespace custody::policy::cedar
