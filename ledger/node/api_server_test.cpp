// The local socket with real clients; the test is the loop that the daemon otherwise is.
#include "ledger/node/api_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "ledger/node/fixture.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

constexpr model::CurrencyId kBtc(1);
constexpr int kMaxTurns = 10'000;  // of a loop that waits for something

// A client that never blocks.
class ApiClient {
 public:
  explicit ApiClient(const std::string& path) {
    auto socket = connect_unix(path, SOCK_STREAM);
    CHECK(socket.ok());
    socket_ = std::move(*socket);
    CHECK(fcntl(socket_.get(), F_SETFL, O_NONBLOCK) == 0);
  }

  static Bytes frame(std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    Bytes out{static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
              static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    append(out, as_bytes(text));
    return out;
  }
  // How many bytes the socket took.
  std::size_t send(ByteView bytes) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void ask(std::string_view text) { CHECK(send(frame(text)) == text.size() + 4); }
  // One read; false when there was nothing.
  bool receive(std::size_t max_size = 1u << 16) {
    Bytes chunk(max_size);
    const ssize_t got = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) closed_ = true;
    if (got <= 0) return false;
    append(in_, ByteView(chunk).first(static_cast<std::size_t>(got)));
    return true;
  }
  // The next whole answer that has been received.
  std::optional<Json> next() {
    if (in_.size() < 4) return std::nullopt;
    const std::size_t size =
        std::size_t{in_[0]} << 24 | std::size_t{in_[1]} << 16 | std::size_t{in_[2]} << 8 | in_[3];
    if (in_.size() - 4 < size) return std::nullopt;
    const auto parsed = Json::parse(as_text(ByteView(in_).subspan(4, size)), size);
    CHECK(parsed.ok());
    in_.erase(in_.begin(), in_.begin() + 4 + static_cast<std::ptrdiff_t>(size));
    return *parsed;
  }
  bool closed() const { return closed_; }
  void hang_up() { socket_.reset(); }

 private:
  Fd socket_;
  Bytes in_;
  bool closed_ = false;
};

class ApiServerTest : public ::testing::Test {
 protected:
  ApiServerTest() {
    char name[] = "/tmp/custody-api-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    directory_ = name;
    auto server = ApiServer::listen(path(), api_);
    CHECK(server.ok());
    server_ = std::move(*server);
  }
  ~ApiServerTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/node.sock"; }
  // One turn of the daemon's loop.
  void turn(int wait_ms = 0) {
    std::vector<pollfd> descriptors;
    server_->prepare(descriptors);
    CHECK(::poll(descriptors.data(), descriptors.size(), wait_ms) >= 0);
    server_->serve(descriptors, {now_});
  }
  std::optional<Json> answer(ApiClient& client) {
    for (int i = 0; i < kMaxTurns && !client.closed(); ++i) {
      if (auto out = client.next()) return out;
      turn(1);
      (void)client.receive();
    }
    return client.next();
  }
  Json expect_answer(ApiClient& client) {
    const auto out = answer(client);
    EXPECT_TRUE(out.has_value()) << "closed, or no answer";
    return out.value_or(Json::object());
  }
  void expect_served(ApiClient& client) {
    client.ask(R"({"method":"status"})");
    EXPECT_NE(expect_answer(client).find("result"), nullptr);
  }
  void expect_error(ApiClient& client, std::string_view code, std::string_view part) {
    const Json out = expect_answer(client);
    const Json* error = out.find("error");
    ASSERT_NE(error, nullptr) << out.dump();
    EXPECT_EQ(error->string_at("code").value(), code);
    EXPECT_NE(error->string_at("message").value().find(part), std::string::npos) << out.dump();
  }
  void expect_closed(ApiClient& client) { EXPECT_FALSE(answer(client).has_value()); }
  void expect_silence(ApiClient& client) {
    for (int i = 0; i < 5; ++i) {
      turn();
      EXPECT_FALSE(client.receive());
    }
    EXPECT_FALSE(client.closed());
  }

