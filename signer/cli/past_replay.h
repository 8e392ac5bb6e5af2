// The signer's past under a draft: its pages, one after the other, into a simulation. Thread-safety: one
// thread.
#pragma once

#include <optional>
#include <string>

#include "policy/engine/simulate.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

class PastReplay {
 public:
  explicit PastReplay(const policy::engine::CompiledBundle& draft) : simulation_(draft) {}

  // A page of model::PolicyQuestion::kPast. Where the next one begins; nullopt: it was the last.
  Result<std::optional<std::uint64_t>> take(const Json& page);

  // Whether the signer remembers all since its genesis. Otherwise the windows begin empty at `since`.
  bool complete() const { return complete_; }
  std::optional<model::LedgerMs> since() const { return since_; }  // nullopt: nothing is remembered
  // custody.policy_simulation/1
  Json answer() const;

 private:
  Status take_piece(const Json& page);
  Status step(ByteView bytes);
  void add(const policy::engine::ChangedVerdict& verdict);
  std::string text() const;

  policy::engine::Simulation simulation_;
  bool complete_ = true;
  std::optional<model::LedgerMs> since_;
  std::size_t skipped_ = 0;  // that cannot follow: the signer has forgotten what they are about
  Bytes begun_;              // the pieces so far of a record that comes in pieces
  Json changed_ = Json::array();
  std::string changes_text_;
};

}  // namespace custody::signer::cli
