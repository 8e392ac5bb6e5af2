// What is known of a request, in the signer's words: beside what officers sign, never signed itself. The
// signer's answers are custody.request/1 objects. Thread-safety: pure, but for ask_freezes: one thread.
#pragma once

#include <set>
#include <string>

#include "ledger/model/ids.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

// What holds for every request.
struct Freezes {
  bool everything = false;
  std::set<std::string> currencies;
  model::LedgerMs time;  // of the ledger
};
Result<Freezes> ask_freezes(Context& context);

// Adds `frozen`, and the status "expired" where the signer has not yet forgotten it.
void mark(Json& request, const Freezes& freezes);

// Why no vote of this kind can count any more, such as "was rejected by carol"; empty while one can. A
// rejection also counts for what is signed: it is not signed again.
std::string closed_to(const Json& request, bool approves);
bool is_open(const Json& request);

// Whether an approval by the group is among what is still missing.
bool is_wanted(const Json& request, const std::string& group);

// A few lines, each ended.
std::string summary_lines(const Json& request);

}  // namespace custody::signer::cli
