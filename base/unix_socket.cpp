#include "base/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/clock.h"

namespace custody {
namespace {

constexpr int kRequiredSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// A socket's address through a descriptor of its directory, which keeps it within sockaddr_un whatever the
// path.
struct Address {
  Fd directory;  // must stay open while the address is used
  std::string name;
  sockaddr_un raw{};
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

Result<Address> resolve(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Address out;
  out.name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (out.name.empty()) return invalid("socket path " + path + " names no file");
  out.directory = Fd(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.directory.valid()) {
    if (errno == ENOENT) return not_found("directory " + parent + " of socket " + path + " does not exist");
    return io_error_errno("cannot open directory " + parent, errno);
  }
  const std::string text = "/proc/self/fd/" + std::to_string(out.directory.get()) + "/" + out.name;
  if (text.size() >= sizeof(out.raw.sun_path)) return invalid("socket name " + out.name + " is too long");
  out.raw.sun_family = AF_UNIX;
  std::copy(text.begin(), text.end(), out.raw.sun_path);
  return out;
}

Result<Fd> new_socket(int type, int flags) {
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) return io_error_errno("cannot create a socket", errno);
  return Fd(fd);
}

// Only a refused connection proves that a socket file is left over.
bool nobody_listens(const Address& address, int type) {
  const Result<Fd> probe = new_socket(type, SOCK_NONBLOCK);
  return probe.ok() && connect(probe->get(), address.get(), sizeof(address.raw)) != 0 &&
         errno == ECONNREFUSED;
}

Status bind_to(int fd, const Address& address, int type, const std::string& path) {
  if (bind(fd, address.get(), sizeof(address.raw)) == 0) return ok_status();
  if (errno != EADDRINUSE) return io_error_errno("cannot bind socket " + path, errno);
  struct stat info{};
  const bool is_socket =
      fstatat(address.directory.get(), address.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISSOCK(info.st_mode);
  if (!is_socket) return exists(path + " exists and is not a socket");
  if (!nobody_listens(address, type)) return exists("somebody listens on " + path, "stop the other process");
  if (unlinkat(address.directory.get(), address.name.c_str(), 0) != 0) {
    return io_error_errno("cannot remove the left-over socket " + path, errno);
  }
  if (bind(fd, address.get(), sizeof(address.raw)) == 0) return ok_status();
  return io_error_errno("cannot bind socket " + path, errno);
}

// Waits for one descriptor until a moment that is fixed at the start, however often it is asked.
class Deadline {
 public:
  explicit Deadline(int timeout_ms) : timeout_ms_(timeout_ms), start_(clock_.monotonic()) {}

  Status wait(int fd, short events, std::string_view what) const {
    for (;;) {
      pollfd poller{fd, events, 0};
      const int ready = poll(&poller, 1, left());
      if (ready > 0) return ok_status();
      if (ready == 0) return unavailable("timeout while " + std::string(what));
      if (errno != EINTR) return io_error_errno("cannot wait for a socket", errno);
    }
  }

 private:
  int left() const {
    if (timeout_ms_ < 0) return -1;
    const std::uint64_t passed = clock_.monotonic().value - start_.value;
    return passed >= static_cast<std::uint64_t>(timeout_ms_) ? 0 : timeout_ms_ - static_cast<int>(passed);
  }
  SystemClock clock_;
  int timeout_ms_;
  MonotonicMs start_;
};

Status socket_error(std::string_view what, int error_number) {
  if (error_number == EPIPE || error_number == ECONNRESET)
    return unavailable("the other side closed the connection");
  return io_error_errno(what, error_number);
}

bool try_again(int error_number) {
  return error_number == EAGAIN || error_number == EINTR;
}

// Room for the control message of one descriptor, aligned as the kernel wants it.
union ControlBuffer {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

void attach(msghdr& message, ControlBuffer& control, int fd) {
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(int));
}

// Takes ownership of every descriptor that came along, so that none leaks when the message is refused.
std::vector<Fd> attached_descriptors(msghdr& message) {
  std::vector<Fd> out;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
  return out;
}

Status send_all(int fd, ByteView data, const Deadline& deadline) {
  while (!data.empty()) {
    TRY(deadline.wait(fd, POLLOUT, "sending"));
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && try_again(errno)) continue;
    if (sent < 0) return socket_error("cannot send", errno);
    data = data.subspan(static_cast<std::size_t>(sent));
  }
  return ok_status();
}

Status receive_all(int fd, std::span<std::uint8_t> out, const Deadline& deadline) {
  while (!out.empty()) {
    TRY(deadline.wait(fd, POLLIN, "receiving"));
    const ssize_t got = recv(fd, out.data(), out.size(), MSG_DONTWAIT);
    if (got < 0 && try_again(errno)) continue;
    if (got < 0) return socket_error("cannot receive", errno);
    if (got == 0) return unavailable("the other side closed the connection");
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return ok_status();
}

}  // namespace

Result<Fd> listen_unix(const std::string& path, int type, int backlog) {
  ASSIGN_OR_RETURN(const Address address, resolve(path));
  ASSIGN_OR_RETURN(Fd fd, new_socket(type, SOCK_NONBLOCK));
  // Before bind, so that the file never exists with a wider mode.
  if (fchmod(fd.get(), 0600) != 0) return io_error_errno("cannot set the mode of socket " + path, errno);
  TRY(bind_to(fd.get(), address, type, path));
  if (listen(fd.get(), backlog) != 0) return io_error_errno("cannot listen on " + path, errno);
  return fd;
}

Result<Fd> connect_unix(const std::string& path, int type) {
  ASSIGN_OR_RETURN(const Address address, resolve(path));
  ASSIGN_OR_RETURN(Fd fd, new_socket(type, 0));
  while (connect(fd.get(), address.get(), sizeof(address.raw)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT || errno == ECONNREFUSED) return unavailable("nobody listens on " + path);
    return io_error_errno("cannot connect to " + path, errno);
  }
  return fd;
}

Result<PeerCredentials> peer_credentials(int fd) {
  ucred found{};
  socklen_t size = sizeof(found);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) {
    return io_error_errno("cannot read the peer's credentials", errno);
  }
  return PeerCredentials{found.pid, found.uid, found.gid};
}

Status send_packet(int fd, ByteView data, int attached_fd, int timeout_ms) {
  if (data.empty()) return invalid("an empty packet would look like the end of the connection");
  const Deadline deadline(timeout_ms);
  iovec part{const_cast<std::uint8_t*>(data.data()), data.size()};  // NOLINT: sendmsg only reads
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control{};
  if (attached_fd >= 0) attach(message, control, attached_fd);
  for (;;) {
    TRY(deadline.wait(fd, POLLOUT, "sending"));
    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return ok_status();
    if (errno == EMSGSIZE)
      return invalid("a packet of " + std::to_string(data.size()) + " bytes is too large");
    if (!try_again(errno)) return socket_error("cannot send", errno);
  }
}

Result<Packet> receive_packet(int fd, std::size_t max_size, int timeout_ms) {
  const Deadline deadline(timeout_ms);
  Packet packet{Bytes(max_size), Fd()};
  for (;;) {
    TRY(deadline.wait(fd, POLLIN, "receiving"));
    iovec part{packet.data.data(), packet.data.size()};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && try_again(errno)) continue;
    if (got < 0) return socket_error("cannot receive", errno);
    std::vector<Fd> descriptors = attached_descriptors(message);
    if (got == 0) return unavailable("the other side closed the connection");
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      return exhausted("a packet of more than " + std::to_string(max_size) + " bytes");
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0 || descriptors.size() > 1) {
      return invalid("a packet with more than one descriptor");
    }
    packet.data.resize(static_cast<std::size_t>(got));
    if (!descriptors.empty()) packet.fd = std::move(descriptors.front());
    return packet;
  }
}

