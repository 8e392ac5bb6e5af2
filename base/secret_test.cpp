#include "base/secret.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace custody {
namespace {

// The sanitizers' runtimes turn mlock into nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocks = false;
#else
constexpr bool kLocks = true;
#endif

// Flags of the mapping that holds an address, from /proc/self/smaps ("lo" locked, "dd" not dumped).
std::string mapping_flags(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    // NOLINTNEXTLINE(cert-err34-c): written by the kernel
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) inside = from <= wanted && wanted < to;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

TEST(SecretBytes, LiveInLockedMemoryThatIsNotDumped) {
  for (const std::size_t size : {32u, 5000u}) {
    const SecretBytes secret(size);
    const std::string flags = mapping_flags(secret.view().data());
    EXPECT_EQ(flags.find(" lo ") != std::string::npos, kLocks) << flags;
    EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  }
}

TEST(SecretBytes, AreWipedWhenReleased) {
  const std::uint8_t* place = nullptr;
  {
    const SecretBytes secret(as_bytes("a secret of some length"));
    place = secret.view().data();
    EXPECT_EQ(as_text(secret.view()), "a secret of some length");
  }
  // The slot stays mapped and goes to the next secret of that size, which must not see the old one.
  const SecretBytes next(std::size_t{32});
  EXPECT_EQ(next.view().data(), place);
  for (const std::uint8_t byte : next.view()) EXPECT_EQ(byte, 0);
}

TEST(SecretBytes, MoveLeavesNothingBehind) {
  SecretBytes a(as_bytes("first"));
  SecretBytes b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the moved-from state is what is tested
  SecretBytes c(as_bytes("second"));
  c = std::move(b);
  EXPECT_EQ(as_text(c.view()), "first");
  const SecretBytes copy = c.clone();
  c.span()[0] = 'F';
  EXPECT_EQ(as_text(copy.view()), "first");
}

TEST(SecretBytes, ManySmallOnesShareLockedPages) {
  std::vector<SecretBytes> secrets;
  for (int i = 0; i < 1000; ++i) secrets.emplace_back(to_bytes(std::to_string(i)));
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(as_text(secrets[static_cast<std::size_t>(i)].view()), std::to_string(i));
}

TEST(Wipe, ClearsEveryByte) {
  Bytes bytes(100, 0xaa);
  wipe(bytes);
  EXPECT_EQ(bytes, Bytes(100));
}

}  // namespace
}  // namespace custody
