// AF_UNIX sockets by path of any length: names end at 107 bytes, so bind and connect go through /proc/self/fd
// of the containing directory. Thread-safety: one thread per socket.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>

#include "base/file.h"

namespace custody {

// type is SOCK_STREAM or SOCK_SEQPACKET. An existing socket file is replaced only when nobody listens on it
// (kExists otherwise). The socket file has mode 0600. Non-blocking, close-on-exec.
Result<Fd> listen_unix(const std::string& path, int type, int backlog);
Result<Fd> connect_unix(const std::string& path,
                        int type);  // kUnavailable when nobody listens; blocking, close-on-exec

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};
Result<PeerCredentials> peer_credentials(int fd);

// One SOCK_SEQPACKET message with at most one descriptor. receive refuses a truncated message or extra
// descriptors; an orderly close is kUnavailable. timeout_ms < 0 waits for ever.
struct Packet {
  Bytes data;
  Fd fd;
};
Status send_packet(int fd, ByteView data, int attached_fd, int timeout_ms);
Result<Packet> receive_packet(int fd, std::size_t max_size, int timeout_ms);

// Length-prefixed (u32 big endian) frames over SOCK_STREAM.
Status send_frame(int fd, ByteView data, int timeout_ms);
Result<Bytes> receive_frame(int fd, std::size_t max_size, int timeout_ms);

// A sealed memfd with these bytes, and reading one: refuses an unsealed, oversize or non-memfd descriptor.
Result<Fd> sealed_memfd(ByteView data);
Result<Bytes> read_sealed_memfd(int fd, std::size_t max_size);

}  // namespace custody
