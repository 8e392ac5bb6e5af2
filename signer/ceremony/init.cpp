#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "ledger/model/genesis.h"
#include "ledger/network/curve.h"
#include "signer/ceremony/ceremony.h"
#include "signer/ceremony/member_files.h"
#include "signer/hsm/provision.h"

namespace custody::signer::ceremony {
namespace {

namespace model = ledger::model;

constexpr std::size_t kRandomPinBytes = 16;
constexpr std::size_t kMaxPin = 255;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_made_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

Status check_text(const char* what, const std::string& text, std::size_t least) {
  if (text.size() >= least && text.size() <= model::kMaxText && is_printable(text)) return ok_status();
  return invalid(std::string(what) + " must be " + std::to_string(least) + " to " +
                 std::to_string(model::kMaxText) + " printable ASCII characters");
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status check_expiry(const std::string& text, UnixMs now) {
  Status bad = invalid("KYC expiry \"" + text + "\" is no date", "write it as YYYY-MM-DD");
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return bad;
  const auto year = number(std::string_view(text).substr(0, 4));
  const auto month = number(std::string_view(text).substr(5, 2));
  const auto day = number(std::string_view(text).substr(8, 2));
  if (!year || !month || !day) return bad;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return bad;
  const auto today = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now.value));
  if (std::chrono::sys_days(date) <= today) return invalid("KYC expiry " + text + " is not in the future");
  return ok_status();
}

Status check_currencies(const std::vector<std::string>& codes) {
  if (codes.empty() || codes.size() > model::kMaxCurrencies) {
    return invalid("give 1 to " + std::to_string(model::kMaxCurrencies) + " currencies",
                   "--currencies BTC,LTC");
  }
  std::set<std::string> seen;
  for (const std::string& code : codes) {
    if (code.size() > 8 || !is_made_of(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")) {
      return invalid("currency \"" + code + "\" is not 1 to 8 characters of A-Z and 0-9");
    }
    if (!seen.insert(code).second) return invalid("currency " + code + " is given twice");
  }
  return ok_status();
}

Status check_options(const InitOptions& options, UnixMs now) {
  if (options.name.size() > model::kMaxName ||
      !is_made_of(options.name, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
    return invalid("the member's name must be 1 to 32 characters of a-z, 0-9 and -");
  }
  TRY(check_text("the legal entity", options.legal_entity, 1));
  TRY(check_text("the parent", options.parent, 0));
  TRY(check_text("the hoster", options.hoster, 0));
  if (options.jurisdiction.size() != 2 || !is_made_of(options.jurisdiction, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    return invalid("the jurisdiction must be a two-letter country code in capitals, such as CH");
  }
  TRY(check_expiry(options.kyc_expiry, now));
  TRY(check_currencies(options.currencies));
  if (options.wallet_epoch == 0) return invalid("wallet epochs count from 1");
  const bool lock_known =
      options.memory_lock.empty() || options.memory_lock == "all" || options.memory_lock == "secrets";
  return lock_known ? ok_status() : invalid("--memory-lock must be all or secrets");
}

Status make_member_directory(const std::string& path) {
  TRY(make_directory(path, 0700));
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return io_error("cannot look into " + path + ": " + error.message());
  if (!empty) {
    return exists(path + " is not empty; nothing was changed",
                  "choose another directory; if an init was interrupted there, remove it first");
  }
  if (::chmod(path.c_str(), 0700) != 0) return io_error_errno("cannot set the mode of " + path, errno);
  for (const char* name : {"secrets", kTokenDirectory, kSignerDirectory, "node", "run", "logs"}) {
    TRY(make_directory(path + "/" + name, 0700));
  }
  return ok_status();
}

Status write_file(const std::string& path, std::string_view text) {
  return write_file_atomic(path, as_bytes(text), 0600);
}

// From the descriptor, or random and kept in the file.
Result<SecretBytes> make_pin(int fd, const std::string& file, Entropy& entropy) {
  if (fd >= 0) {
    ASSIGN_OR_RETURN(SecretBytes given, read_secret_fd(fd, kMaxPin));
    if (given.empty()) return invalid("the PIN from descriptor " + std::to_string(fd) + " is empty");
    return given;
  }
  SecretBytes random(kRandomPinBytes);
  entropy.fill(random.span());
  SecretBytes pin(2 * kRandomPinBytes);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < kRandomPinBytes; ++i) {
    pin.span()[2 * i] = static_cast<std::uint8_t>(kDigits[random.view()[i] >> 4]);
    pin.span()[2 * i + 1] = static_cast<std::uint8_t>(kDigits[random.view()[i] & 15]);
  }
  TRY(write_file_atomic(file, pin.view(), 0600));
  return pin;
}

Result<std::string> write_softhsm_conf(const std::string& directory) {
  std::error_code error;
  const std::string root = std::filesystem::canonical(directory, error).string();
  if (error) return io_error("cannot resolve " + directory + ": " + error.message());
  const std::string conf = root + "/" + kSoftHsmConf;
  TRY(write_file(conf,
                 "# Written by custody-ceremony. The path is absolute: change it when the directory moves.\n"
                 "directories.tokendir = " +
                     root + "/" + kTokenDirectory +
                     "\n"
                     "objectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
                     "slots.mechanisms = ALL\nlibrary.reset_on_fork = true\n"));
  return conf;
}

std::string memory_lock_for_this_user() {
  rlimit limit{};
  const bool unlimited = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
  return unlimited || ::geteuid() == 0 ? "all" : "secrets";
}

std::vector<std::string> key_names(const InitOptions& options) {
  std::vector<std::string> names = {"validator", "attest", "governance"};
  for (const std::string& code : options.currencies) {
    names.push_back("seat-" + code + "-" + std::to_string(options.wallet_epoch));
  }
  return names;
}

struct Made {
  SignerConfig config;
  std::string manufacturer;
};

// The SoftHSM2 configuration is written before it is known whether the module is SoftHSM2, because
// C_Initialize needs it; for another module it is taken away again.
Result<Made> make_token(const InitOptions& options, Entropy& entropy) {
  ASSIGN_OR_RETURN(const std::string conf, write_softhsm_conf(options.directory));
  if (::setenv("SOFTHSM2_CONF", conf.c_str(), 1) != 0) return io_error_errno("setenv", errno);
  ASSIGN_OR_RETURN(const auto provisioner, hsm::Provisioner::load(options.module));
  Made made;
  SignerConfig& config = made.config;
  ASSIGN_OR_RETURN(made.manufacturer, provisioner->manufacturer());
  const bool softhsm = made.manufacturer.starts_with("SoftHSM");
  if (!softhsm) {
    ::unlink(conf.c_str());
    ::rmdir((options.directory + "/" + kTokenDirectory).c_str());
  }
  config.member = options.name;
  config.module = options.module;
  config.softhsm_conf = softhsm ? kSoftHsmConf : "";
  config.token_directory = softhsm ? kTokenDirectory : "";
  config.token_label = options.token_label.empty() ? options.name : options.token_label;
  config.memory_lock = options.memory_lock.empty() ? memory_lock_for_this_user() : options.memory_lock;
  ASSIGN_OR_RETURN(const SecretBytes so_pin,
                   make_pin(options.so_pin_fd, options.directory + "/" + kSoPinFile, entropy));
  ASSIGN_OR_RETURN(const SecretBytes user_pin,
                   make_pin(options.user_pin_fd, options.directory + "/" + kUserPinFile, entropy));
  ASSIGN_OR_RETURN(config.token_serial, provisioner->init_token(config.token_label, so_pin, user_pin));
  TRY(provisioner->login(config.token_label, config.token_serial, user_pin));
  for (const std::string& name : key_names(options)) {
    journal::KeyPin pin;
    pin.name = name;
    pin.id = Bytes{static_cast<std::uint8_t>(config.keys.size() + 1)};
    ASSIGN_OR_RETURN(pin.key, provisioner->generate_key(name, pin.id));
    config.keys.push_back(std::move(pin));
  }
  return made;
}

// SoftHSM2 never syncs what it writes, and these keys exist nowhere else.
Status sync_tree(const std::string& directory) {
  std::vector<std::string> paths = {directory};
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto type = it->symlink_status(error).type();
    if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::directory) {
      paths.push_back(it->path());
    }
  }
  if (error) return io_error("cannot look through " + directory + ": " + error.message());
  for (const std::string& path : paths) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return io_error_errno("cannot sync " + path, errno);
  }
  return ok_status();
}

