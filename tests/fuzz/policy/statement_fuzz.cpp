// Requests and officers' statements: what decodes re-encodes to itself, is judged without harm, and a request
// fits its screen.
// Input: which kind u8 | its bytes.
#include <algorithm>

#include "policy/bundle/fixture_test.h"
#include "policy/bundle/statement.h"
#include "policy/render/render.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::bundle;
namespace render = custody::policy::render;

namespace {

const ActiveBundle& active() {
  static const ActiveBundle value = make_active(fixture::bundle());
  return value;
}
const model::LedgerMs kNow = fixture::at("2026-11-25T20:00:00Z");

void expect_explained(const Status& status) {
  CHECK(status.ok() || !status.message().empty());
}

void check_screen(const std::string& text) {
  CHECK(static_cast<std::size_t>(std::ranges::count(text, '\n')) <= render::kMaxLines);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    CHECK(end != std::string::npos);
    CHECK(render::is_printable(as_bytes(text).subspan(from, end - from), render::kMaxColumns));
    from = end + 1;
  }
}

void check_request_bytes(ByteView bytes) {
  const auto request = render::decode_request(bytes);
  if (!request.ok()) return;
  CHECK(equal(render::encode_request(*request), bytes));
  check_screen(render::render_vote(*request, "alice", "treasury", render::Vote::kApprove));
  const SignedVote vote{
      render::request_id(*request), render::Vote::kApprove, to_bytes("alice"), to_bytes("treasury"), {}};
  CHECK(!verify_vote(vote, *request, {}, active(), kNow).ok());  // nobody signed it
}

void check_vote_bytes(ByteView bytes) {
  const auto vote = decode_vote(bytes);
  if (!vote.ok()) return;
  CHECK(equal(encode_vote(*vote), bytes));
}

void check_ask_bytes(ByteView bytes) {
  const auto ask = decode_ask(bytes);
  if (!ask.ok()) return;
  CHECK(equal(encode_ask(*ask), bytes));
  check_screen(render::render_ask(ask->ask, "alice"));
  const Status status = verify_ask(*ask, ask->ask.terms, active(), kNow);
  expect_explained(status);
  if (status.ok()) CHECK(ask->ask.bundle == active().bundle.version && kNow < ask->ask.expires);
}

void check_signed_bundle_bytes(ByteView bytes) {
  const auto bundle = decode_signed_bundle(bytes);
  if (!bundle.ok()) return;
  CHECK(equal(encode_signed_bundle(*bundle), bytes));
  const auto next = verify_bundle(*bundle, active(), kNow);
  expect_explained(next.status());
  if (next.ok()) CHECK(next->version == active().bundle.version + 1 && bundle->signatures.size() >= 2);
}

void check_order_bytes(ByteView bytes) {
  const auto order = decode_order(bytes);
  if (!order.ok()) return;
  CHECK(equal(encode_order(*order), bytes));
  check_screen(render::render_order(order->order, "alice"));
  const FreezeState before{0,
                           {{{}, to_bytes("carol"), to_bytes("a drill"), kNow},
                            {to_bytes("BTC"), to_bytes("carol"), to_bytes("a drill"), kNow}}};
  const Status status = verify_order(*order, before, active(), kNow);
  expect_explained(status);
  if (status.ok()) CHECK(apply_order(order->order, before).counter == 1);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      check_request_bytes(bytes);
      break;
    case 1:
      check_vote_bytes(bytes);
      break;
    case 2:
      check_signed_bundle_bytes(bytes);
      break;
    case 3:
      check_order_bytes(bytes);
      break;
    default:
      check_ask_bytes(bytes);
      break;
  }
  return 0;
}
