#include "signer/cli/collected.h"

#include <algorithm>

namespace custody::signer::cli {

using policy::bundle::kMaxOfficers;
using policy::bundle::OfficerSignature;

Status put_signature(const std::string& file, const std::string& officer, const Rendering& shown,
                     const KeySignature& made, std::vector<OfficerSignature>& signatures) {
  const Bytes name = to_bytes(officer);
  const auto is_his = [&](const OfficerSignature& one) { return one.officer == name; };
  const auto first = std::ranges::find_if(signatures, is_his);
  if (std::ranges::count_if(signatures, is_his) == 1 &&
      verify(made.key, digest_of(shown), first->signature)) {
    return exists(officer + " has signed " + file + " already");
  }
  std::erase_if(signatures, is_his);
  if (signatures.size() >= kMaxOfficers) {
    return exhausted(file + " holds " + std::to_string(signatures.size()) +
                         " signatures, as many as a bundle can have officers",
                     "they are not all of officers: begin again with a file that nobody signed");
  }
  signatures.push_back({name, made.signature});
  std::ranges::sort(signatures, {}, &OfficerSignature::officer);
  return ok_status();
}

}  // namespace custody::signer::cli
