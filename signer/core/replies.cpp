#include "signer/core/replies.h"

namespace custody::signer::core {

Bytes cut(std::string_view text, std::size_t size) {
  return to_bytes(text.substr(0, size));
}

model::SignReply error_reply(std::uint64_t id, std::string_view rule, const Status& status) {
  model::SignReply reply;
  reply.id = id;
  reply.code = static_cast<std::uint8_t>(status.code());
  reply.rule = cut(rule, kMaxRule);
  std::string message = status.message();
  // The rule travels in its own field.
  if (!rule.empty() && message.starts_with(std::string(rule) + ": ")) message.erase(0, rule.size() + 2);
  if (!status.hint().empty()) message += " (" + status.hint() + ")";
  reply.message = cut(message, kMaxMessage);
  return reply;
}

model::SignReply done(std::uint64_t id) {
  model::SignReply reply;
  reply.id = id;
  return reply;
}

}  // namespace custody::signer::core
