#include "signer/client/client.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "proto/reader/describe.h"

namespace custody::signer::client {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    path_ = ::testing::TempDir() + "client_test." + std::to_string(getpid()) + ".sock";
    listener_ = listen_unix(path_, SOCK_SEQPACKET, 4).value();
    client_.emplace(Client::connect(path_).value());
    server_ = Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  ~ClientTest() override { std::filesystem::remove(path_); }

  model::SignRequest received() {
    const auto raw = receive_request(server_.get(), 1'000);
    EXPECT_TRUE(raw.ok()) << raw.status().to_string();
    return proto::reader::decode<model::SignRequest>(raw.ok() ? *raw : Bytes(), model::kMaxEvidence).value();
  }
  // A request whose encoding is larger than a packet may be.
  static model::MintIntent large() {
    model::MintIntent intent;
    intent.approval.proof.transaction = Bytes(60'000, 1);
    return intent;
  }
  void expect_refused_packet(ByteView data, int fd, Code code = Code::kInvalid) {
    ASSERT_TRUE(send_packet(client_->fd(), data, fd, 1'000).ok());
    EXPECT_EQ(receive_request(server_.get(), 1'000).code(), code);
  }

  std::string path_;
  Fd listener_;
  std::optional<Client> client_;
  Fd server_;
};

TEST_F(ClientTest, SmallRequestsTravelInThePacketAndLargeOnesInAMemfd) {
  const auto small = client_->send(model::StatusQuery{});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(received(), (model::SignRequest{*small, model::StatusQuery{}}));
  const auto big = client_->send(large());
  ASSERT_TRUE(big.ok()) << big.status().to_string();
  EXPECT_NE(*big, *small);
  EXPECT_EQ(received(), (model::SignRequest{*big, large()}));
}

TEST_F(ClientTest, AReplyThatWaitsForOfficersIsARefusal) {
  model::SignReply reply;
  reply.id = 1;
  reply.code = static_cast<std::uint8_t>(Code::kRefused);
  reply.pending = *Hash256::from(Bytes(32, 5));
  ASSERT_TRUE(send_reply(server_.get(), reply, 1'000).ok());
  const auto received = client_->try_receive();
  ASSERT_TRUE(received.ok()) << received.status().to_string();
  EXPECT_EQ(**received, reply);
  EXPECT_EQ(status_of(**received).code(), Code::kRefused);
}

TEST_F(ClientTest, AReplyThatWaitsForOfficersAndSignsIsNotBelieved) {
  model::SignReply reply;
  reply.pending = Hash256();
  for (const bool with_signature : {false, true}) {
    reply.code = static_cast<std::uint8_t>(with_signature ? Code::kRefused : Code::kOk);
    reply.signatures.assign(with_signature ? 1 : 0, Signature());
    ASSERT_TRUE(send_reply(server_.get(), reply, 1'000).ok());
    EXPECT_EQ(client_->try_receive().code(), Code::kInvalid);
  }
}

TEST_F(ClientTest, TheLargestReplyIsReceived) {
  model::SignReply reply;
  reply.id = UINT64_MAX;
  reply.code = static_cast<std::uint8_t>(Code::kRefused);
  reply.signatures.assign(model::kMaxSlotInputs, Signature());
  reply.rule = Bytes(64, 'r');
  reply.message = Bytes(512, 'm');
  reply.detail = Bytes(model::kMaxDetail, 'd');
  ASSERT_TRUE(send_reply(server_.get(), reply, 1'000).ok());
  const auto received = client_->try_receive();
  ASSERT_TRUE(received.ok()) << received.status().to_string();
  EXPECT_EQ(**received, reply);
}

TEST_F(ClientTest, ARequestOverTheLimitIsNotSent) {
  model::PayoutIntent intent;
  for (int i = 0; i < 100; ++i) intent.evidence.proofs.push_back({{1}, Bytes(65'000, 1), {}, {}, {}});
  EXPECT_EQ(client_->send(intent).code(), Code::kExhausted);
}

TEST_F(ClientTest, RepliesComeBackAndRefusalsBecomeStatuses) {
  EXPECT_FALSE(client_->try_receive().value().has_value());
  model::SignReply reply;
  reply.id = 7;
  reply.signatures.resize(model::kMaxSlotInputs);
  reply.detail = Bytes(8'192, 'x');
  ASSERT_TRUE(send_reply(server_.get(), reply, 1'000).ok());
  EXPECT_EQ(client_->try_receive().value(), reply);
  EXPECT_TRUE(status_of(reply).ok());
  reply.code = static_cast<std::uint8_t>(Code::kRefused);
  reply.rule = to_bytes("guard.watermark");
  reply.message = to_bytes("too low");
  EXPECT_EQ(status_of(reply).code(), Code::kRefused);
  EXPECT_EQ(status_of(reply).message(), "guard.watermark: too low");
  reply.code = 200;
  EXPECT_EQ(status_of(reply).code(), Code::kInternal);
}

TEST_F(ClientTest, ACallSkipsRepliesToOtherRequestsAndEndsInTime) {
  model::SignReply old;
  old.id = 99;
  model::SignReply right;
  right.id = 1;
  ASSERT_TRUE(send_reply(server_.get(), old, 0).ok());
  ASSERT_TRUE(send_reply(server_.get(), right, 0).ok());
  EXPECT_EQ(client_->call(model::StatusQuery{}, 1'000)->id, 1u);
  EXPECT_EQ(client_->call(model::StatusQuery{}, 10).code(), Code::kUnavailable);
  server_.reset();
  EXPECT_EQ(client_->call(model::StatusQuery{}, 1'000).code(), Code::kUnavailable);
}

TEST_F(ClientTest, PacketsThatAreNotAsAgreedAreRefusedAndTheConnectionGoesOn) {
  const Fd sealed = sealed_memfd(Bytes(10, 1)).value();
  const Fd unsealed(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(write(unsealed.get(), "x", 1), 1);
  expect_refused_packet(as_bytes(kMemfdMagic), -1);
  expect_refused_packet(Bytes(10, 1), sealed.get());
  expect_refused_packet(as_bytes(kMemfdMagic), unsealed.get());
  expect_refused_packet(Bytes(model::kMaxIntentHeader + 1, 1), -1, Code::kExhausted);
  const Fd oversize = sealed_memfd(Bytes(model::kMaxEvidence + 1, 1)).value();
  expect_refused_packet(as_bytes(kMemfdMagic), oversize.get(), Code::kExhausted);
  ASSERT_TRUE(client_->send(model::StatusQuery{}).ok());
  EXPECT_TRUE(receive_request(server_.get(), 1'000).ok());
}

TEST_F(ClientTest, NobodyThereIsUnavailableWithAHint) {
  const auto none = Client::connect(path_ + ".none");
  EXPECT_EQ(none.code(), Code::kUnavailable);
  EXPECT_NE(none.status().hint().find("custody-signerd"), std::string::npos);
}

}  // namespace
}  // namespace custody::signer::client