Status send_frame(int fd, ByteView data, int timeout_ms) {
  if (data.size() > UINT32_MAX) return invalid("a frame of more than 2^32 - 1 bytes");
  const auto size = static_cast<std::uint32_t>(data.size());
  Bytes frame{static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
              static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  append(frame, data);
  return send_all(fd, frame, Deadline(timeout_ms));
}

Result<Bytes> receive_frame(int fd, std::size_t max_size, int timeout_ms) {
  const Deadline deadline(timeout_ms);
  std::uint8_t prefix[4];
  TRY(receive_all(fd, prefix, deadline));
  std::size_t size = 0;
  for (const std::uint8_t byte : prefix) size = size << 8 | byte;
  if (size > max_size) {
    return exhausted("a frame of " + std::to_string(size) + " bytes, at most " + std::to_string(max_size) +
                     " are read");
  }
  Bytes out(size);
  TRY(receive_all(fd, out, deadline));
  return out;
}

Result<Fd> sealed_memfd(ByteView data) {
  Fd fd(memfd_create("custody", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return io_error_errno("cannot create a memory file", errno);
  for (ByteView rest = data; !rest.empty();) {
    const ssize_t written = write(fd.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error_errno("cannot write a memory file", errno);
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  if (fcntl(fd.get(), F_ADD_SEALS, kRequiredSeals | F_SEAL_SEAL) != 0) {
    return io_error_errno("cannot seal a memory file", errno);
  }
  return fd;
}

Result<Bytes> read_sealed_memfd(int fd, std::size_t max_size) {
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kRequiredSeals) != kRequiredSeals) {
    return invalid("the attached descriptor is not a sealed memory file");
  }
  struct stat info{};
  if (fstat(fd, &info) != 0) return io_error_errno("cannot stat the attached descriptor", errno);
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > max_size) {
    return exhausted("attached " + std::to_string(size) + " bytes, at most " + std::to_string(max_size) +
                     " are read");
  }
  Bytes out(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = pread(fd, out.data() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return io_error_errno("cannot read the attached descriptor", got < 0 ? errno : EIO);
    done += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace custody
