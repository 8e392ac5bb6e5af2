// An address that parses names one script; that script's address names it again. Text that decodes as bech32
// or base58 re-encodes to itself (bech32 in lower case).
#include "ledger/chains/bitcoin/address.h"

#include <algorithm>
#include <string>

#include "base/bech32.h"
#include "ledger/chains/bitcoin/base58.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger::chains::bitcoin;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

void check_address(std::string_view text, const Network& network) {
  const auto script = parse_address(text, network);
  if (!script.ok()) return;
  const auto again = format_address(*script, network);
  CHECK(again.ok());
  CHECK(*again == text || *again == lower(text));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  for (const Network* network : {&mainnet(), &testnet3(), &regtest()}) check_address(text, *network);
  const auto decoded = bech32::decode(text);
  if (decoded.ok()) CHECK(*bech32::encode(decoded->hrp, decoded->data5, decoded->variant) == lower(text));
  const auto base58 = base58_decode(text, 100);
  if (base58.ok()) CHECK(base58_encode(*base58) == text);
  return 0;
}
