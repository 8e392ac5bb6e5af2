#include "signer/cli/context.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <chrono>

#include "base/file.h"
#include "base/unix_socket.h"
#include "proto/reader/digests.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kMaxAnswer = 16u << 20;
constexpr std::size_t kMaxPassword = 4096;
constexpr int kAnswerMs = 45'000;  // longer than the longest long poll

Code code_of(std::string_view name) {
  for (int i = 1; i <= static_cast<int>(Code::kInternal); ++i) {
    if (code_name(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Code::kInternal;
}

Result<unsigned> digits(std::string_view text, std::size_t from, std::size_t count) {
  unsigned value = 0;
  const char* begin = text.data() + from;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  if (error != std::errc() || end != begin + count) return invalid("not a number");
  return value;
}

}  // namespace

Result<std::string> Context::member_path(std::string_view relative) const {
  if (member_directory.empty()) {
    return invalid("no member is named", "give --member DIR or set CUSTODY_MEMBER to the member's directory");
  }
  return member_directory + "/" + std::string(relative);
}

Status error_status(const Json& error) {
  ASSIGN_OR_RETURN(const std::string code, error.string_at("code"));
  ASSIGN_OR_RETURN(const std::string message, error.string_at("message"));
  const auto hint = error.string_at("hint");
  return Status(code_of(code), message, hint.ok() ? *hint : "");
}

Result<Json> call_node(Context& context, std::string_view method, Json params) {
  ASSIGN_OR_RETURN(const std::string path, context.member_path("run/node.sock"));
  auto socket = connect_unix(path, SOCK_STREAM);
  if (!socket.ok()) {
    return unavailable("the node at " + path + " does not answer: " + socket.status().message(),
                       "start custody-noded for this member, or name another with --member DIR");
  }
  Json request = Json::object();
  request.set("method", method).set("params", std::move(params));
  TRY(send_frame(socket->get(), as_bytes(request.dump()), kAnswerMs));
  ASSIGN_OR_RETURN(const Bytes raw, receive_frame(socket->get(), kMaxAnswer, kAnswerMs));
  ASSIGN_OR_RETURN(const Json answer, Json::parse(as_text(raw), kMaxAnswer));
  if (const Json* error = answer.find("error")) {
    context.answered_by_node = true;
    return error_status(*error);
  }
  return answer.at("result");
}

Result<model::Currency> Network::currency(std::string_view code) const {
  if (const model::Currency* found = model::find_currency_by_code(genesis, code)) return *found;
  std::string known;
  for (const model::Currency& one : genesis.currencies) known += " " + std::string(as_text(one.code));
  return invalid("currency \"" + std::string(code) + "\" is not on this ledger", "known:" + known);
}

Result<Network> fetch_network(Context& context) {
  ASSIGN_OR_RETURN(const Json answer, call_node(context, "genesis", Json::object()));
  ASSIGN_OR_RETURN(const std::string genesis_hex, answer.string_at("genesis"));
  ASSIGN_OR_RETURN(const std::string parameters_hex, answer.string_at("parameters"));
  ASSIGN_OR_RETURN(const std::uint64_t height, answer.u64_at("height"));
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(genesis_hex));
  ASSIGN_OR_RETURN(const Bytes raw_parameters, from_hex(parameters_hex));
  Network network;
  ASSIGN_OR_RETURN(network.genesis, proto::reader::decode_genesis(raw));
  ASSIGN_OR_RETURN(network.parameters,
                   proto::reader::decode<model::NetworkParameters>(raw_parameters, 1u << 16));
  network.chain_id = proto::reader::chain_id_of(raw);
  network.height = model::Height(height);
  return network;
}

Result<model::Amount> parse_amount(std::string_view text, unsigned decimals) {
  const std::string shown = "\"" + std::string(text.substr(0, 40)) + "\"";
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) {
    return invalid("amount " + shown + " is not a decimal number such as 1.5");
  }
  if (fraction.size() > decimals) {
    return invalid("amount " + shown + " has more than " + std::to_string(decimals) + " decimals");
  }
  std::string minor(whole);
  minor += fraction;
  minor.append(decimals - fraction.size(), '0');
  std::uint64_t value = 0;
  for (char c : minor) {
    if (c < '0' || c > '9') return invalid("amount " + shown + " is not a decimal number such as 1.5");
    const auto scaled = checked_mul<std::uint64_t>(value, 10);
    const auto next =
        scaled ? checked_add<std::uint64_t>(*scaled, static_cast<std::uint64_t>(c - '0')) : std::nullopt;
    if (!next) return invalid("amount " + shown + " is too large");
    value = *next;
  }
  return model::Amount(value);
}

std::string format_amount(model::Amount amount, unsigned decimals) {
  std::string digits_text = std::to_string(amount.get());
  if (digits_text.size() <= decimals) digits_text.insert(0, decimals + 1 - digits_text.size(), '0');
  if (decimals > 0) digits_text.insert(digits_text.size() - decimals, ".");
  return digits_text;
}

Result<model::LedgerMs> parse_date(std::string_view text) {
  const Status bad =
      invalid("date \"" + std::string(text.substr(0, 40)) + "\" is not of the form 2031-05-01");
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return bad;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year.ok() || !month.ok() || !day.ok()) return bad;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok() || *year < 1970) return bad;
  const auto since = std::chrono::sys_days(date).time_since_epoch();
  return model::LedgerMs(
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()));
}

Result<Json> read_json_file(const std::string& path, std::size_t max_size) {
  ASSIGN_OR_RETURN(const Bytes raw, read_file(path, max_size));
  auto parsed = Json::parse(as_text(raw), max_size);
  if (!parsed.ok()) return parsed.status().with_context(path);
  return parsed;
}

Result<Fd> open_secret_file(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return io_error_errno("cannot open the file " + path, errno);
  return file;
}

Result<SecretBytes> read_password(const std::string& path) {
  ASSIGN_OR_RETURN(const Fd file, open_secret_file(path));
  auto password = read_secret_fd(file.get(), kMaxPassword);
  if (!password.ok()) return password.status().with_context(path);
  if (password->empty()) return invalid("the password file " + path + " is empty");
  return password;
}

}  // namespace custody::signer::cli
