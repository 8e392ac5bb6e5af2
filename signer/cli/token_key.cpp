#include "signer/cli/token_key.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/unix_socket.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {
namespace {

constexpr std::string_view kProgram = "custody-officer-sign";
constexpr std::size_t kMaxAnswer = 16u << 10;
constexpr int kPinFd = 3;  // in the child
constexpr int kFirstFree = 10;

Result<std::string> program_path() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return io_error("cannot read /proc/self/exe: " + error.message());
  return (self.parent_path() / kProgram).string();
}

// A descriptor that no dup2 of the child's standard ones overwrites.
Result<Fd> out_of_the_way(const Fd& fd) {
  Fd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFree));
  if (!moved.valid()) return io_error_errno("cannot duplicate a descriptor", errno);
  return moved;
}

// Child process with the request as its standard input, whose standard output is read to its end.
class Child {
 public:
  Child() { posix_spawn_file_actions_init(&actions_); }
  ~Child() { posix_spawn_file_actions_destroy(&actions_); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<Bytes> run(const std::vector<std::string>& arguments, const Json& request, const Fd* pin) {
    ASSIGN_OR_RETURN(const Fd memory, sealed_memfd(as_bytes(request.dump())));
    if (lseek(memory.get(), 0, SEEK_SET) != 0) return io_error_errno("lseek", errno);
    TRY(give(memory, STDIN_FILENO));
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return io_error_errno("pipe2", errno);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    TRY(give(writer, STDOUT_FILENO));
    if (pin != nullptr) TRY(give(*pin, kPinFd));
    ASSIGN_OR_RETURN(const pid_t pid, spawn(arguments));
    writer.reset();
    given_.clear();
    auto answer = read_fd(reader.get(), kMaxAnswer);
    TRY(wait(pid));
    return answer;
  }

 private:
  Status give(const Fd& fd, int as) {
    ASSIGN_OR_RETURN(Fd moved, out_of_the_way(fd));
    const int error = posix_spawn_file_actions_adddup2(&actions_, moved.get(), as);
    if (error != 0) return io_error_errno("posix_spawn_file_actions_adddup2", error);
    given_.push_back(std::move(moved));
    return ok_status();
  }

  Result<pid_t> spawn(const std::vector<std::string>& arguments) {
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (const std::string& one : arguments) {
      // The interface takes mutable pointers but does not write through them.
      raw.push_back(const_cast<char*>(one.c_str()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    }
    raw.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, raw[0], &actions_, nullptr, raw.data(), environ);
    if (error == 0) return pid;
    return io_error_errno("cannot start " + arguments.front(), error)
        .with_hint("custody-officer-sign must lie beside custodyctl");
  }

  static Status wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
      if (errno != EINTR) return io_error_errno("waitpid", errno);
    }
    if (WIFEXITED(status)) return ok_status();  // what it said says the rest
    return unavailable(std::string(kProgram) + " was ended by signal " + std::to_string(WTERMSIG(status)),
                       "its PKCS#11 module may be at fault");
  }

  posix_spawn_file_actions_t actions_{};
  std::vector<Fd> given_;
};

Json request_for(const OfficerKeyOptions& options, std::string_view schema) {
  return Json::object().set("schema", schema).set("key", options.key).set("module", options.module);
}

Result<Json> ask(const OfficerKeyOptions& options, const Json& request, const Fd* pin) {
  ASSIGN_OR_RETURN(std::string program, program_path());
  std::vector<std::string> arguments = {std::move(program), "--parent", std::to_string(getpid())};
  if (pin == nullptr) {
    arguments.emplace_back("--show-key");
  } else {
    arguments.insert(arguments.end(), {"--pin-fd", std::to_string(kPinFd)});
  }
  for (const std::string& directory : options.module_writes) {
    arguments.insert(arguments.end(), {"--writable", directory});
  }
  ASSIGN_OR_RETURN(const Bytes said, Child().run(arguments, request, pin));
  auto answer = Json::parse(as_text(said), kMaxAnswer, 4);
  if (!answer.ok()) return internal_error(std::string(kProgram) + " gave no answer that can be read");
  if (const Json* error = answer->find("error")) return error_status(*error);
  return answer;
}

Result<OfficerPublicKey> key_of(const Json& answer) {
  ASSIGN_OR_RETURN(const std::string curve, answer.string_at("curve"));
  ASSIGN_OR_RETURN(const std::string hex, answer.string_at("public_key"));
  return parse_officer_public_key(curve, hex);
}

class TokenKey final : public OfficerKey {
 public:
  explicit TokenKey(OfficerKeyOptions options) : options_(std::move(options)) {}

  Result<KeySignature> sign(const Rendering& rendering) override {
    ASSIGN_OR_RETURN(const Fd pin, open_secret_file(options_.pin));
    const Json request = request_for(options_, "custody.officer-sign-request/1")
                             .set("tag", rendering.tag)
                             .set("chain_id", rendering.chain_id.hex())
                             .set("text", rendering.text);
    ASSIGN_OR_RETURN(const Json answer, ask(options_, request, &pin));
    KeySignature out;
    ASSIGN_OR_RETURN(out.key, key_of(answer));
    ASSIGN_OR_RETURN(const std::string hex, answer.string_at("signature"));
    ASSIGN_OR_RETURN(out.signature, Signature::from_hex(hex));
    if (verify(out.key, digest_of(rendering), out.signature)) return out;
    return corrupt("what " + std::string(kProgram) + " answered is no signature of the text that was shown");
  }

 private:
  OfficerKeyOptions options_;
};

}  // namespace

bool is_token_uri(std::string_view key) {
  return key.starts_with("pkcs11:");
}

Result<std::unique_ptr<OfficerKey>> open_token_key(const OfficerKeyOptions& options) {
  if (!options.password.empty()) {
    return invalid("--password-file is for a key file", "give the token's PIN by --pin-file");
  }
  if (options.pin.empty()) {
    return invalid("no PIN is given for the token", "--pin-file FILE; only its descriptor is handed on");
  }
  return std::unique_ptr<OfficerKey>(std::make_unique<TokenKey>(options));
}

Result<OfficerPublicKey> read_token_key(const OfficerKeyOptions& options) {
  ASSIGN_OR_RETURN(const Json answer,
                   ask(options, request_for(options, "custody.officer-key-request/1"), nullptr));
  return key_of(answer);
}

}  // namespace custody::signer::cli
