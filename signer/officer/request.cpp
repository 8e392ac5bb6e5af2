#include "signer/officer/request.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/json.h"
#include "policy/render/render.h"
#include "proto/reader/digests.h"

namespace custody::signer::officer {
namespace {

namespace render = policy::render;

constexpr std::string_view kKeySchema = "custody.officer-key-request/1";
constexpr std::string_view kSignSchema = "custody.officer-sign-request/1";
constexpr std::array<std::string_view, 6> kSignFields = {"schema", "key",      "module",
                                                         "tag",    "chain_id", "text"};
constexpr std::span<const std::string_view> kKeyFields = std::span(kSignFields).first<3>();
constexpr std::array kTags = {render::kAskTag, render::kVoteTag, render::kActivateTag, render::kFreezeTag,
                              render::kUnfreezeTag};

Status check_form(const Json& json, std::string_view wanted_schema,
                  std::span<const std::string_view> fields) {
  if (!json.is_object()) return invalid("the request is not a JSON object");
  for (const auto& [name, value] : json.members()) {
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
      return invalid("the request has an unknown field \"" + to_printable(name.substr(0, 40)) + "\"");
    }
  }
  for (const std::string_view name : fields) {
    if (json.find(name) == nullptr) return invalid("the request has no field \"" + std::string(name) + "\"");
  }
  ASSIGN_OR_RETURN(const std::string schema, json.string_at("schema"));
  if (schema != wanted_schema) return invalid("the request's schema is not " + std::string(wanted_schema));
  return ok_status();
}

// The form of every text of policy/render: nothing that a terminal would not show.
Status check_text(std::string_view text) {
  if (text.empty() || text.back() != '\n') return invalid("the text does not end with a line feed");
  std::size_t lines = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (++lines > render::kMaxLines) {
      return invalid("the text has more than " + std::to_string(render::kMaxLines) + " lines");
    }
    if (!render::is_printable(as_bytes(line), render::kMaxColumns)) {
      return invalid("line " + std::to_string(lines) + " of the text is not 1 to " +
                     std::to_string(render::kMaxColumns) + " printable ASCII characters");
    }
    text.remove_prefix(line.size() + 1);
  }
  return ok_status();
}

Result<std::string> one_module(const std::string& in_uri, const std::string& beside) {
  if (in_uri.empty() && beside.empty()) {
    return invalid("no PKCS#11 module is named",
                   "add ?module-path= to the URI, or give --module: the token's library by absolute path");
  }
  if (!in_uri.empty() && !beside.empty() && in_uri != beside) {
    return invalid("the URI names the module " + to_printable(in_uri) + ", --module another one",
                   "give one of them");
  }
  return in_uri.empty() ? beside : in_uri;
}

Result<KeyRequest> read_key(const Json& json) {
  ASSIGN_OR_RETURN(const std::string uri, json.string_at("key"));
  ASSIGN_OR_RETURN(KeyUri key, parse_key_uri(uri));
  ASSIGN_OR_RETURN(const std::string module, json.string_at("module"));
  ASSIGN_OR_RETURN(std::string path, one_module(key.module_path, module));
  return KeyRequest{std::move(key.key), std::move(path)};
}

}  // namespace

Result<KeyRequest> parse_key_request(std::string_view text) {
  ASSIGN_OR_RETURN(const Json json, Json::parse(text, kMaxRequest, 2));
  TRY(check_form(json, kKeySchema, kKeyFields));
  return read_key(json);
}

Result<SignRequest> parse_sign_request(std::string_view text) {
  ASSIGN_OR_RETURN(const Json json, Json::parse(text, kMaxRequest, 2));
  TRY(check_form(json, kSignSchema, kSignFields));
  SignRequest out;
  ASSIGN_OR_RETURN(out.key, read_key(json));
  ASSIGN_OR_RETURN(out.tag, json.string_at("tag"));
  if (std::find(kTags.begin(), kTags.end(), out.tag) == kTags.end()) {
    return invalid("\"" + to_printable(out.tag.substr(0, 40)) + "\" is no tag of officers' signatures");
  }
  ASSIGN_OR_RETURN(const std::string chain, json.string_at("chain_id"));
  const auto chain_id = ledger::model::ChainId::from_hex(chain);
  if (!chain_id.ok()) return chain_id.status().with_context("chain_id");
  out.chain_id = *chain_id;
  ASSIGN_OR_RETURN(out.text, json.string_at("text"));
  TRY(check_text(out.text));
  return out;
}

Hash256 digest_of(const SignRequest& request) {
  return proto::reader::digest(request.tag, request.chain_id, as_bytes(request.text));
}

}  // namespace custody::signer::officer