  // A payment that has been admitted, and a request that waits until it is in a block.
  Bytes pending_payment() {
    const crypto::SoftwareKey account = net_.new_key();
    const auto gateway = net_.register_gateway("gary", account);
    net_.mint(gateway, kBtc, 1'000'000);
    Bytes envelope = net_.transfer(account, model::Address::treasury(), kBtc, 1'000);
    CHECK(backend_.submit(envelope).ok());
    return envelope;
  }
  std::string wait_for(const Bytes& envelope, std::uint64_t ms) const {
    Json params = Json::object();
    params.set("id", net_.id_of(envelope).hex()).set("wait_ms", ms);
    return Json::object().set("method", "transaction").set("params", params).dump();
  }

  tests::Network net_;
  testing::NetworkBackend backend_{net_};
  Api api_{net_.genesis(), proto::reader::encode(net_.genesis()), model::MemberId(1), backend_};
  std::string directory_;
  std::unique_ptr<ApiServer> server_;
  std::uint64_t now_ = 1'000;
};

TEST_F(ApiServerTest, RequestsAreAnsweredHoweverTheyAreCut) {
  ApiClient client(path());
  expect_served(client);
  for (const std::uint8_t byte : ApiClient::frame(R"({"method":"genesis"})")) {
    ASSERT_EQ(client.send({&byte, 1}), 1u);
    turn();
  }
  EXPECT_NE(expect_answer(client).find("result"), nullptr);
}

TEST_F(ApiServerTest, MalformedRequestsAreAnsweredWithWhatIsWrong) {
  ApiClient client(path());
  for (const char* wrong : {"", "{", "[1,2", "{\"method\":\"status\"}x", "{\"a\":1,\"a\":2}", "\xff\xfe"}) {
    client.ask(wrong);
    expect_error(client, "invalid", "");
  }
  client.ask("{}");
  expect_error(client, "invalid", "method");
  client.ask("[]");
  expect_error(client, "invalid", "method");
  client.ask(R"({"method":5})");
  expect_error(client, "invalid", "method");
  client.ask(R"({"method":"rm"})");
  expect_error(client, "invalid", "no such method: rm");
  client.ask(R"({"method":"account","params":7})");
  expect_error(client, "invalid", "address");
  client.ask(std::string(100, '[') + std::string(100, ']'));
  expect_error(client, "invalid", "");
  expect_served(client);
}

TEST_F(ApiServerTest, AnOversizeRequestIsClosedBeforeItIsRead) {
  ApiClient good(path());
  ApiClient bad(path());
  Bytes header{0, 0x10, 0, 1};  // 1 MiB and 1 byte
  ASSERT_EQ(bad.send(header), 4u);
  expect_closed(bad);
  expect_served(good);
  ApiClient later(path());
  Bytes both = ApiClient::frame(R"({"method":"status"})");
  append(both, Bytes(4, 0xff));
  ASSERT_EQ(later.send(both), both.size());
  EXPECT_NE(expect_answer(later).find("result"), nullptr);
  expect_closed(later);
}

TEST_F(ApiServerTest, ARequestOfTheLargestSizeIsServed) {
  ApiClient client(path());
  std::string text = R"({"method":"status","params":{"filler":")";
  text += std::string(kMaxApiRequest - text.size() - 3, 'x') + "\"}}";
  const Bytes frame = ApiClient::frame(text);
  for (std::size_t sent = 0; sent < frame.size();) {
    sent += client.send(ByteView(frame).subspan(sent));
    turn();
  }
  EXPECT_NE(expect_answer(client).find("result"), nullptr);
}

TEST_F(ApiServerTest, WhoSendsAndNeverReadsIsReadNoFurther) {
  ApiClient client(path());
  Bytes many;
  while (many.size() < (1u << 16)) append(many, ApiClient::frame("{}"));
  std::size_t taken = 0;
  for (int i = 0; i < 500; ++i) {
    taken += client.send(many);
    turn();
    (void)client.receive();
  }
  EXPECT_LT(taken, 2u << 20) << "requests that wait for their turn stay with the client";
  ApiClient other(path());
  expect_served(other);
}

TEST_F(ApiServerTest, RequestsThatCameTogetherAreAllAnsweredInOrder) {
  ApiClient client(path());
  Bytes both;
  for (int i = 0; i < 100; ++i) append(both, ApiClient::frame("{\"method\":\"m" + std::to_string(i) + "\"}"));
  ASSERT_EQ(client.send(both), both.size());
  for (int i = 0; i < 100; ++i) expect_error(client, "invalid", "m" + std::to_string(i));
}

