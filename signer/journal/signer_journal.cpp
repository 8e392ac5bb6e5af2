#include "signer/journal/signer_journal.h"

#include <algorithm>
#include <optional>

namespace custody::signer::journal {
namespace {

constexpr std::uint8_t kBindingVersion = 1;
constexpr std::size_t kMaxName = 32;

void put_short(Bytes& out, ByteView bytes) {
  out.push_back(static_cast<std::uint8_t>(bytes.size()));
  append(out, bytes);
}

// Takes bytes off the front; after the first shortage everything it gives is empty and ok() is false.
class Reader {
 public:
  explicit Reader(ByteView data) : rest_(data) {}

  ByteView take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const ByteView out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  std::uint8_t byte() {
    const ByteView one = take(1);
    return one.empty() ? 0 : one[0];
  }
  ByteView short_bytes() { return take(byte()); }
  template <typename Fixed>
  Fixed fixed() {
    const ByteView bytes = take(Fixed::size());
    return ok_ ? *Fixed::from(bytes) : Fixed();
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool ok_ = true;
};

Status check_size(std::string_view what, std::size_t size, std::size_t least, std::size_t most) {
  if (size >= least && size <= most) return ok_status();
  return invalid("binding: " + std::string(what) + " has " + std::to_string(size) +
                 " bytes or entries, allowed are " + std::to_string(least) + " to " + std::to_string(most));
}

Status check_binding(const Binding& binding) {
  if (binding.member == 0) return invalid("binding: member id 0");
  TRY(check_size("token label", binding.token_label.size(), 0, kMaxTokenText));
  TRY(check_size("token serial", binding.token_serial.size(), 0, kMaxTokenText));
  TRY(check_size("list of keys", binding.keys.size(), 1, kMaxPins));
  for (std::size_t i = 0; i < binding.keys.size(); ++i) {
    const KeyPin& pin = binding.keys[i];
    TRY(check_size("key name", pin.name.size(), 1, kMaxName));
    TRY(check_size("key id", pin.id.size(), 1, kMaxKeyId));
    const auto same = [&pin](const KeyPin& other) {
      return other.name == pin.name || other.id == pin.id || other.key == pin.key;
    };
    if (std::any_of(binding.keys.begin(), binding.keys.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      return invalid("binding: key " + pin.name + " shares its name, id or public key with another");
    }
  }
  return ok_status();
}

std::optional<RecordKind> record_kind(std::uint8_t byte) {
  if (byte < static_cast<std::uint8_t>(RecordKind::kBinding) ||
      byte > static_cast<std::uint8_t>(RecordKind::kPolicy)) {
    return std::nullopt;
  }
  return static_cast<RecordKind>(byte);
}

Status bad_record(std::uint64_t sequence, const std::string& why) {
  return corrupt(
      std::string(kFileName) + ": record " + std::to_string(sequence) + ": " + why,
      "the journal was damaged or was not written by this program: restore it, never start a new one");
}

// One record of the file: a kind and a payload of the allowed size.
Status check_record(std::uint64_t sequence, ByteView record) {
  if (record.empty()) return bad_record(sequence, "empty");
  const auto kind = record_kind(record[0]);
  if (!kind) return bad_record(sequence, "unknown kind " + std::to_string(record[0]));
  if (record.size() - 1 > kMaxPayload) return bad_record(sequence, "larger than allowed");
  if ((*kind == RecordKind::kBinding) != (sequence == 0)) {
    return bad_record(sequence, sequence == 0 ? "the first record is no binding" : "a second binding");
  }
  return ok_status();
}

}  // namespace

Result<Bytes> encode_binding(const Binding& binding) {
  TRY(check_binding(binding));
  Bytes out;
  out.push_back(kBindingVersion);
  append(out, binding.chain_id);
  out.push_back(static_cast<std::uint8_t>(binding.member >> 8));
  out.push_back(static_cast<std::uint8_t>(binding.member));
  append(out, binding.policy);
  put_short(out, as_bytes(binding.token_label));
  put_short(out, as_bytes(binding.token_serial));
  out.push_back(static_cast<std::uint8_t>(binding.keys.size()));
  for (const KeyPin& pin : binding.keys) {
    put_short(out, as_bytes(pin.name));
    put_short(out, pin.id);
    append(out, pin.key);
  }
  return out;
}

Result<Binding> decode_binding(ByteView bytes) {
  Reader reader(bytes);
  if (reader.byte() != kBindingVersion) return invalid("binding: unknown version");
  Binding binding;
  binding.chain_id = reader.fixed<Hash256>();
  const unsigned high = reader.byte();
  binding.member = static_cast<std::uint16_t>(high << 8 | reader.byte());
  binding.policy = reader.fixed<Hash256>();
  binding.token_label = as_text(reader.short_bytes());
  binding.token_serial = as_text(reader.short_bytes());
  const std::size_t count = reader.byte();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    KeyPin pin;
    pin.name = as_text(reader.short_bytes());
    pin.id = to_bytes(reader.short_bytes());
    pin.key = reader.fixed<PublicKey>();
    binding.keys.push_back(std::move(pin));
  }
  if (!reader.at_end()) return invalid("binding: cut short, or bytes after its end");
  TRY(check_binding(binding));
  return binding;
}

Result<std::unique_ptr<SignerJournal>> SignerJournal::create(Directory& directory, const Binding& binding,
                                                             Entropy& entropy) {
  ASSIGN_OR_RETURN(const Bytes encoded, encode_binding(binding));
  ASSIGN_OR_RETURN(auto file, custody::journal::Journal::create(directory, kFileName, kFileKind, entropy));
  std::unique_ptr<SignerJournal> out(new SignerJournal(std::move(file), binding));
  TRY(out->append(RecordKind::kBinding, encoded));
  TRY(out->sync());
  return out;
}

Result<std::unique_ptr<SignerJournal>> SignerJournal::open(Directory& directory, const OnRecord& on_record) {
  return open(directory, [](const Binding&) { return ok_status(); }, on_record);
}

Result<std::unique_ptr<SignerJournal>> SignerJournal::open(Directory& directory, const OnBinding& on_binding,
                                                           const OnRecord& on_record) {
  std::optional<Binding> binding;
  const auto replay = [&](std::uint64_t sequence, ByteView record) -> Status {
    TRY(check_record(sequence, record));
    const ByteView payload = record.subspan(1);
    if (sequence > 0) return on_record(sequence, *record_kind(record[0]), payload);
    auto decoded = decode_binding(payload);
    if (!decoded.ok()) return bad_record(sequence, decoded.status().message());
    binding = std::move(decoded).value();
    return on_binding(*binding);
  };
  ASSIGN_OR_RETURN(auto file, custody::journal::Journal::open(directory, kFileName, kFileKind, replay));
  if (!binding) {
    return corrupt(
        std::string(kFileName) + ": holds no binding",
        "`custody-ceremony bind` was interrupted: remove this file, which holds nothing, and bind again");
  }
  return std::unique_ptr<SignerJournal>(new SignerJournal(std::move(file), std::move(*binding)));
}

Result<std::uint64_t> SignerJournal::append(RecordKind kind, ByteView payload) {
  if (payload.size() > kMaxPayload) {
    return exhausted("a journal payload of " + std::to_string(payload.size()) +
                     " bytes is over the limit of " + std::to_string(kMaxPayload));
  }
  Bytes record;
  record.reserve(payload.size() + 1);
  record.push_back(static_cast<std::uint8_t>(kind));
  custody::append(record, payload);
  return journal_->append(record);
}

Result<std::uint64_t> SignerJournal::append_commit(ByteView payload) {
  return append(RecordKind::kCommit, payload);
}

Result<std::uint64_t> SignerJournal::append_reserve(ByteView payload) {
  return append(RecordKind::kReserve, payload);
}

Result<std::uint64_t> SignerJournal::append_done(ByteView payload) {
  return append(RecordKind::kDone, payload);
}

Result<std::uint64_t> SignerJournal::append_release(ByteView payload) {
  return append(RecordKind::kRelease, payload);
}

Result<std::uint64_t> SignerJournal::append_policy(ByteView payload) {
  return append(RecordKind::kPolicy, payload);
}

Result<std::uint64_t> SignerJournal::append_state(ByteView payload) {
  return append(RecordKind::kState, payload);
}

Status SignerJournal::make_durable(std::uint64_t sequence) {
  CHECK(sequence < next_sequence());
  return sequence < synced_ ? ok_status() : sync();
}

Status SignerJournal::sync() {
  TRY(journal_->sync());
  synced_ = next_sequence();
  return ok_status();
}

}  // namespace custody::signer::journal
