#include "proto/codec/second_reading.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <memory>
#include <vector>

#include "proto/block.pb.h"
#include "proto/genesis.pb.h"
#include "proto/intents.pb.h"
#include "proto/records.pb.h"
#include "proto/transaction.pb.h"

namespace custody::proto::codec {
namespace {

namespace pb = google::protobuf;

// Naming one message of each file keeps the linker from dropping the file's registration.
void link_all_files() {
  wire::Genesis::descriptor();
  wire::Transaction::descriptor();
  wire::Block::descriptor();
  wire::StateProof::descriptor();
  wire::GuardState::descriptor();
}

// proto3 keeps unknown fields silently; a signed message must not have any.
bool has_unknown_fields(const pb::Message& message) {
  const pb::Reflection* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) return true;
  std::vector<const pb::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (has_unknown_fields(reflection->GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (has_unknown_fields(reflection->GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

}  // namespace

Result<Bytes> second_reading(std::string_view name, ByteView bytes) {
  link_all_files();
  const auto* descriptor =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName("custody.wire." + std::string(name));
  if (descriptor == nullptr) return not_found("no message is called " + std::string(name));
  const pb::Message* prototype = pb::MessageFactory::generated_factory()->GetPrototype(descriptor);
  CHECK(prototype != nullptr);
  const std::unique_ptr<pb::Message> message(prototype->New());
  if (bytes.size() > INT32_MAX || !message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return invalid("libprotobuf refuses the bytes as " + std::string(name));
  }
  if (has_unknown_fields(*message)) return invalid("unknown field in " + std::string(name));
  std::string out;
  {
    pb::io::StringOutputStream stream(&out);
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    CHECK(message->SerializeToCodedStream(&coded));
  }
  return to_bytes(out);
}

}  // namespace custody::proto::codec
