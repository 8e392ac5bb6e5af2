// A PKCS#11 module that passes every call on to a real one, counts the calls and makes the scripted ones go
// wrong. See README.md for its environment, script and counters.
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/pkcs11_probe/script.h"

namespace custody::tests::probe {
namespace {

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "pkcs11_probe: %s\n", why.c_str());
  std::abort();
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Counters as text: a line each, numbers of fixed width, so that a line keeps its place and a reader beside
// the writer sees whole numbers. Written before the call is passed on, so that a crash in it is counted; kept
// over restarts.
class Counters {
 public:
  void open(const std::string& path) {
    if (path == path_) return;
    path_ = path;
    names_.clear();
    values_.clear();
    if (fd_ >= 0) ::close(fd_);
    fd_ = path.empty() ? -1 : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (path.empty()) return;
    if (fd_ < 0) die("cannot open PKCS11_PROBE_COUNTS " + path);
    std::ifstream old(path);
    std::string line;
    while (std::getline(old, line)) {
      const std::size_t space = line.rfind(' ');
      if (space == std::string::npos) die("not a counter file: " + path);
      names_.push_back(line.substr(0, space));
      values_[names_.back()] = std::strtoull(line.c_str() + space, nullptr, 10);
    }
  }

  void count(const std::string& name) {
    if (fd_ < 0) return;
    if (values_.find(name) == values_.end()) names_.push_back(name);
    ++values_[name];
    std::string text;
    for (const std::string& each : names_) {
      std::array<char, 32> number{};
      std::snprintf(number.data(), number.size(), " %012llu\n",
                    static_cast<unsigned long long>(values_[each]));
      text += each + number.data();
    }
    if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      die("cannot write the counters");
    }
  }

 private:
  std::string path_;
  int fd_ = -1;
  std::vector<std::string> names_;
  std::map<std::string, std::uint64_t> values_;
};

// The script, read again when the file was replaced or changed; its call numbers count from then.
class LiveScript {
 public:
  void open(const std::string& path) {
    if (path == path_) return;
    *this = LiveScript();
    path_ = path;
  }

  std::vector<Rule> rules_for(const std::string& function) {
    if (path_.empty()) return {};
    reload();
    const std::uint64_t call = ++calls_[function];
    std::vector<Rule> out;
    for (const Rule& rule : script_.rules) {
      if (rule.function == function && (!rule.call || *rule.call == call)) out.push_back(rule);
    }
    return out;
  }

