// A client's request: whatever it is, it gets an answer or an error with a message, and text that parses
// prints to text that parses to the same.
#include "ledger/node/fixture.h"
#include "proto/reader/digests.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger;

namespace {

constexpr std::size_t kMaxText = 1u << 20;

// A ledger with a gateway, a deposit that is minted and a slot that is open. Only `waiting` ever changes.
struct Node {
  Node() {
    const crypto::SoftwareKey account = network.new_key();
    const model::GatewayId gateway = network.register_gateway("gary", account);
    const model::CurrencyId currency(1);
    network.mint(gateway, currency, 100'000'000);
    network.register_payout(gateway, account, currency, network.payout_script(1));
    CHECK(
        network.produce({network.burn(gateway, account, currency, 50'000, 100'000, network.payout_script(1))})
            .ok());
    for (int i = 0; i < 4; ++i) CHECK(network.produce().ok());
  }
  tests::Network network;
  node::testing::NetworkBackend backend{network};
  node::Api api{network.genesis(), proto::reader::encode(network.genesis()), model::MemberId(1), backend};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Node node;
  const auto request = Json::parse(as_text({data, size}), kMaxText);
  if (!request.ok()) return 0;
  const std::string printed = request->dump();
  CHECK(Json::parse(printed, 8 * kMaxText)->dump() == printed);
  const auto method = request->string_at("method");
  if (!method.ok()) return 0;
  const Json* params = request->find("params");
  node.backend.waiting.clear();
  const auto answer = node.api.handle(*method, params == nullptr ? Json::object() : *params);
  if (answer.ok()) {
    CHECK(answer->find("schema") != nullptr);
  } else {
    CHECK(!answer.status().message().empty());
  }
  return 0;
}
