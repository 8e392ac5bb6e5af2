// A bundle as officers keep it in version control: a directory of text files.
//   bundle.toml          network, member, version, groups, quorums, delays, units, price source
//   officers.toml        a table per officer: [officers.alice]
//   allow-list.toml      a table per entry: [allow.BTC.bc1q...]
//   custody.cedarschema  the schema
//   *.cedar              the policies, joined in the order of file names
// Beside it may stand: tests/*.toml (expectations), notes (*.md, README, README.txt), editors' copies (*~)
// and what begins with a dot. Anything else is refused: it would be a rule that somebody wrote and nothing
// reads. Thread-safety: values; read_directory and write_directory: one thread per directory.
#pragma once

#include <map>
#include <string>

#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

constexpr std::size_t kMaxPolicyFiles = 256;
constexpr std::size_t kMaxTomlFile = 1u << 20;  // bytes, each

using BundleFiles = std::map<std::string, std::string>;  // contents by file name

// Strict: every key is known and there, each file within its size before it is parsed, and the bundle passes
// check_bundle. Policies may be laid out in any way: the bundle has their canonical form. kInvalid names the
// first offence with file and line; `where` (the directory) stands before it.
Result<Bundle> parse_files(const BundleFiles& files, const std::string& where);
// The same with all offences of all files; of a TOML file that does not parse the first.
struct ReadFiles {
  Bundle bundle;               // what could be read
  std::vector<Status> faults;  // none: the bundle is that of parse_files
  bool names_known = false;    // bundle.toml and officers.toml were read: groups, officers, units
};
ReadFiles read_all(const BundleFiles& files, const std::string& where);
// The same bundle always gives the same bytes, in an order that diffs well; all policies in custody.cedar.
// parse_files(format_files(b)) == b for every b that check_bundle passes.
BundleFiles format_files(const Bundle& bundle);

struct Draft {
  BundleFiles files;                   // the parts of the bundle
  std::vector<std::string> strangers;  // what may not stand there, ascending; "tests/x" when in tests
};
// Each part within its size; nothing is parsed. kNotFound, kIo: the directory or a file cannot be read.
Result<Draft> read_draft(const std::string& path);
// ok, or kInvalid that names what may not stand there.
Status check_strangers(const std::vector<std::string>& strangers, const std::string& path);
// The parts of a draft without strangers.
Result<BundleFiles> read_files(const std::string& path);
// read_files, then parse_files.
Result<Bundle> read_directory(const std::string& path);
// Makes the directory when it is not there, replaces files of the same names one by one. kExists, and nothing
// is changed, when it holds policies in other *.cedar files: they would count too. kInvalid: strangers.
Status write_directory(const std::string& path, const Bundle& bundle);

}  // namespace custody::policy::bundle
