// Replays the scenarios of testdata/decisions under the example bundle and compares every decision with what
// stands there. In a scenario "#" starts a remark, ">" a command, and what follows is the answer.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/file.h"
#include "policy/engine/signer_test.h"

namespace custody::policy::engine {
namespace {

using fixture::at;
using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  std::istringstream in(text);
  Words out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

// "1.25" of eight decimals.
model::Amount amount_of(const std::string& text) {
  const std::size_t dot = text.find('.');
  std::string digits = text.substr(0, dot);
  const std::string fraction = dot == std::string::npos ? "" : text.substr(dot + 1);
  EXPECT_LE(fraction.size(), 8u) << text;
  digits += fraction + std::string(8 - fraction.size(), '0');
  return model::Amount(std::stoull(digits));
}

class Scenario {
 public:
  Scenario() : signer_(fixture::example_bundle(), at("2026-11-01T00:00:00Z")) {}

  // The answer to a command, with a line feed after each line.
  std::string run(const std::string& command) {
    Words words = words_of(command);
    EXPECT_FALSE(words.empty());
    std::string initiator;
    if (words[0] == "by") {
      initiator = words.at(1);
      words.erase(words.begin(), words.begin() + 2);
    }
    const std::string verb = words.at(0);
    if (verb == "time") return signer_.set_time(at(words.at(1))), "";
    if (verb == "prices") return signer_.state_prices(std::stoull(words.at(2)), std::stoull(words.at(4))), "";
    if (verb == "kyc") return kyc_[words.at(1)] = at(words.at(3)), "";
    if (verb == "reserve") return reserves_[words.at(1)] = amount_of(words.at(2)), "";
    if (verb == "freeze" || verb == "unfreeze") return freeze(words);
    if (verb == "bundle") return change_bundle(words);
    if (verb == "approve" || verb == "reject") return vote(words);
    if (verb == "show") return show(label_of(words, 1));
    if (verb == "mint") return ask(label_of(words, 0), mint(words), initiator);
    if (verb == "payout") return ask(label_of(words, 0), payout(command), initiator);
    if (verb == "ballot") return ask(label_of(words, 0), ballot(words), initiator);
    if (verb == "propose") return ask(label_of(words, 0), propose(words), initiator);
    if (verb == "json") {
      ++decisions_;
      return signer_.ask(facts_.at(label_of(words, 1))).json + "\n";
    }
    if (verb == "again") return ask(label_of(words, 1), facts_.at(label_of(words, 1)), initiator);
    ADD_FAILURE() << "no such command: " << command;
    return {};
  }
  std::size_t decisions() const { return decisions_; }

 private:
  // "payout 7" names a request from then on.
  static std::string label_of(const Words& words, std::size_t first) {
    return words.at(first) + " " + words.at(first + 1);
  }

  std::string ask(const std::string& label, const model::IntentFacts& facts, const std::string& initiator) {
    facts_[label] = facts;
    ++decisions_;
    const fixture::Signer::Answer answer = signer_.ask(facts, initiator);
    std::string out = answer.text;
    if (answer.opened) {
      requests_[label] = *answer.opened;
      out += "  opened, until " + render::time_text(answer.opened->expires) + "\n";
    }
    return out;
  }

  model::IntentFacts money(model::IntentKind kind, const std::string& code, const std::string& label) {
    model::IntentFacts out;
    out.kind = kind;
    out.currency = fixture::currency_id(code);
    out.epoch = model::WalletEpoch(1);
    out.reserve = reserves_.contains(code) ? reserves_[code] : amount_of("1000");
    out.subject = crypto::sha256(as_bytes(code + label));
    return out;
  }
  model::GatewayId gateway(const std::string& name) {
    const auto place = gateways_.emplace(name, static_cast<std::uint32_t>(gateways_.size() + 1)).first;
    return model::GatewayId(place->second);
  }
  model::LedgerMs kyc(const std::string& name) {
    return kyc_.contains(name) ? kyc_[name] : at("2027-12-31T00:00:00Z");
  }

  // mint 1 acme 0.5 BTC with 6
  model::IntentFacts mint(const Words& words) {
    model::IntentFacts out = money(model::IntentKind::kMint, words.at(4), label_of(words, 0));
    out.amount = amount_of(words.at(3));
    out.gateway = gateway(words.at(2));
    out.gateway_name = to_bytes(words.at(2));
    out.kyc_expiry = kyc(words.at(2));
    out.confirmations = static_cast<std::uint32_t>(std::stoul(words.at(6)));
    out.deposit = {model::ExternalHash(out.subject.array()), 0};
    return out;
  }

  // payout 1 BTC fee 0.0001: acme 0.1 to exchange-one, zeta 0.2 to acme-treasury
  model::IntentFacts payout(const std::string& command) {
    const Words head = words_of(command.substr(0, command.find(':')));
    model::IntentFacts out = money(model::IntentKind::kPayout, head.at(2), label_of(head, 0));
    out.slot = model::SlotId(std::stoull(head.at(1)));
    out.fee = amount_of(head.at(4));
    std::uint64_t sum = out.fee.get();
    std::istringstream burns(command.substr(command.find(':') + 1));
    for (std::string burn; std::getline(burns, burn, ',');) {
      const Words words = words_of(burn);
      const model::Amount amount = amount_of(words.at(1));
      sum += amount.get();
      out.payees.push_back({100 * out.slot.get() + out.payees.size() + 1, gateway(words.at(0)),
                            to_bytes(words.at(0)), kyc(words.at(0)), fixture::script_of(words.at(3)), amount,
                            amount_of("0.001")});
    }
    out.amount = model::Amount(sum);
    return out;
  }