TEST_F(ApiServerTest, AWaitIsAnsweredByTheBlockThatBringsIt) {
  const Bytes envelope = pending_payment();
  ApiClient client(path());
  client.ask(wait_for(envelope, 10'000));
  expect_silence(client);
  ASSERT_TRUE(net_.produce().ok());
  server_->ledger_advanced({now_});
  expect_silence(client);
  ASSERT_TRUE(net_.produce({envelope}).ok());
  server_->ledger_advanced({now_});
  EXPECT_EQ(expect_answer(client).find("result")->u64_at("height").value(), net_.state().height().get());
  expect_served(client);
}

TEST_F(ApiServerTest, AWaitEndsInTimeAndNoneIsLongerThanHalfAMinute) {
  const Bytes envelope = pending_payment();
  ApiClient patient(path());
  ApiClient hurried(path());
  patient.ask(wait_for(envelope, 1'000'000'000));
  hurried.ask(wait_for(envelope, 500));
  expect_silence(hurried);
  now_ += 499;
  server_->tick({now_});
  expect_silence(hurried);
  now_ += 1;
  server_->tick({now_});
  expect_error(hurried, "not_found", "waits for a block");
  expect_silence(patient);
  now_ += kMaxApiWaitMs;
  server_->tick({now_});
  expect_error(patient, "not_found", "waits for a block");
}

TEST_F(ApiServerTest, WhoLeavesWhileItWaitsIsForgotten) {
  const Bytes envelope = pending_payment();
  std::list<ApiClient> clients;
  for (std::size_t i = 0; i < kMaxApiClients; ++i) {
    clients.emplace_back(path());
    clients.back().ask(wait_for(envelope, 10'000));
    turn();
    turn();
  }
  for (ApiClient& client : clients) client.hang_up();
  turn();
  ApiClient next(path());
  expect_served(next);
}

TEST_F(ApiServerTest, ClientsBeyondTheLimitAreClosedAndTheOthersServed) {
  std::list<ApiClient> clients;
  for (std::size_t i = 0; i < kMaxApiClients; ++i) {
    clients.emplace_back(path());
    turn();
  }
  ApiClient surplus(path());
  expect_closed(surplus);
  for (ApiClient& client : clients) expect_served(client);
  clients.pop_front();
  turn();
  ApiClient next(path());
  expect_served(next);
}

TEST_F(ApiServerTest, AClientThatIsIdleForAMinuteIsClosedUnlessItWaits) {
  const Bytes envelope = pending_payment();
  ApiClient idle(path());
  ApiClient half(path());
  ApiClient waiting(path());
  const std::uint8_t part = 0;
  ASSERT_EQ(half.send({&part, 1}), 1u);
  turn();
  turn();
  now_ += kApiIdleMs - 1'000;
  waiting.ask(wait_for(envelope, 30'000));
  turn();
  server_->tick({now_});
  expect_silence(idle);
  now_ += 1'001;
  server_->tick({now_});
  expect_closed(idle);
  expect_closed(half);
  expect_silence(waiting);
}

TEST_F(ApiServerTest, ASlowReaderGetsItsAnswerWholeAndKeepsNobodyWaiting) {
  backend_.more.set("filler", std::string(4u << 20, 'x'));
  ApiClient slow(path());
  slow.ask(R"({"method":"status"})");
  turn();
  ApiClient other(path());
  std::optional<Json> whole;
  for (int i = 0; i < kMaxTurns && !whole; ++i) {
    turn();
    if (i == 5) {
      other.ask(R"({"method":"reserves"})");
      EXPECT_NE(expect_answer(other).find("result"), nullptr);
      EXPECT_FALSE(slow.next().has_value());
    }
    (void)slow.receive(4'096);
    whole = slow.next();
  }
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->find("result")->string_at("filler").value().size(), 4u << 20);
}

TEST_F(ApiServerTest, OneServerPerSocketAndOnlyForItsUser) {
  EXPECT_EQ(ApiServer::listen(path(), api_).code(), Code::kExists);
  struct stat info{};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  // Even when the file system lets another user through, the server does not.
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(path().c_str(), 0666), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (setuid(65'534) != 0) _exit(2);
    const auto socket = connect_unix(path(), SOCK_STREAM);
    if (!socket.ok()) _exit(3);
    std::uint8_t byte = 0;
    _exit(read(socket->get(), &byte, 1) == 0 ? 0 : 4);  // closed without an answer
  }
  int status = 0;
  for (int i = 0; i < kMaxTurns && waitpid(child, &status, WNOHANG) == 0; ++i) turn(1);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace custody::ledger::node
