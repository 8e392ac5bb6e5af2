#include "base/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace custody {
namespace {

constexpr int kWait = 10'000;  // milliseconds; never reached when the code is right

class UnixSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "custody-socket-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::string path_;
};

struct Pair {
  Fd left;
  Fd right;
};
Pair make_pair(int type) {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(UnixSocketTest, PathsLongerThanAnAddressWork) {
  std::string deep = path_;
  while (deep.size() < 250) deep += "/a_directory_with_a_long_name";
  ASSERT_TRUE(make_directory(deep, 0700).ok());
  const std::string path = deep + "/signer.sock";
  const auto listener = listen_unix(path, SOCK_SEQPACKET, 4);
  ASSERT_TRUE(listener.ok()) << listener.status().to_string();
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const auto client = connect_unix(path, SOCK_SEQPACKET);
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  const Fd server(accept(listener->get(), nullptr, nullptr));
  ASSERT_TRUE(server.valid());
  EXPECT_TRUE(send_packet(client->get(), as_bytes("hello"), -1, kWait).ok());
  EXPECT_EQ(as_text(receive_packet(server.get(), 100, kWait)->data), "hello");
  const auto peer = peer_credentials(server.get());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, getuid());
  EXPECT_EQ(fcntl(listener->get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(fcntl(client->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(client->get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(UnixSocketTest, ALeftOverSocketIsReplacedAndALiveOneIsNot) {
  const std::string path = path_ + "/s";
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    auto first = listen_unix(path, type, 4);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(listen_unix(path, type, 4).code(), Code::kExists);
    EXPECT_TRUE(connect_unix(path, type).ok());
    first->reset();
    EXPECT_EQ(connect_unix(path, type).code(), Code::kUnavailable);
    EXPECT_TRUE(listen_unix(path, type, 4).ok());
  }
}

TEST_F(UnixSocketTest, AListenerOfAnotherTypeIsAliveToo) {
  const auto first = listen_unix(path_ + "/s", SOCK_STREAM, 4);
  EXPECT_EQ(listen_unix(path_ + "/s", SOCK_SEQPACKET, 4).code(), Code::kExists);
}

TEST_F(UnixSocketTest, OtherFilesAreNeverReplaced) {
  std::ofstream(path_ + "/file") << "precious";
  EXPECT_EQ(listen_unix(path_ + "/file", SOCK_STREAM, 4).code(), Code::kExists);
  EXPECT_EQ(as_text(*read_file(path_ + "/file", 100)), "precious");
}

TEST_F(UnixSocketTest, BadPathsAreRefused) {
  EXPECT_EQ(connect_unix(path_ + "/absent", SOCK_STREAM).code(), Code::kUnavailable);
  EXPECT_EQ(connect_unix(path_ + "/none/s", SOCK_STREAM).code(), Code::kNotFound);
  EXPECT_EQ(listen_unix(path_ + "/", SOCK_STREAM, 4).code(), Code::kInvalid);
  EXPECT_EQ(listen_unix(path_ + "/" + std::string(100, 'x'), SOCK_STREAM, 4).code(), Code::kInvalid);
}

TEST(Packets, CarryOneDescriptor) {
  const Pair pair = make_pair(SOCK_SEQPACKET);
  const Fd memory = *sealed_memfd(as_bytes("evidence"));
  ASSERT_TRUE(send_packet(pair.left.get(), as_bytes("header"), memory.get(), kWait).ok());
  const auto packet = receive_packet(pair.right.get(), 6, kWait);
  ASSERT_TRUE(packet.ok()) << packet.status().to_string();
  EXPECT_EQ(as_text(packet->data), "header");
  EXPECT_EQ(as_text(*read_sealed_memfd(packet->fd.get(), 8)), "evidence");
  EXPECT_EQ(fcntl(packet->fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Packets, TruncatedOnesAreRefusedWithoutLeakingTheirDescriptor) {
  const Pair pair = make_pair(SOCK_SEQPACKET);
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(send_packet(pair.left.get(), as_bytes("header"), pair.left.get(), kWait).ok());
  EXPECT_EQ(receive_packet(pair.right.get(), 5, kWait).code(), Code::kExhausted);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Packets, MoreThanOneDescriptorIsRefusedWithoutLeaking) {
  for (const std::size_t count : {2u, 3u, 10u}) {
    const Pair pair = make_pair(SOCK_SEQPACKET);
    const std::size_t before = open_descriptors();
    const std::vector<int> fds(count, pair.left.get());
    std::vector<char> control(CMSG_SPACE(count * sizeof(int)));
    char text[] = "x";
    iovec part{text, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), count * sizeof(int));
    ASSERT_EQ(sendmsg(pair.left.get(), &message, 0), 1);
    EXPECT_EQ(receive_packet(pair.right.get(), 10, kWait).code(), Code::kInvalid) << count;
    EXPECT_EQ(open_descriptors(), before) << count;
  }
}

TEST(Packets, CloseTimeoutAndEmptyAreToldApart) {
  Pair pair = make_pair(SOCK_SEQPACKET);
  EXPECT_EQ(send_packet(pair.left.get(), {}, -1, kWait).code(), Code::kInvalid);
  EXPECT_EQ(receive_packet(pair.right.get(), 10, 0).status().message(), "timeout while receiving");
  pair.left.reset();
  EXPECT_EQ(receive_packet(pair.right.get(), 10, kWait).status().message(),
            "the other side closed the connection");
  EXPECT_EQ(send_packet(pair.right.get(), as_bytes("x"), -1, kWait).code(),
            Code::kUnavailable);  // and no SIGPIPE
}

TEST(Packets, AFullPeerTimesOut) {
  const Pair pair = make_pair(SOCK_SEQPACKET);
  Status last;
  for (int i = 0; i < 100'000 && last.ok(); ++i) last = send_packet(pair.left.get(), Bytes(1000), -1, 0);
  EXPECT_EQ(last.message(), "timeout while sending");
}

TEST(Frames, CrossAStreamInManyPieces) {
  const Pair pair = make_pair(SOCK_STREAM);
  Bytes large(1 << 20);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * 7);
  std::thread sender([&] {
    EXPECT_TRUE(send_frame(pair.left.get(), large, kWait).ok());
    EXPECT_TRUE(send_frame(pair.left.get(), {}, kWait).ok());
  });
  EXPECT_EQ(*receive_frame(pair.right.get(), large.size(), kWait), large);
  EXPECT_TRUE(receive_frame(pair.right.get(), 0, kWait)->empty());
  sender.join();
}

TEST(Frames, OversizeCutAndLateOnesAreRefused) {
  Pair pair = make_pair(SOCK_STREAM);
  ASSERT_TRUE(send_frame(pair.left.get(), as_bytes("12345"), kWait).ok());
  EXPECT_EQ(receive_frame(pair.right.get(), 4, kWait).code(), Code::kExhausted);
  pair = make_pair(SOCK_STREAM);
  const Bytes half{0, 0, 0, 9, 'x'};
  ASSERT_EQ(write(pair.left.get(), half.data(), half.size()), 5);
  EXPECT_EQ(receive_frame(pair.right.get(), 100, 1).status().message(), "timeout while receiving");
  pair.left.reset();
  EXPECT_EQ(receive_frame(pair.right.get(), 100, kWait).code(), Code::kUnavailable);
}

TEST(SealedMemfd, UnsealedOversizeAndOtherDescriptorsAreRefused) {
  const Fd sealed = *sealed_memfd(as_bytes("12345"));
  EXPECT_EQ(read_sealed_memfd(sealed.get(), 4).code(), Code::kExhausted);
  EXPECT_EQ(as_text(*read_sealed_memfd(sealed.get(), 5)), "12345");
  EXPECT_EQ(write(sealed.get(), "x", 1), -1);
  EXPECT_EQ(ftruncate(sealed.get(), 0), -1);
  const Fd unsealed(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(read_sealed_memfd(unsealed.get(), 4).code(), Code::kInvalid);
  ASSERT_EQ(fcntl(unsealed.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  EXPECT_EQ(read_sealed_memfd(unsealed.get(), 4).code(), Code::kInvalid);
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_sealed_memfd(file.get(), 4).code(), Code::kInvalid);
  EXPECT_EQ(read_sealed_memfd(-1, 4).code(), Code::kInvalid);
  EXPECT_TRUE(read_sealed_memfd(sealed_memfd({})->get(), 4)->empty());
}

}  // namespace
}  // namespace custody
