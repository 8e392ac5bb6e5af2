// What a peer process sends to its node, cut as a socket may cut it: no frame is longer than allowed, frames
// re-encode to the bytes that they came from, and a configuration that decodes re-encodes to itself.
// Input: size of the first piece u8 | frames.
#include <sys/socket.h>

#include "base/file.h"
#include "ledger/network/peer_protocol.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger::network;

namespace {

constexpr std::size_t kMaxInput = 64u << 10;  // fits into the socket's buffer

void check_frame(const Frame& frame) {
  CHECK(frame.body.size() <= kMaxControlBody);
  BodyReader body(frame.body);
  (void)body.u8();
  (void)body.u64();
  (void)body.text(kMaxNameSize);
  (void)body.ok();
  const auto configuration = decode_configuration(frame);
  if (configuration.ok()) CHECK(equal(encode_configuration(*configuration), frame.body));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kMaxInput) return 0;
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  FrameReader reader(kMaxControlBody);
  Bytes seen;
  const ByteView input = ByteView(data, size).subspan(1);
  const std::size_t first = std::min<std::size_t>(data[0], input.size());
  for (const ByteView piece : {input.first(first), input.subspan(first)}) {
    if (!piece.empty())
      CHECK(send(writing.get(), piece.data(), piece.size(), 0) == static_cast<ssize_t>(piece.size()));
    for (;;) {
      const auto frame = reader.next();
      if (!frame.ok()) return 0;
      if (*frame) {
        check_frame(**frame);
        append_frame(seen, (*frame)->type, (*frame)->body);
      } else if (reader.fill(reading.get()) != FrameReader::Fill::kData) {
        break;
      }
    }
  }
  CHECK(seen.size() <= input.size() && equal(seen, input.first(seen.size())));
  return 0;
}
