// What custody-officer-sign is asked: a PKCS#11 URI and a request to sign. A URI that is taken names one key
// of one token, means the same with every byte escaped, and p11-kit takes it too; a text that is taken fits
// its screen. Input: which kind u8 | URI or JSON.
#include <p11-kit/uri.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "policy/render/render.h"
#include "signer/officer/request.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::signer::officer;

namespace {

std::string escaped(ByteView bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    std::array<char, 4> text{};
    (void)std::snprintf(text.data(), text.size(), "%%%02x", byte);
    out += text.data();
  }
  return out;
}

std::string rewritten(const std::vector<UriAttribute>& attributes) {
  std::string path;
  std::string query;
  for (const UriAttribute& one : attributes) {
    std::string& part = one.in_query ? query : path;
    if (!part.empty()) part += one.in_query ? '&' : ';';
    part += one.name + "=" + escaped(one.value);
  }
  return "pkcs11:" + path + (query.empty() ? "" : "?" + query);
}

bool p11_kit_takes(const std::string& uri) {
  P11KitUri* const parsed = p11_kit_uri_new();
  const bool taken = p11_kit_uri_parse(uri.c_str(), P11_KIT_URI_FOR_ANY, parsed) == P11_KIT_URI_OK &&
                     p11_kit_uri_any_unrecognized(parsed) == 0;
  p11_kit_uri_free(parsed);
  return taken;
}

void check_uri(std::string_view text) {
  const auto attributes = parse_uri(text);
  if (!attributes.ok()) return;
  const std::string again = rewritten(*attributes);
  if (again.size() <= kMaxUri) {
    const auto second = parse_uri(again);
    CHECK(second.ok() && rewritten(*second) == again);
  }
  const auto key = parse_key_uri(text);
  if (!key.ok()) return;
  CHECK(!key->key.token_label.empty() || !key->key.token_serial.empty());
  CHECK(!key->key.label.empty() || !key->key.id.empty());
  CHECK(key->module_path.empty() || key->module_path.front() == '/');
  CHECK(p11_kit_takes(std::string(text)));
}

void check_request(std::string_view json) {
  const auto request = parse_sign_request(json);
  if (!request.ok()) return;
  CHECK(!request->key.module_path.empty());
  CHECK(request->tag.starts_with("caasiope/policy/"));
  CHECK(request->text.back() == '\n');
  CHECK(static_cast<std::size_t>(std::ranges::count(request->text, '\n')) <= policy::render::kMaxLines);
  CHECK(std::ranges::all_of(request->text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text({data + 1, size - 1});
  if (data[0] % 2 == 0) {
    check_uri(text);
  } else {
    check_request(text);
  }
  return 0;
}