Json public_part(const InitOptions& options, const Made& made, const std::string& curve) {
  const auto& keys = made.config.keys;
  Json roles = Json::object();
  for (std::size_t i = 0; i < 3; ++i) roles.set(keys[i].name, keys[i].key.hex());
  Json seats = Json::array();
  for (std::size_t i = 0; i < options.currencies.size(); ++i) {
    Json seat = Json::object();
    seat.set("currency", options.currencies[i]);
    seat.set("epoch", options.wallet_epoch);
    seat.set("key", keys[3 + i].key.hex());
    seats.push(std::move(seat));
  }
  Json out = Json::object();
  out.set("schema", "custody.member/1");
  out.set("name", options.name);
  out.set("legal_entity", options.legal_entity);
  out.set("parent", options.parent);
  out.set("jurisdiction", options.jurisdiction);
  out.set("hoster", options.hoster);
  out.set("hsm_vendor", made.manufacturer);
  out.set("kyc_expiry", options.kyc_expiry);
  out.set("keys", std::move(roles));
  out.set("curve", curve);
  out.set("seats", std::move(seats));
  return out;
}

}  // namespace

Result<Json> init_member(const InitOptions& options, UnixMs now, Entropy& entropy) {
  TRY(check_options(options, now));
  TRY(make_member_directory(options.directory));
  const std::string base = options.directory + "/";
  ASSIGN_OR_RETURN(const Made made, make_token(options, entropy));
  ASSIGN_OR_RETURN(const auto curve, ledger::network::generate_curve_key_pair());
  TRY(ledger::network::write_curve_key_file(base + kCurveFile, curve));
  TRY(write_file(base + kSignerConfig, render_signer_config(made.config)));
  TRY(write_file(base + kNodeConfig, render_node_config()));
  TRY(sync_tree(options.directory));
  Json out = public_part(options, made, curve.public_key.hex());
  TRY(write_file(base + kPublicFile, out.dump(2) + "\n"));
  return out;
}

}  // namespace custody::signer::ceremony