 private:
  struct Stamp {
    ino_t inode = 0;
    off_t size = -1;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  void reload() {
    struct stat info{};
    Stamp now;
    if (::stat(path_.c_str(), &info) == 0) {
      now = {info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    }
    if (now == stamp_) return;
    stamp_ = now;
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    script_ = parse_script(text.str());
    if (!script_.error.empty()) die("PKCS11_PROBE_SCRIPT " + path_ + ", " + script_.error);
    calls_.clear();
  }

  std::string path_;
  Stamp stamp_;
  Script script_;
  std::map<std::string, std::uint64_t> calls_;
};

// What the probe knows; mutex guards all but `real`, which is set once.
struct Probe {
  CK_FUNCTION_LIST* real = nullptr;
  std::mutex mutex;
  Counters counters;
  LiveScript script;
  std::map<CK_SESSION_HANDLE, CK_OBJECT_HANDLE> signing_key;  // of the operation that C_SignInit began
};

Probe& probe() {
  static Probe instance;
  return instance;
}

std::string key_id(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  std::array<unsigned char, 64> id{};
  CK_ATTRIBUTE attribute{CKA_ID, id.data(), id.size()};
  if (probe().real->C_GetAttributeValue(session, key, &attribute, 1) != CKR_OK) return "unknown";
  std::string out;
  for (CK_ULONG i = 0; i < attribute.ulValueLen && i < id.size(); ++i) {
    std::array<char, 3> byte{};
    std::snprintf(byte.data(), byte.size(), "%02x", id[i]);
    out += byte.data();
  }
  return out;
}

// Counts a call and says what shall happen to it.
std::vector<Rule> enter(const std::string& function, const std::string& key = {}) {
  const std::lock_guard lock(probe().mutex);
  probe().counters.count(function);
  if (!key.empty()) probe().counters.count(function + ":" + key);
  return probe().script.rules_for(function);
}

[[noreturn]] void crash() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

void chatter() {
  constexpr int kLines = 4096;
  for (int i = 0; i < kLines; ++i) (void)std::puts("a line of the module's own, of no use to anybody");
  (void)std::fflush(stdout);
}

// Faults that fit every function. Those of a signature are in sign_and_spoil().
template <typename Call>
CK_RV with_faults(const std::vector<Rule>& rules, const Call& call) {
  for (const Rule& rule : rules) {
    if (rule.action == Action::kDelay) std::this_thread::sleep_for(std::chrono::milliseconds(rule.delay_ms));
    if (rule.action == Action::kPrint) chatter();
    if (rule.action == Action::kCrashBefore) crash();
    if (rule.action == Action::kReturn) return rule.rv;
  }
  CK_RV rv = call();
  for (const Rule& rule : rules) {
    if (rule.action == Action::kCrashAfter) crash();
    if (rule.action == Action::kReturnAfter) rv = rule.rv;
  }
  return rv;
}

// s -> n - s unless s is high already.
void make_high_s(unsigned char* signature) {
  constexpr std::array<unsigned char, 32> kOrder = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
  unsigned char* s = signature + 32;
  if (s[0] >= 0x80) return;
  int borrow = 0;
  for (std::size_t i = kOrder.size(); i-- > 0;) {
    const int difference = kOrder[i] - s[i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    s[i] = static_cast<unsigned char>(difference + (borrow << 8));
  }
}

// Another private key of the token, or 0.
CK_OBJECT_HANDLE other_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_FUNCTION_LIST& real = *probe().real;
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted{CKA_CLASS, &object_class, sizeof object_class};
  std::array<CK_OBJECT_HANDLE, 16> found{};
  CK_ULONG count = 0;
  if (real.C_FindObjectsInit(session, &wanted, 1) != CKR_OK) return 0;
  if (real.C_FindObjects(session, found.data(), found.size(), &count) != CKR_OK) count = 0;
  real.C_FindObjectsFinal(session);
  for (CK_ULONG i = 0; i < count; ++i) {
    if (found[i] != key) return found[i];
  }
  return 0;
}

struct SignArguments {
  CK_SESSION_HANDLE session;
  CK_BYTE_PTR data;
  CK_ULONG data_size;
  CK_BYTE_PTR signature;
  CK_ULONG_PTR size;
  CK_OBJECT_HANDLE key;
};

CK_RV sign_with_other_key(const SignArguments& a, CK_ULONG capacity) {
  const CK_OBJECT_HANDLE other = other_key(a.session, a.key);
  if (other == 0) die("wrong-key: the token has no other private key");
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  const CK_RV rv = probe().real->C_SignInit(a.session, &mechanism, other);
  if (rv != CKR_OK) return rv;
  *a.size = capacity;
  return probe().real->C_Sign(a.session, a.data, a.data_size, a.signature, a.size);
}

CK_RV sign_and_spoil(const std::vector<Rule>& rules, const SignArguments& a) {
  const CK_ULONG capacity = *a.size;
  CK_RV rv = probe().real->C_Sign(a.session, a.data, a.data_size, a.signature, a.size);
  for (const Rule& rule : rules) {
    if (rv != CKR_OK || a.signature == nullptr) return rv;
    if (rule.action == Action::kCorrupt) a.signature[10] ^= 0x04;
    if (rule.action == Action::kHighS && *a.size == 64) make_high_s(a.signature);
    if (rule.action == Action::kShort && *a.size > 0) --*a.size;
    if (rule.action == Action::kWrongKey) rv = sign_with_other_key(a, capacity);
  }
  return rv;
}

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  const auto rules = enter("C_SignInit", key_id(session, key));
  {
    const std::lock_guard lock(probe().mutex);
    probe().signing_key[session] = key;
  }
  return with_faults(rules, [&] { return probe().real->C_SignInit(session, mechanism, key); });
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_size, CK_BYTE_PTR signature,
           CK_ULONG_PTR size) {
  CK_OBJECT_HANDLE key = 0;
  {
    const std::lock_guard lock(probe().mutex);
    key = probe().signing_key[session];
  }
  const auto rules = enter("C_Sign", key_id(session, key));
  const SignArguments arguments{session, data, data_size, signature, size, key};
  return with_faults(rules, [&] { return sign_and_spoil(rules, arguments); });
}

// The wrapper of one entry of the function list: same signature, counted, with faults.
template <auto Member, const char* Name, typename Pointer>
struct Wrapper;
template <auto Member, const char* Name, typename... Arguments>
struct Wrapper<Member, Name, CK_RV (*)(Arguments...)> {
  static CK_RV call(Arguments... arguments) {
    return with_faults(enter(Name), [&] { return (probe().real->*Member)(arguments...); });
  }
};

// The 68 functions of PKCS#11 2.40.
// clang-format off
#define PROBE_FUNCTIONS(X)                                                                                        \
  X(C_Initialize) X(C_Finalize) X(C_GetInfo) X(C_GetFunctionList) X(C_GetSlotList) X(C_GetSlotInfo)               \
  X(C_GetTokenInfo) X(C_GetMechanismList) X(C_GetMechanismInfo) X(C_InitToken) X(C_InitPIN) X(C_SetPIN)           \
  X(C_OpenSession) X(C_CloseSession) X(C_CloseAllSessions) X(C_GetSessionInfo) X(C_GetOperationState)             \
  X(C_SetOperationState) X(C_Login) X(C_Logout) X(C_CreateObject) X(C_CopyObject) X(C_DestroyObject)              \
  X(C_GetObjectSize) X(C_GetAttributeValue) X(C_SetAttributeValue) X(C_FindObjectsInit) X(C_FindObjects)          \
  X(C_FindObjectsFinal) X(C_EncryptInit) X(C_Encrypt) X(C_EncryptUpdate) X(C_EncryptFinal) X(C_DecryptInit)       \
  X(C_Decrypt) X(C_DecryptUpdate) X(C_DecryptFinal) X(C_DigestInit) X(C_Digest) X(C_DigestUpdate) X(C_DigestKey)  \
  X(C_DigestFinal) X(C_SignInit) X(C_Sign) X(C_SignUpdate) X(C_SignFinal) X(C_SignRecoverInit) X(C_SignRecover)   \
  X(C_VerifyInit) X(C_Verify) X(C_VerifyUpdate) X(C_VerifyFinal) X(C_VerifyRecoverInit) X(C_VerifyRecover)        \
  X(C_DigestEncryptUpdate) X(C_DecryptDigestUpdate) X(C_SignEncryptUpdate) X(C_DecryptVerifyUpdate)               \
  X(C_GenerateKey) X(C_GenerateKeyPair) X(C_WrapKey) X(C_UnwrapKey) X(C_DeriveKey) X(C_SeedRandom)                \
  X(C_GenerateRandom) X(C_GetFunctionStatus) X(C_CancelFunction) X(C_WaitForSlotEvent)
// clang-format on

#define PROBE_NAME(function) constexpr char kName_##function[] = #function;
PROBE_FUNCTIONS(PROBE_NAME)
#undef PROBE_NAME

CK_FUNCTION_LIST* function_list();

CK_FUNCTION_LIST wrapped_functions() {
  CK_FUNCTION_LIST list{};
  list.version = {2, 40};
#define PROBE_WRAP(function)                                                      \
  if (probe().real->function == nullptr) die("the real module lacks " #function); \
  list.function =                                                                 \
      &Wrapper<&CK_FUNCTION_LIST::function, kName_##function, decltype(CK_FUNCTION_LIST::function)>::call;
  PROBE_FUNCTIONS(PROBE_WRAP)
#undef PROBE_WRAP
  list.C_SignInit = &sign_init;
  list.C_Sign = &sign;
  list.C_GetFunctionList = [](CK_FUNCTION_LIST** out) -> CK_RV {
    *out = function_list();
    return CKR_OK;
  };
  return list;
}

void load_real_module() {
  const std::string path = environment("PKCS11_PROBE_MODULE");
  if (path.empty()) die("PKCS11_PROBE_MODULE must name the real module");
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) die(::dlerror());
  const auto get = reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(::dlsym(library, "C_GetFunctionList"));
  if (get == nullptr || get(&probe().real) != CKR_OK) die(path + " is no PKCS#11 module");
}

CK_FUNCTION_LIST* function_list() {
  static CK_FUNCTION_LIST list = [] {
    load_real_module();
    return wrapped_functions();
  }();
  return &list;
}

// At every loading: a library that was loaded before may be kept, with what it remembers.
void read_environment() {
  const std::lock_guard lock(probe().mutex);
  probe().counters.open(environment("PKCS11_PROBE_COUNTS"));
  probe().script.open(environment("PKCS11_PROBE_SCRIPT"));
}

}  // namespace
}  // namespace custody::tests::probe

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  custody::tests::probe::read_environment();
  *list = custody::tests::probe::function_list();
  return CKR_OK;
}
