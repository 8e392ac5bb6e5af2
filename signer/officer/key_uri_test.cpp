#include "signer/officer/key_uri.h"

#include <gtest/gtest.h>
#include <p11-kit/uri.h>

namespace custody::signer::officer {
namespace {

std::string why_not(std::string_view uri) {
  const auto key = parse_key_uri(uri);
  if (key.ok()) return "ok";
  EXPECT_EQ(key.code(), Code::kInvalid) << uri;
  return key.status().message();
}

std::string attribute(std::string_view uri, std::string_view name) {
  const auto attributes = parse_uri(uri);
  EXPECT_TRUE(attributes.ok()) << uri << ": " << attributes.status().to_string();
  if (!attributes.ok()) return "";
  for (const UriAttribute& one : *attributes) {
    if (one.name == name) return std::string(as_text(one.value));
  }
  return "none";
}

// RFC 7512, section 3: every example, for its form.
TEST(Rfc7512, TheExamplesAreRead) {
  EXPECT_TRUE(parse_uri("pkcs11:")->empty());
  EXPECT_EQ(attribute("pkcs11:object=my-pubkey;type=public", "type"), "public");
  EXPECT_EQ(attribute("pkcs11:object=my-key;type=private?pin-source=file:/etc/token", "pin-source"),
            "file:/etc/token");
  const char kLong[] =
      "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
      "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin";
  EXPECT_EQ(attribute(kLong, "token"), "The Software PKCS#11 Softtoken");
  EXPECT_EQ(attribute(kLong, "manufacturer"), "Snake Oil, Inc.");
  EXPECT_EQ(attribute(kLong, "model"), "1.0");
  EXPECT_EQ(to_hex(as_bytes(attribute(kLong, "id"))), "69953e5cf4bdec91");
  EXPECT_EQ(attribute(kLong, "serial"), "");
  EXPECT_EQ(attribute("pkcs11:object=my-sign-key;type=private?module-name=mypkcs11", "module-name"),
            "mypkcs11");
  EXPECT_EQ(
      attribute("pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1", "module-path"),
      "/mnt/libmypkcs11.so.1");
  EXPECT_EQ(attribute("pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc."
                      "?pin-value=the-pin",
                      "pin-value"),
            "the-pin");
  EXPECT_EQ(attribute("pkcs11:slot-description=Sun%20Metaslot", "slot-description"), "Sun Metaslot");
  EXPECT_EQ(attribute("pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;"
                      "library-description=Soft%20Token%20Library;library-version=1.23",
                      "library-version"),
            "1.23");
  const char kJoe[] =
      "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;"
      "id=%01%02%03%Ba%dd%Ca%fe%04%05%06";
  EXPECT_EQ(attribute(kJoe, "token"), "My token% created by Joe");
  EXPECT_EQ(to_hex(as_bytes(attribute(kJoe, "id"))), "010203baddcafe040506");
  EXPECT_EQ(attribute("pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
                      "token"),
            "A name with a substring %;");
  EXPECT_EQ(attribute("pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;"
                      "object=my-certificate;type=cert",
                      "token"),
            "Name with a small A with acute: \xc3\xa1");
  EXPECT_EQ(attribute("pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a"
                      "?pin-source=file:/etc/token_pin&vendor-bbb=value-b",
                      "vendor-bbb"),
            "value-b");
}

// README invariant 2.
TEST(KeyUri, NamesOneKeyOfOneToken) {
  const auto full = parse_key_uri(
      "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=0123456789abcdef;"
      "token=Alice%27s%20card%3b%20100%25;id=%01%fF;object=a&b;type=private"
      "?module-path=/usr/lib/softhsm/libsofthsm2.so");
  ASSERT_TRUE(full.ok()) << full.status().to_string();
  EXPECT_EQ(full->key.token_model, "SoftHSM v2");
  EXPECT_EQ(full->key.token_manufacturer, "SoftHSM project");
  EXPECT_EQ(full->key.token_serial, "0123456789abcdef");
  EXPECT_EQ(full->key.token_label, "Alice's card; 100%");
  EXPECT_EQ(full->key.id, (Bytes{0x01, 0xff}));
  EXPECT_EQ(full->key.label, "a&b");
  EXPECT_EQ(full->module_path, "/usr/lib/softhsm/libsofthsm2.so");
  EXPECT_EQ(why_not("pkcs11:serial=1;id=%01"), "ok");
  EXPECT_EQ(why_not("pkcs11:object=a"), "PKCS#11 URI: it names no token");
  EXPECT_EQ(why_not("pkcs11:manufacturer=m;object=a"), "PKCS#11 URI: it names no token");
  EXPECT_EQ(why_not("pkcs11:token=t"), "PKCS#11 URI: it names no key");
}

TEST(KeyUri, RefusesWhatIsNoUri) {
  for (const char* uri : {"", "pkcs11", "PKCS11:token=t;object=a", " pkcs11:token=t;object=a", "/a/file",
                          "pkcs12:token=t;object=a"}) {
    EXPECT_EQ(why_not(uri), "PKCS#11 URI: does not begin with pkcs11:") << uri;
  }
  for (const char* uri :
       {"pkcs11:token", "pkcs11:=t", "pkcs11:token=t;", "pkcs11:;token=t", "pkcs11:token=t;;object=a",
        "pkcs11:token=t;object=a?module-path", "pkcs11:token=t;object=a?&"}) {
    EXPECT_NE(why_not(uri).find("is not of the form name=value"), std::string::npos) << uri;
  }
  EXPECT_EQ(why_not("pkcs11:token=t;object=a?"), "PKCS#11 URI: nothing stands behind the question mark");
  EXPECT_EQ(why_not("pkcs11:" + std::string(kMaxUri, 'a')), "PKCS#11 URI: longer than 2048 bytes");
  EXPECT_EQ(why_not("pkcs11:to.ken=t"), "PKCS#11 URI: \"to.ken\" is not a name of an attribute");
}

TEST(KeyUri, RefusesEveryAttributeThatIsMalformed) {
  const std::string names[] = {"token", "serial", "manufacturer", "model", "object", "id"};
  for (const std::string& name : names) {
    const std::string before = "pkcs11:" + name + "=";
    for (const char* value :
         {"a b", "a/b", "a\"b", "a<b", "a#b", "a\\b", "a\nb", "a\xc3\xa1", "a{b", "a^b"}) {
      EXPECT_NE(why_not(before + value).find(name + " has the character"), std::string::npos) << value;
    }
    for (const char* value : {"%", "%4", "a%", "%zz", "%4g", "%g4", "% 41", "%%41"}) {
      EXPECT_NE(why_not(before + value).find("a % without"), std::string::npos) << name << value;
    }
    EXPECT_EQ(why_not(before), "PKCS#11 URI: " + name + " is empty");
    EXPECT_EQ(why_not(std::string(before).append("a;").append(name).append("=a")),
              "PKCS#11 URI: " + name + " is given twice");
    EXPECT_NE(why_not(before + std::string(256, 'a')).find("has more than"), std::string::npos);
    if (name == "id") continue;  // any bytes
    for (const char* value : {"%00", "a%0a", "%1b%5b", "%7f"}) {
      EXPECT_EQ(why_not(before + value), "PKCS#11 URI: " + name + " has a control character") << value;
    }
  }
}

TEST(KeyUri, RefusesWhatATokenCannotHave) {
  EXPECT_EQ(why_not("pkcs11:object=a;token=" + std::string(32, 't')), "ok");
  EXPECT_EQ(why_not("pkcs11:object=a;token=" + std::string(33, 't')),
            "PKCS#11 URI: token has more than 32 bytes");
  EXPECT_EQ(why_not("pkcs11:object=a;serial=" + std::string(17, '1')),
            "PKCS#11 URI: serial has more than 16 bytes");
}

TEST(KeyUri, RefusesWhatIsNotUsed) {
  const std::string key = "pkcs11:token=t;object=a";
  for (const char* type : {"public", "cert", "secret-key", "data", "Private", ""}) {
    EXPECT_EQ(why_not(key + ";type=" + type), std::string("PKCS#11 URI: type is \"") + type + "\"");
  }
  const auto expect_not_used = [&](const std::string& separator, const std::string& name) {
    EXPECT_EQ(why_not(key + separator + name + "=1"), "PKCS#11 URI: " + name + " is not used here");
  };
  for (const char* name : {"slot-id", "slot-description", "slot-manufacturer", "library-version",
                           "library-manufacturer", "library-description", "vendor-aaa", "module-path"}) {
    expect_not_used(";", name);
  }
  for (const char* name : {"module-name", "vendor-bbb", "id"}) expect_not_used("?", name);
}

// README invariant 3.
TEST(KeyUri, RefusesAPin) {
  for (const char* uri :
       {"pkcs11:token=t;object=a?pin-value=1234", "pkcs11:token=t;object=a?pin-source=file:/etc/pin",
        "pkcs11:token=t;object=a;pin-value=1234"}) {
    const std::string why = why_not(uri);
    EXPECT_NE(why.find("does not belong into a URI"), std::string::npos) << uri;
    EXPECT_EQ(why.find("1234"), std::string::npos) << "it is not repeated either";
  }
}

TEST(KeyUri, TheModulesPathIsAbsolute) {
  EXPECT_EQ(why_not("pkcs11:token=t;object=a?module-path=/a%20b"), "ok");
  for (const char* path : {"a.so", "./a.so", "%20/a.so"}) {
    EXPECT_EQ(why_not(std::string("pkcs11:token=t;object=a?module-path=") + path),
              "PKCS#11 URI: module-path is not absolute");
  }
  EXPECT_EQ(why_not("pkcs11:token=t;object=a?module-path="), "PKCS#11 URI: module-path is empty");
  EXPECT_EQ(why_not("pkcs11:token=t;object=a?module-path=/a&module-path=/a"),
            "PKCS#11 URI: module-path is given twice");
}

// What is accepted here means the same to p11-kit's parser.
TEST(KeyUri, P11KitReadsTheSame) {
  const char* const uris[] = {
      "pkcs11:token=My%20token%25%20created%20by%20Joe;object=a;id=%01%02%Ba",
      "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my;type=private",
      "pkcs11:serial=%31%32;object=Name%20with%20acute:%20%C3%A1?module-path=/lib/a%20b.so",
      "pkcs11:manufacturer=Snake%20Oil,%20Inc.;model=1.0;token=a+b;id=%00?module-path=/a?b",
  };
  for (const char* text : uris) {
    const auto ours = parse_key_uri(text);
    ASSERT_TRUE(ours.ok()) << ours.status().to_string();
    P11KitUri* const uri = p11_kit_uri_new();
    ASSERT_EQ(p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri), P11_KIT_URI_OK) << text;
    CK_TOKEN_INFO token{};
    const auto pad = [](auto& field, const std::string& value) {
      std::fill(std::begin(field), std::end(field), ' ');
      std::copy(value.begin(), value.end(), std::begin(field));
    };
    pad(token.label, ours->key.token_label);
    pad(token.serialNumber, ours->key.token_serial);
    pad(token.manufacturerID, ours->key.token_manufacturer);
    pad(token.model, ours->key.token_model);
    EXPECT_EQ(p11_kit_uri_match_token_info(uri, &token), 1) << text;
    const auto value_of = [&](CK_ATTRIBUTE_TYPE type) {
      const CK_ATTRIBUTE* found = p11_kit_uri_get_attribute(uri, type);
      return found == nullptr ? Bytes()
                              : to_bytes({static_cast<std::uint8_t*>(found->pValue), found->ulValueLen});
    };
    EXPECT_EQ(value_of(CKA_LABEL), to_bytes(ours->key.label)) << text;
    EXPECT_EQ(value_of(CKA_ID), ours->key.id) << text;
    const char* module = p11_kit_uri_get_module_path(uri);
    EXPECT_EQ(module == nullptr ? "" : module, ours->module_path) << text;
    p11_kit_uri_free(uri);
  }
}

}  // namespace
}  // namespace custody::signer::officer
