// A bundle as officers keep it in version control: a directory of text files.
//   bundle.toml          network, member, version, groups, quorums, delays, units, price source
//   officers.toml        a table per officer: [officers.alice]
//   allow-list.toml      a table per entry: [allow.BTC.bc1q...]
//   custody.cedarschema  the schema
//   *.cedar              the policies, joined in the order of file names
// Other files (expectations, notes) are no part of it. Thread-safety: values; read_directory and
// write_directory: one thread per directory.
#pragma once

#include <map>
#include <string>

#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

constexpr std::size_t kMaxPolicyFiles = 256;
constexpr std::size_t kMaxTomlFile = 1u << 20;  // bytes, each

using BundleFiles = std::map<std::string, std::string>;  // contents by file name

// Strict: every key is known and there, each file within its size before it is parsed, and the bundle passes
// check_bundle. Policies may be laid out in any way: the bundle has their canonical form. kInvalid names file
// and line, or officer or entry; `where` (the directory) stands before it.
Result<Bundle> parse_files(const BundleFiles& files, const std::string& where);
// The same bundle always gives the same bytes, in an order that diffs well; all policies in custody.cedar.
// parse_files(format_files(b)) == b for every b that check_bundle passes.
BundleFiles format_files(const Bundle& bundle);

// The files of a directory that are a part of the bundle, each within its size; nothing is parsed. kNotFound,
// kIo: the directory or a file cannot be read.
Result<BundleFiles> read_files(const std::string& path);
// read_files, then parse_files.
Result<Bundle> read_directory(const std::string& path);
// Makes the directory when it is not there, replaces files of the same names one by one. kExists, and nothing
// is changed, when it holds policies in other *.cedar files: they would count too.
Status write_directory(const std::string& path, const Bundle& bundle);

}  // namespace custody::policy::bundle
