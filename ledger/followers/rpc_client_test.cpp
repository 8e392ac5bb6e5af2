#include "ledger/followers/rpc_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "tests/support/scripted_http_server.h"

namespace custody::ledger::followers {
namespace {

namespace fs = std::filesystem;
using custody::tests::ScriptedHttpServer;
using ::testing::HasSubstr;

class RpcClientTest : public ::testing::Test {
 public:
  RpcClientTest() {
    std::string pattern = (fs::temp_directory_path() / "custody-rpc-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    settings_.user = "alice";
    settings_.password_file = folder_ + "/password";
    write_password("secret\n", 0600);
  }
  ~RpcClientTest() override { fs::remove_all(folder_); }

  void write_password(const std::string& text, mode_t mode) const {
    std::ofstream(settings_.password_file) << text;
    ASSERT_EQ(::chmod(settings_.password_file.c_str(), mode), 0);
  }
  std::unique_ptr<RpcClient> client(const std::string& url) {
    settings_.url = url;
    auto made = RpcClient::create(settings_);
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    return std::move(made).value();
  }
  // One call to a server that answers everything with these bytes.
  std::variant<Json, CallError> call_answered_by(const std::string& bytes) {
    ScriptedHttpServer server([&](const std::string& head, const std::string& body) {
      const std::lock_guard lock(mutex_);
      head_ = head;
      body_ = body;
      return bytes;
    });
    return client(server.url())->call("getblockhash", Json(Json::Array{Json(5)}));
  }
  CallError error_from(const std::string& bytes) {
    auto outcome = call_answered_by(bytes);
    EXPECT_TRUE(std::holds_alternative<CallError>(outcome)) << bytes;
    if (auto* error = std::get_if<CallError>(&outcome)) return *error;
    return {internal_error("no error"), std::nullopt};
  }
  std::string head() {
    const std::lock_guard lock(mutex_);
    return head_;
  }
  std::string body() {
    const std::lock_guard lock(mutex_);
    return body_;
  }

  RpcSettings settings_;
  std::string folder_;

 private:
  std::mutex mutex_;
  std::string head_;
  std::string body_;
};

TEST_F(RpcClientTest, SendsTheCallAndReturnsTheResult) {
  const auto outcome =
      call_answered_by(ScriptedHttpServer::reply(200, R"({"result":{"a":[1]},"error":null,"id":1})"));
  ASSERT_TRUE(std::holds_alternative<Json>(outcome)) << std::get<CallError>(outcome).status.to_string();
  EXPECT_EQ(std::get<Json>(outcome).dump(), R"({"a":[1]})");
  EXPECT_THAT(head(), HasSubstr("POST / HTTP/1.1"));
  EXPECT_THAT(head(), HasSubstr("Authorization: Basic YWxpY2U6c2VjcmV0"));  // alice:secret
  const auto sent = Json::parse(body(), 1000);
  ASSERT_TRUE(sent.ok());
  EXPECT_EQ(sent->string_at("method").value(), "getblockhash");
  EXPECT_EQ(sent->find("params")->dump(), "[5]");
}

TEST_F(RpcClientTest, KeepsTheNodesOwnErrorsApart) {
  for (const int http : {200, 404, 500}) {  // bcoin sends 200, Bitcoin Core 500 or 404
    const CallError error = error_from(ScriptedHttpServer::reply(
        http, R"({"result":null,"error":{"code":-8,"message":"out of range"},"id":1})"));
    EXPECT_EQ(error.rpc_code, -8);
    EXPECT_EQ(error.status.code(), Code::kRefused);
    EXPECT_THAT(error.status.message(), HasSubstr("out of range"));
  }
}

TEST_F(RpcClientTest, WrongPasswordSaysSo) {
  const CallError error = error_from(ScriptedHttpServer::reply(401, ""));
  EXPECT_EQ(error.status.code(), Code::kUnauthenticated);
  EXPECT_THAT(error.status.hint(), HasSubstr("password file"));
  EXPECT_EQ(error.status.to_string().find("secret"), std::string::npos);
}

TEST_F(RpcClientTest, GarbageIsInvalid) {
  const std::vector<std::string> garbage{
      ScriptedHttpServer::reply(200, ""),
      ScriptedHttpServer::reply(200, "<html>login</html>"),
      ScriptedHttpServer::reply(200, "[]"),
      ScriptedHttpServer::reply(200, "{}"),
      ScriptedHttpServer::reply(200, R"({"result":1,"error":null,"id":2})"),
      ScriptedHttpServer::reply(200, R"({"result":1,"error":null,"id":"1"})"),
      ScriptedHttpServer::reply(200, R"({"result":1,"error":null})"),
      ScriptedHttpServer::reply(200, R"({"result":1,"result":2,"error":null,"id":1})"),
      ScriptedHttpServer::reply(200, R"({"result":1,"error":"bad","id":1})"),
      ScriptedHttpServer::reply(500, R"({"error":{"message":"no code"}})"),
      ScriptedHttpServer::reply(503, R"({"result":1,"error":null,"id":1})"),
      ScriptedHttpServer::reply(200, std::string(100'000, '[')),
  };
  for (const std::string& bytes : garbage) {
    const CallError error = error_from(bytes);
    EXPECT_EQ(error.status.code(), Code::kInvalid) << bytes.substr(0, 300);
    EXPECT_FALSE(error.rpc_code);
    EXPECT_THAT(error.status.message(), HasSubstr("getblockhash at http://127.0.0.1:"));
  }
}

TEST_F(RpcClientTest, WhatIsNotHttpIsUnavailable) {
  EXPECT_EQ(error_from("\x16\x03\x01 not http at all\r\n\r\n").status.code(), Code::kUnavailable);
}

TEST_F(RpcClientTest, OversizeAnswerIsCutOffWhetherAnnouncedOrNot) {
  settings_.max_response = 10'000;
  EXPECT_THAT(error_from(ScriptedHttpServer::reply(200, std::string(10'001, ' '))).status.message(),
              HasSubstr("over the limit of 10000 bytes"));
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunked += "1000\r\n" + std::string(0x1000, ' ') + "\r\n";
  EXPECT_EQ(error_from(chunked).status.code(), Code::kInvalid);
}

TEST_F(RpcClientTest, SilentNodeTimesOut) {
  settings_.total_timeout_ms = 200;
  const CallError error = error_from("");
  EXPECT_EQ(error.status.code(), Code::kUnavailable);
  EXPECT_THAT(error.status.message(), HasSubstr("no answer in time"));
}

TEST_F(RpcClientTest, AnswerThatNeverEndsTimesOut) {
  settings_.total_timeout_ms = 200;
  EXPECT_EQ(error_from("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc").status.code(),
            Code::kUnavailable);
}

TEST_F(RpcClientTest, NodeThatIsDownIsUnavailable) {
  std::string url;
  {
    url = ScriptedHttpServer([](const std::string&, const std::string&) { return std::string(); }).url();
  }
  const auto outcome = client(url)->call("getblockcount", Json::array());
  ASSERT_TRUE(std::holds_alternative<CallError>(outcome));
  EXPECT_EQ(std::get<CallError>(outcome).status.code(), Code::kUnavailable);
  EXPECT_THAT(std::get<CallError>(outcome).status.hint(), HasSubstr("start the external node"));
}

TEST_F(RpcClientTest, RedirectIsNotFollowed) {
  std::atomic<int> elsewhere{0};
  ScriptedHttpServer other([&](const std::string&, const std::string&) {
    ++elsewhere;
    return ScriptedHttpServer::reply(200, R"({"result":1,"error":null,"id":1})");
  });
  EXPECT_EQ(error_from(ScriptedHttpServer::reply(307, "", "Location: " + other.url() + "\r\n")).status.code(),
            Code::kInvalid);
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(RpcClientTest, ProxyFromTheEnvironmentIsNotUsed) {
  std::atomic<int> proxied{0};
  ScriptedHttpServer proxy([&](const std::string&, const std::string&) {
    ++proxied;
    return ScriptedHttpServer::reply(200, "{}");
  });
  ASSERT_EQ(::setenv("http_proxy", proxy.url().c_str(), 1), 0);
  const auto outcome =
      call_answered_by(ScriptedHttpServer::reply(200, R"({"result":7,"error":null,"id":1})"));
  ASSERT_EQ(::unsetenv("http_proxy"), 0);
  EXPECT_TRUE(std::holds_alternative<Json>(outcome));
  EXPECT_EQ(proxied, 0);
}

TEST_F(RpcClientTest, InterruptEndsACallInProgress) {
  std::mutex mutex;
  std::condition_variable reached;
  bool asked = false;
  ScriptedHttpServer server([&](const std::string&, const std::string&) {
    const std::lock_guard lock(mutex);
    asked = true;
    reached.notify_one();
    return std::string();
  });
  const auto rpc = client(server.url());
  std::thread interrupter([&] {
    std::unique_lock lock(mutex);
    reached.wait(lock, [&] { return asked; });
    rpc->interrupt();
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto outcome = rpc->call("getblockcount", Json::array());
  interrupter.join();
  EXPECT_TRUE(std::holds_alternative<CallError>(outcome));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10))
      << "well below the time-out of 15 s";
  EXPECT_TRUE(std::holds_alternative<CallError>(rpc->call("getblockcount", Json::array())));
}

TEST_F(RpcClientTest, EachCallHasAnIdOfItsOwn) {
  std::uint64_t id = 0;
  ScriptedHttpServer server([&](const std::string&, const std::string&) {
    return ScriptedHttpServer::reply(200,
                                     R"({"result":null,"error":null,"id":)" + std::to_string(++id) + "}");
  });
  const auto rpc = client(server.url());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(std::holds_alternative<Json>(rpc->call("getblockcount", Json::array())));
  }
}

TEST_F(RpcClientTest, RefusesBadSettings) {
  const auto code_for = [&](const std::string& url) {
    settings_.url = url;
    return RpcClient::create(settings_).code();
  };
  EXPECT_EQ(code_for("file:///etc/passwd"), Code::kInvalid);
  EXPECT_EQ(code_for("127.0.0.1:8332"), Code::kInvalid);
  EXPECT_EQ(code_for("http://user:password@127.0.0.1/"), Code::kInvalid);
  settings_.user = "a:b";
  EXPECT_EQ(code_for("http://127.0.0.1/"), Code::kInvalid);
  settings_.user = "alice";
  write_password("secret", 0640);
  EXPECT_EQ(code_for("http://127.0.0.1/"), Code::kRefused);
  settings_.password_file += ".absent";
  EXPECT_EQ(code_for("http://127.0.0.1/"), Code::kIo);
}

}  // namespace
}  // namespace custody::ledger::followers
