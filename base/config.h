// Strict TOML configuration: every key must be read, or finish() names the unknown ones and the start stops;
// no default for a security setting. toml++ does the parsing, in config.cpp only. Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace custody {

class Config {
 public:
  static Result<Config> parse(std::string_view text,
                              std::string origin);  // at most 1 MiB; errors give origin:line
  static Result<Config> load(const std::string& path);
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  // Dotted keys ("network.bind"). Absent is kNotFound naming origin and key.
  Result<std::string> string(std::string_view key);
  Result<std::uint64_t> u64(std::string_view key);
  Result<bool> boolean(std::string_view key);
  Result<std::vector<std::string>> strings(std::string_view key);
  bool has(std::string_view key) const;
  std::string where(std::string_view key) const;  // "origin:line" of a value or table; absent: origin
  // Names of the sub-tables of a table, in order ("peers" -> {"member-2", ...}); empty when absent.
  std::vector<std::string> tables(std::string_view key) const;

  Status finish() const;  // kInvalid naming every key that nobody read

 private:
  struct Impl;
  explicit Config(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody
