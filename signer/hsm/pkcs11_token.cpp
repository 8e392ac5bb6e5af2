#include "signer/hsm/pkcs11_token.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "signer/hsm/module.h"

namespace custody::signer::hsm {

// A pool of logged-in sessions. connect_ and everything below it is guarded by mutex_; the signing itself
// runs without it, on a session that the pool has given away.
class Pkcs11Token::Impl {
 public:
  Impl(Pkcs11Options options, std::vector<PinnedKey> keys, SecretBytes pin)
      : options_(std::move(options)), keys_(std::move(keys)), pin_(std::move(pin)) {}

  Status start() {
    if (keys_.empty()) return invalid("no key is pinned");
    if (pin_.empty())
      return invalid("the PIN is empty", "pass the PIN through the descriptor given by --pin-fd");
    ASSIGN_OR_RETURN(module_, Module::load(options_.module_path));
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(Session session, open_session());
    idle_.push_back(std::move(session));
    return ok_status();
  }

  Result<Signature> sign(const PublicKey& key, const Hash256& digest) {
    const auto pinned =
        std::any_of(keys_.begin(), keys_.end(), [&](const PinnedKey& k) { return k.public_key == key; });
    if (!pinned) return not_found("key " + key.hex() + " is not pinned");
    auto lease = acquire(key);
    if (!lease.ok()) {
      ++failures_;
      // Here "not found" is a token that is gone for now, not a key that nobody pinned.
      const Status& status = lease.status();
      if (status.code() == Code::kNotFound) return unavailable(status.message(), status.hint());
      return status;
    }
    auto signature = sign_on(*lease, key, digest);
    if (signature.ok()) {
      ++signatures_;
      give_back(std::move(lease->session));
    } else {
      ++failures_;
      drop(std::move(lease->session));
    }
    return signature;
  }

  TokenCounters counters() const { return {signatures_, bad_signatures_, failures_, sessions_}; }

 private:
  struct Lease {
    Session session;
    CK_OBJECT_HANDLE key;
  };

  Result<Signature> sign_on(const Lease& lease, const PublicKey& key, const Hash256& digest) {
    ASSIGN_OR_RETURN(const Bytes raw, sign_raw(lease.session, lease.key, digest));
    auto accepted = accept_signature(key, digest, raw);
    if (accepted.ok()) return accepted;
    ++bad_signatures_;
    return outcome_unknown(accepted.status().message(), accepted.status().hint());
  }

  Result<Lease> acquire(const PublicKey& key) {
    const std::lock_guard lock(mutex_);
    if (handles_.empty() || idle_.empty()) {
      auto session = open_session();
      if (!session.ok()) return session.status();
      idle_.push_back(std::move(session).value());
    }
    Session session = std::move(idle_.back());
    idle_.pop_back();
    ++in_use_;
    return Lease{std::move(session), handles_.at(key)};
  }

  void give_back(Session session) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    // After another thread's failure the pool starts afresh; a session from before is not kept.
    if (!handles_.empty()) idle_.push_back(std::move(session));
  }

  // After an error neither this session (an operation may be stuck in it) nor any handle is trusted.
  void drop(Session session) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    idle_.clear();
    handles_.clear();
    const Session closed_here = std::move(session);
  }

  // A logged-in session with every handle resolved. A module that lost its device is initialised anew, but
  // within one call the PIN is sent at most once.
  Result<Session> open_session() {
    if (!final_error_.ok()) return final_error_;
    login_tried_ = false;
    auto session = try_connect();
    if (!session.ok() && needs_reinitialize_ && !login_tried_) session = try_connect();
    if (session.ok()) {
      ++sessions_;
    } else if (session.code() == Code::kUnauthenticated) {
      final_error_ = session.status();
    }
    return session;
  }

  Result<Session> try_connect() {
    if (needs_reinitialize_ && in_use_ == 0) {
      idle_.clear();
      TRY(module_->reinitialize());
      needs_reinitialize_ = false;
    }
    auto session = connect();
    if (!session.ok()) {
      handles_.clear();
      needs_reinitialize_ = session.code() == Code::kUnavailable || session.code() == Code::kNotFound;
    }
    return session;
  }

  Result<Session> connect() {
    ASSIGN_OR_RETURN(const TokenInfo token,
                     find_token(*module_, {options_.token_label, options_.token_serial}));
    ASSIGN_OR_RETURN(Session session, Session::open(*module_, token.slot, Session::Access::kReadOnly));
    ASSIGN_OR_RETURN(const bool logged_in, session.logged_in());
    if (!logged_in) {
      TRY(check_pin_flags(token));
      login_tried_ = true;
      TRY(session.login(CKU_USER, pin_));
    }
    if (handles_.empty()) TRY(resolve_keys(session));
    return session;
  }

  Status resolve_keys(const Session& session) {
    std::unordered_map<PublicKey, CK_OBJECT_HANDLE> handles;
    for (const PinnedKey& pinned : keys_) {
      ASSIGN_OR_RETURN(const FoundKey found, find_checked_key(session, pinned.name, pinned.id));
      if (found.public_key != pinned.public_key) {
        return refused(
            "key " + pinned.name + ": the token has the public key " + found.public_key.hex() +
                ", pinned is " + pinned.public_key.hex(),
            "this is not the member's token: connect the right one, or restore it from its backup");
      }
      handles.emplace(pinned.public_key, found.private_key);
    }
    handles_ = std::move(handles);
    return ok_status();
  }

  const Pkcs11Options options_;
  const std::vector<PinnedKey> keys_;
  const SecretBytes pin_;  // kept for reconnecting
  std::unique_ptr<Module> module_;

  std::mutex mutex_;
  std::vector<Session> idle_;
  std::size_t in_use_ = 0;
  std::unordered_map<PublicKey, CK_OBJECT_HANDLE> handles_;  // empty: to be resolved with the next session
  bool login_tried_ = false;                                 // in this open_session()
  bool needs_reinitialize_ = false;                          // the last attempt found no working token
  Status final_error_;                                       // a refused PIN is never sent again

  std::atomic<std::uint64_t> signatures_ = 0;
  std::atomic<std::uint64_t> bad_signatures_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> sessions_ = 0;
};

Pkcs11Token::Pkcs11Token(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pkcs11Token::~Pkcs11Token() = default;

Result<std::unique_ptr<Pkcs11Token>> Pkcs11Token::open(Pkcs11Options options, std::vector<PinnedKey> keys,
                                                       SecretBytes pin) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(keys), std::move(pin));
  TRY(impl->start());
  return std::unique_ptr<Pkcs11Token>(new Pkcs11Token(std::move(impl)));
}

Result<Signature> Pkcs11Token::sign(const PublicKey& key, const Hash256& digest) {
  return impl_->sign(key, digest);
}

TokenCounters Pkcs11Token::counters() const {
  return impl_->counters();
}

}  // namespace custody::signer::hsm