  // ballot 1 yes
  static model::IntentFacts ballot(const Words& words) {
    model::IntentFacts out;
    out.kind = model::IntentKind::kBallot;
    out.proposal = model::TxId(crypto::sha256(as_bytes(words.at(1))).array());
    out.action = to_bytes("register gateway zeta");
    out.approve = words.at(2) == "yes";
    return out;
  }

  // propose 1 register gateway zeta
  static model::IntentFacts propose(const Words& words) {
    model::IntentFacts out;
    out.kind = model::IntentKind::kProposalTx;
    for (std::size_t i = 2; i < words.size(); ++i) {
      append(out.action, as_bytes((i == 2 ? "" : " ") + words[i]));
    }
    return out;
  }

  std::string show(const std::string& label) {
    const auto request = requests_.find(label);
    return request == requests_.end() ? kNoRequest : render::render_request(request->second);
  }

  // approve alice as treasury payout 7
  std::string vote(const Words& words) {
    if (!requests_.contains(label_of(words, 4))) return kNoRequest;
    const render::Vote said = words.at(0) == "approve" ? render::Vote::kApprove : render::Vote::kReject;
    const Status status = signer_.vote(requests_.at(label_of(words, 4)), words.at(1), words.at(3), said);
    if (status.ok()) return "  counts\n";
    std::string message = status.message();
    const std::string id = render::request_id(requests_.at(label_of(words, 4))).hex();
    if (const std::size_t place = message.find(id); place != std::string::npos) {
      message.replace(place, id.size(), "of " + label_of(words, 4));
    }
    return "  does not count: " + message + "\n";
  }

  std::string freeze(const Words& words) {
    const std::string currency = words.at(1) == "everything" ? "" : words.at(1);
    signer_.freeze(words[0] == "freeze" ? render::Freeze::kFreeze : render::Freeze::kUnfreeze, currency);
    return {};
  }

  // bundle; bundle lists fresh-partner for BTC; bundle removes old-broker for BTC
  std::string change_bundle(const Words& words) {
    bundle::Bundle next = signer_.compiled().bundle();
    if (words.size() > 1) {
      const bundle::AllowEntry entry{
          to_bytes(words.at(4)), to_bytes(fixture::address_of(words.at(2), words.at(4))),
          to_bytes("Fresh Partner AG"), to_bytes("new contract"), at("2027-06-30T00:00:00Z")};
      std::erase_if(next.allow_list, [&](const bundle::AllowEntry& other) {
        return other.currency == entry.currency && other.address == entry.address;
      });
      if (words.at(1) == "lists") next.allow_list.push_back(entry);
      std::ranges::sort(next.allow_list, {},
                        [](const bundle::AllowEntry& e) { return std::pair(e.currency, e.address); });
    }
    signer_.activate(next);
    return "  bundle " + std::to_string(signer_.compiled().bundle().version) + " is in force\n";
  }

  static constexpr const char* kNoRequest = "  no such request was opened\n";

  fixture::Signer signer_;
  std::map<std::string, model::IntentFacts> facts_;
  std::map<std::string, render::Request> requests_;
  std::map<std::string, std::uint32_t> gateways_;
  std::map<std::string, model::LedgerMs> kyc_;
  std::map<std::string, model::Amount> reserves_;
  std::size_t decisions_ = 0;
};

struct Replay {
  std::string text;
  std::size_t decisions = 0;
};

Replay replay(const std::string& golden) {
  Scenario scenario;
  Replay out;
  std::istringstream in(golden);
  bool in_remark = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) {
      if (!in_remark && !out.text.empty()) out.text += "\n";
      out.text += line + "\n";
    } else if (line.starts_with("> ")) {
      out.text += line + "\n" + scenario.run(line.substr(2));
    }
    if (!line.empty()) in_remark = line.starts_with("#");
  }
  out.decisions = scenario.decisions();
  return out;
}

std::vector<std::filesystem::path> scenarios() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(tests::source_dir() + "/policy/engine/testdata/decisions")) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

TEST(Golden, EveryDecisionIsAsItStandsInItsFile) {
  std::size_t decisions = 0;
  for (const std::filesystem::path& path : scenarios()) {
    const std::string golden = content_of(path);
    const Replay replayed = replay(golden);
    decisions += replayed.decisions;
    if (replayed.text == golden) continue;
    // The directory of the test's own run: where a person compares it.
    const std::string actual = path.filename().string() + ".actual";
    std::ofstream(actual, std::ios::binary) << replayed.text;
    ADD_FAILURE() << path << " differs from what was decided now; compare it with "
                  << std::filesystem::absolute(actual);
  }
  EXPECT_GE(decisions, 100u);
}

}  // namespace
}  // namespace custody::policy::engine
