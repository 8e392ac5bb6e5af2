#include "ledger/followers/rpc_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"

namespace custody::ledger::followers {
namespace {

constexpr std::size_t kMaxPassword = 1024;
constexpr std::size_t kMaxShownError = 300;

CallError error_of(Status status) {
  return {std::move(status), std::nullopt};
}

Result<SecretBytes> read_password(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return io_error_errno("password file " + path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return io_error_errno("password file " + path, errno);
  if (S_ISREG(info.st_mode) && (info.st_mode & 0077U) != 0) {
    return refused("password file " + path + " may be read by other users", "run: chmod 600 " + path);
  }
  return read_secret_fd(fd.get(), kMaxPassword);
}

// libcurl wants this once before threads use it; a function-local static is initialised once.
bool initialise_curl() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

struct Sink {
  std::string* out;
  std::size_t limit;
  bool* overflow;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* target) {
  const auto* sink = static_cast<Sink*>(target);
  if (sink->out->size() + size * count > sink->limit) {
    *sink->overflow = true;
    return 0;  // ends the transfer
  }
  sink->out->append(data, size * count);
  return size * count;
}

int watch_interrupt(void* flag, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(flag)->load() ? 1 : 0;
}

std::string shortened(const std::string& text) {
  return text.size() <= kMaxShownError ? text : text.substr(0, kMaxShownError) + "...";
}

}  // namespace

RpcClient::RpcClient(RpcSettings settings) : settings_(std::move(settings)) {}

RpcClient::~RpcClient() {
  curl_easy_cleanup(static_cast<CURL*>(curl_));
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
}

Result<std::unique_ptr<RpcClient>> RpcClient::create(const RpcSettings& settings) {
  if (!settings.url.starts_with("http://") && !settings.url.starts_with("https://")) {
    return invalid("the external node's URL must begin with http:// or https://, not \"" + settings.url +
                   "\"");
  }
  if (settings.url.find('@') != std::string::npos || settings.user.find(':') != std::string::npos) {
    return invalid("no user or password in the external node's URL, and no colon in the user",
                   "give the user and the password file separately");
  }
  std::unique_ptr<RpcClient> client(new RpcClient(settings));
  ASSIGN_OR_RETURN(client->password_, read_password(settings.password_file));
  if (!initialise_curl()) return internal_error("libcurl could not be initialised");
  CURL* curl = curl_easy_init();
  client->curl_ = curl;
  client->headers_ =
      curl_slist_append(curl_slist_append(nullptr, "Content-Type: application/json"), "Expect:");
  if (curl == nullptr || client->headers_ == nullptr) return internal_error("libcurl is out of memory");
  const std::string password(as_text(client->password_.view()));
  bool ok = true;
  const auto set = [&](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(curl, option, value) == CURLE_OK;
  };
  set(CURLOPT_URL, settings.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  set(CURLOPT_USERNAME, settings.user.c_str());
  set(CURLOPT_PASSWORD, password.c_str());
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(client->headers_));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, settings.connect_timeout_ms);
  set(CURLOPT_TIMEOUT_MS, settings.total_timeout_ms);
  set(CURLOPT_WRITEFUNCTION, &receive);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &watch_interrupt);
  set(CURLOPT_XFERINFODATA, &client->interrupted_);
  if (!ok)
    return internal_error("this libcurl lacks an option that is needed", "install libcurl 7.85 or newer");
  return client;
}

std::variant<Json, CallError> RpcClient::call(const std::string& method, const Json& params) {
  Json request = Json::object();
  const std::uint64_t id = next_id_++;
  request.set("jsonrpc", "1.0").set("id", id).set("method", method).set("params", params);
  auto outcome = perform(request.dump());
  if (auto* error = std::get_if<CallError>(&outcome)) {
    error->status = error->status.with_context(method + " at " + settings_.url);
    return outcome;
  }
  long http_status = 0;
  curl_easy_getinfo(static_cast<CURL*>(curl_), CURLINFO_RESPONSE_CODE, &http_status);
  outcome = interpret(http_status, id);
  if (auto* error = std::get_if<CallError>(&outcome); error != nullptr && !error->rpc_code) {
    error->status = error->status.with_context(method + " at " + settings_.url);
  }
  return outcome;
}

// Null when a whole HTTP response is in response_.
std::variant<Json, CallError> RpcClient::perform(const std::string& request) {
  if (interrupted_) return error_of(unavailable("interrupted"));
  auto* curl = static_cast<CURL*>(curl_);
  response_.clear();
  overflow_ = false;
  Sink sink{&response_, settings_.max_response, &overflow_};
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.size()));
  const CURLcode code = curl_easy_perform(curl);
  if (overflow_) {
    return error_of(
        invalid("the answer is over the limit of " + std::to_string(settings_.max_response) + " bytes"));
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return error_of(
        unavailable("no answer in time", "the external node is overloaded or stuck: see its log"));
  }
  if (code != CURLE_OK) {
    return error_of(unavailable(curl_easy_strerror(code), "start the external node, or correct its URL"));
  }
  return Json();
}

std::variant<Json, CallError> RpcClient::interpret(long http_status, std::uint64_t id) const {
  if (http_status == 401 || http_status == 403) {
    return error_of(unauthenticated(
        "the external node refused user and password (HTTP " + std::to_string(http_status) + ")",
        "correct the user, the password file, or the node's list of callers"));
  }
  const auto parsed = Json::parse(response_, settings_.max_response);
  if (!parsed.ok() || !parsed->is_object()) {
    return error_of(invalid("HTTP " + std::to_string(http_status) + " with an answer that is not JSON-RPC",
                            "is this the RPC port of a node of Bitcoin's family?"));
  }
  if (const Json* error = parsed->find("error"); error != nullptr && !error->is_null()) {
    const auto code = error->at("code");
    const auto message = error->string_at("message");
    const auto number = code.ok() ? code->as_i64() : Result<std::int64_t>(code.status());
    if (!number.ok())
      return error_of(invalid("HTTP " + std::to_string(http_status) + " with an error without code"));
    return CallError{refused("RPC error " + std::to_string(*number) + ": " +
                             shortened(message.ok() ? *message : std::string("no message"))),
                     *number};
  }
  const auto answered = parsed->u64_at("id");
  const Json* result = parsed->find("result");
  if (http_status != 200 || result == nullptr || !answered.ok() || *answered != id) {
    return error_of(invalid("HTTP " + std::to_string(http_status) + " with an answer to another call"));
  }
  return *result;
}

}  // namespace custody::ledger::followers
