// custodyctl: the command line of a member, its gateways and its users. Exit codes: 0 done, 1 refused, 2
// usage, 3 the node or signer is not reachable.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/clock.h"
#include "base/file.h"
#include "signer/cli/genesis_command.h"
#include "signer/cli/key_file.h"
#include "signer/cli/program.h"
#include "signer/cli/render.h"
#include "signer/cli/transfer_command.h"
#include "signer/cli/unknown_command.h"

namespace custody::signer::cli {
namespace {

constexpr std::uint64_t kWaitMs = 30'000;

int exit_code(const Context& context, const Status& status) {
  if (context.answered_by_node) return 1;
  switch (status.code()) {
    case Code::kUnavailable:
      return 3;
    case Code::kInvalid:
      return 2;
    default:
      return 1;
  }
}

int fail(const Context& context, const Status& status, int code) {
  if (context.json) {
    Json error = Json::object();
    error.set("code", code_name(status.code())).set("message", status.message()).set("hint", status.hint());
    Json out = Json::object();
    out.set("error", std::move(error));
    (void)std::printf("%s\n", out.dump().c_str());
  } else {
    (void)std::fprintf(stderr, "custodyctl: %s\n", to_printable(status.message()).c_str());
    if (!status.hint().empty()) (void)std::fprintf(stderr, "  %s\n", to_printable(status.hint()).c_str());
  }
  return code;
}

void print(const Context& context, const Json& answer) {
  (void)std::printf("%s", context.json ? (answer.dump() + "\n").c_str() : render(answer).c_str());
}

// Whether all that was printed has reached standard output.
Status flush_output() {
  const bool by_stream = std::cout.flush().good();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && by_stream) return ok_status();
  return io_error("the answer could not be written to standard output", "the command itself has been done");
}

Result<Json> query(Program& program, std::string_view method, Json params) {
  return call_node(program.context, method, std::move(params));
}

Json currency_filter(const std::string& code) {
  Json params = Json::object();
  if (!code.empty()) params.set("currency", code);
  return params;
}

void add_genesis(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("genesis", "make genesis from the members' public parts");
  auto options = std::make_shared<GenesisOptions>();
  command->add_option("--kind", options->kind, "test or production")->required();
  command->add_option("--prefix", options->prefix, "prefix of ledger addresses, a-z")->required();
  command->add_option("--members", options->members, "public.json of each member, in the order of their ids")
      ->required();
  command->add_option("--weights", options->weights, "weight of each member, separated by commas")
      ->required();
  command->add_option("--chains", options->chains, "external chains, currencies and parameters (JSON)")
      ->required();
  command->add_option("--out", options->out, "file to write")->required();
  command->add_option("--threshold", options->threshold, "m of the reserve wallets; n - L when left out");
  command->add_option("--time", options->time_ms, "genesis time in Unix milliseconds; now when left out");
  command->callback([&program, options] {
    program.action = [options] { return make_genesis(*options, SystemClock().wall().value); };
  });
}

struct KeyOptions {
  std::string file, password, prefix;
};

Result<std::string> prefix_of(Program& program, const KeyOptions& options) {
  if (!options.prefix.empty()) return options.prefix;
  ASSIGN_OR_RETURN(const Network network, fetch_network(program.context));
  return std::string(network.prefix());
}

Json describe_key(const std::string& prefix, const KeyOptions& options, const PublicKey& key) {
  Json out = Json::object();
  out.set("schema", "custody.keys/1")
      .set("address", model::Address::of_key(key).text(prefix))
      .set("public_key", key.hex())
      .set("file", options.file);
  return out;
}

void add_keys(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("keys", "encrypted key files of ordinary users and gateways");
  auto options = std::make_shared<KeyOptions>();
  auto* create = command->add_subcommand("new", "make a key");
  create->add_option("--out", options->file, "file to write; never overwritten")->required();
  create->add_option("--password-file", options->password, "file that holds the password")->required();
  create->add_option("--prefix", options->prefix, "address prefix; asked from the node when left out");
  create->callback([&program, options] {
    program.action = [&program, options]() -> Result<Json> {
      // All that can fail for want of something comes before the file is made.
      ASSIGN_OR_RETURN(const std::string prefix, prefix_of(program, *options));
      ASSIGN_OR_RETURN(const SecretBytes password, read_password(options->password));
      SystemEntropy entropy;
      ASSIGN_OR_RETURN(const PublicKey key, create_key_file(options->file, password, entropy));
      return describe_key(prefix, *options, key);
    };
  });
  auto* show = command->add_subcommand("show", "address and public key of a key file");
  show->add_option("--key", options->file, "key file")->required();
  show->add_option("--prefix", options->prefix, "address prefix; asked from the node when left out");
  show->callback([&program, options] {
    program.action = [&program, options]() -> Result<Json> {
      ASSIGN_OR_RETURN(const PublicKey key, read_public_key(options->file));
      ASSIGN_OR_RETURN(const std::string prefix, prefix_of(program, *options));
      return describe_key(prefix, *options, key);
    };
  });
}

void add_simple_queries(CLI::App& app, Program& program) {
  const auto plain = [&](const char* name, const char* method, const char* help) {
    app.add_subcommand(name, help)->callback([&program, method] {
      program.action = [&program, method] { return query(program, method, Json::object()); };
    });
  };
  plain("status", "status", "this member's node, its peers, chains and signer");
  plain("members", "members", "the members, their weights, and what each has attested of its policy");
  plain("reserves", "reserves", "supply, pending, surplus and recorded reserve of each currency");

  auto currency = std::make_shared<std::string>();
  auto* deposits = app.add_subcommand("deposits", "deposits that were attested or minted");
  deposits->add_option("--currency", *currency, "only this currency");
  deposits->callback([&program, currency] {
    program.action = [&program, currency] { return query(program, "deposits", currency_filter(*currency)); };
  });

  auto account = std::make_shared<std::string>();
  auto* accounts = app.add_subcommand("account", "balances of an account");
  accounts->add_option("address", *account, "ledger address, treasury, fee_pool or a member's name")
      ->required();
  accounts->callback([&program, account] {
    program.action = [&program, account] {
      Json params = Json::object();
      params.set("address", *account);
      return query(program, "account", std::move(params));
    };
  });
}

void add_blocks(CLI::App& app, Program& program) {
  auto height = std::make_shared<std::string>("latest");
  auto* block = app.add_subcommand("block", "one block and who signed it");
  block->add_option("height", *height, "height or latest");
  block->callback([&program, height] {
    program.action = [&program, height] {
      Json params = Json::object();
      params.set("height", *height);
      return query(program, "block", std::move(params));
    };
  });
  auto id = std::make_shared<std::string>();
  auto wait = std::make_shared<bool>(false);
  auto* tx = app.add_subcommand("tx", "where a transaction stands");
  tx->add_option("id", *id, "transaction id")->required();
  tx->add_flag("--wait", *wait, "wait until it is in a block");
  tx->callback([&program, id, wait] {
    program.action = [&program, id, wait] {
      Json params = Json::object();
      params.set("id", *id).set("wait_ms", *wait ? kWaitMs : std::uint64_t{0});
      return query(program, "transaction", std::move(params));
    };
  });
}

// One line a block until the node goes away or Ctrl-C.
Result<Json> watch_blocks(Program& program) {
  ASSIGN_OR_RETURN(const Json status, query(program, "status", Json::object()));
  ASSIGN_OR_RETURN(std::uint64_t height, status.u64_at("height"));
  for (;;) {
    Json params = Json::object();
    params.set("height", std::to_string(height + 1)).set("wait_ms", kWaitMs);
    const auto block = query(program, "block", std::move(params));
    if (!block.ok() && block.code() == Code::kNotFound) {
      program.context.answered_by_node = false;
      continue;  // nothing new within the wait
    }
    if (!block.ok()) return block.status();
    ++height;
    if (program.context.json) {
      (void)std::printf("%s\n", block->dump().c_str());
    } else {
      const auto hash = block->string_at("hash");
      const auto proposer = block->string_at("proposer");
      const Json* transactions = block->find("transactions");
      (void)std::printf("%8llu  %s  by %s  %zu transactions\n", static_cast<unsigned long long>(height),
                        hash.ok() ? to_printable(*hash).c_str() : "-",
                        proposer.ok() ? to_printable(*proposer).c_str() : "-",
                        transactions == nullptr ? 0 : transactions->items().size());
    }
    TRY(flush_output());
  }
}

void add_watch(CLI::App& app, Program& program) {
  app.add_subcommand("watch", "one line for every new block, until Ctrl-C")->callback([&program] {
    program.action = [&program] { return watch_blocks(program); };
  });
}

void add_transfer_build(CLI::App& transfer, Program& program) {
  auto build = std::make_shared<BuildOptions>();
  auto* command = transfer.add_subcommand("build", "write an unsigned transfer to a file");
  command->add_option("--from", build->from, "account that pays");
  command->add_option("--to", build->to, "account that receives");
  command->add_option("--amount", build->amount,
                      "what the payee gets, in units (1.5); the ledger fee comes on top");
  command->add_option("--currency", build->currency, "currency code");
  command->add_option("--input", build->inputs, "ADDRESS:CURRENCY:AMOUNT, for transfers of several parties");
  command->add_option("--output", build->outputs, "ADDRESS:CURRENCY:AMOUNT");
  command->add_option("--fee-from", build->fee_from, "ADDRESS:CURRENCY of an input that also pays the fee");
  command->add_option("--memo", build->memo, "up to 64 bytes, hex: a payment identifier");
  command->add_option("--out", build->out, "file to write")->required();
  command->callback([&program, build] {
    program.action = [&program, build] { return transfer_build(program.context, *build); };
  });
}

struct FileOptions {
  std::string in, second, out;
  bool wait = false;
};

void add_transfer_sign(CLI::App& transfer, Program& program) {
  auto options = std::make_shared<SignOptions>();
  auto* sign = transfer.add_subcommand("sign", "add one party's signature");
  sign->add_option("file", options->in, "built or partly signed file")->required();
  sign->add_option("--key", options->key, "key file")->required();
  sign->add_option("--password-file", options->password, "file that holds the password")->required();
  sign->add_option("--tx", options->tx,
                   "the id that transfer show gave for a file from somebody else; no other is signed");
  sign->add_option("--out", options->out, "file to write")->required();
  sign->callback([&program, options] { program.action = [options] { return transfer_sign(*options); }; });
}

void add_transfer(CLI::App& app, Program& program) {
  auto* transfer = app.add_subcommand("transfer", "pay, swap: build, sign, combine, send, show");
  add_transfer_build(*transfer, program);
  add_transfer_sign(*transfer, program);
  auto files = std::make_shared<FileOptions>();
  auto* join = transfer->add_subcommand("combine", "put the signatures of two copies together");
  join->add_option("first", files->in, "one signed copy")->required();
  join->add_option("second", files->second, "another signed copy")->required();
  join->add_option("--out", files->out, "file to write")->required();
  join->callback([&program, files] {
    program.action = [files] { return transfer_combine(files->in, files->second, files->out); };
  });
  auto* send = transfer->add_subcommand("send", "hand a fully signed transfer to the node");
  send->add_option("file", files->in, "fully signed file")->required();
  send->add_flag("--wait", files->wait, "wait until it is in a block");
  send->callback([&program, files] {
    program.action = [&program, files] { return transfer_send(program.context, files->in, files->wait); };
  });
  auto* show = transfer->add_subcommand("show", "what a file would do, who signed and who still must");
  show->add_option("file", files->in, "built or signed file")->required();
  show->callback([&program, files] {
    program.action = [&program, files] { return transfer_show(program.context, files->in); };
  });
}

void add_burn(CLI::App& app, Program& program) {
  auto options = std::make_shared<BurnOptions>();
  auto* command = app.add_subcommand("burn", "redeem tokens: the consortium pays an external address");
  command->add_option("--gateway", options->gateway, "gateway that redeems")->required();
  command->add_option("--currency", options->currency, "currency code")->required();
  command->add_option("--amount", options->amount, "what the external address gets, in units")->required();
  command->add_option("--fee-cap", options->fee_cap, "at most so much for external fees; the rest comes back")
      ->required();
  command->add_option("--to", options->to, "registered payout address")->required();
  command->add_option("--key", options->key, "key file of the gateway's account")->required();
  command->add_option("--password-file", options->password, "file that holds the password")->required();
  command->add_flag("--wait", options->wait, "wait until the burn is in a block");
  command->callback([&program, options] {
    program.action = [&program, options] { return burn(program.context, *options); };
  });
}

void add_gateway(CLI::App& app, Program& program) {
  auto* gateway = app.add_subcommand("gateway", "gateways: list, propose, vote, payout addresses");
  gateway->add_subcommand("list", "registered gateways and open proposals")->callback([&program] {
    program.action = [&program] { return query(program, "gateways", Json::object()); };
  });
  add_gateway_votes(*gateway, program);
  auto options = std::make_shared<PayoutAddressOptions>();
  auto* payout = gateway->add_subcommand("payout-address", "register an external address for redemptions");
  payout->add_option("--gateway", options->gateway, "gateway that will redeem")->required();
  payout->add_option("--currency", options->currency, "currency code")->required();
  payout->add_option("--address", options->address, "external address")->required();
  payout->add_option("--key", options->key, "key file of the gateway's account")->required();
  payout->add_option("--password-file", options->password, "file that holds the password")->required();
  payout->add_flag("--wait", options->wait, "wait until it is in a block");
  payout->callback([&program, options] {
    program.action = [&program, options] { return register_payout_address(program.context, *options); };
  });
}

void add_deposit_address(CLI::App& app, Program& program) {
  auto gateway = std::make_shared<std::string>();
  auto currency = std::make_shared<std::string>();
  auto* command = app.add_subcommand("deposit-address", "where a gateway sends collateral");
  command->add_option("--gateway", *gateway, "name of the gateway")->required();
  command->add_option("--currency", *currency, "currency code")->required();
  command->callback([&program, gateway, currency] {
    program.action = [&program, gateway, currency] {
      Json params = Json::object();
      params.set("gateway", *gateway).set("currency", *currency);
      return query(program, "deposit_address", std::move(params));
    };
  });
}

struct WithdrawalOptions {
  std::string currency, burn, out;
  std::uint64_t slot = 0;
  bool raw = false;
};

Result<Json> export_slot(Program& program, const WithdrawalOptions& options) {
  Json params = Json::object();
  params.set("currency", options.currency).set("slot", options.slot).set("raw", options.raw);
  ASSIGN_OR_RETURN(const Json answer, query(program, "slot", std::move(params)));
  if (!options.out.empty()) {
    ASSIGN_OR_RETURN(const std::string psbt, answer.string_at("psbt"));
    TRY(write_file_atomic(options.out, as_bytes(psbt + "\n"), 0600));
  }
  return answer;
}

void add_withdrawals(CLI::App& app, Program& program) {
  auto options = std::make_shared<WithdrawalOptions>();
  auto* command =
      app.add_subcommand("withdrawals", "redemptions and the external transactions that pay them");
  command->add_option("--currency", options->currency, "only this currency");
  auto* show = command->add_subcommand("show", "one redemption");
  show->add_option("burn", options->burn, "transaction id of the burn")->required();
  auto* exported = command->add_subcommand("export", "the slot's transaction as a PSBT (BIP-174)");
  exported->add_option("--currency", options->currency, "currency code")->required();
  exported->add_option("--slot", options->slot, "slot number; custodyctl withdrawals shows it")->required();
  exported->add_option("--out", options->out, "also write the base64 text to this file");
  exported->add_flag("--raw", options->raw, "also the assembled transaction");
  exported->callback([&program, options] {
    program.action = [&program, options] { return export_slot(program, *options); };
  });
  command->callback([&program, options] {
    if (program.action) return;
    program.action = [&program, options] {
      Json params = currency_filter(options->currency);
      if (!options->burn.empty()) params.set("burn", options->burn);
      return query(program, "withdrawals", std::move(params));
    };
  });
}

int run(int argc, char** argv) {
  Program program;
  if (const char* member = std::getenv("CUSTODY_MEMBER")) program.context.member_directory = member;
  CLI::App app("The command line of a Caasiope custody member, its gateways and its users.", "custodyctl");
  app.add_option("--member", program.context.member_directory, "the member's directory (or CUSTODY_MEMBER)");
  app.add_flag("--json", program.context.json, "one JSON object on standard output");
  app.fallthrough();
  app.footer("Exit codes: 0 done, 1 refused, 2 usage, 3 node or signer not reachable.");
  add_genesis(app, program);
  add_keys(app, program);
  add_simple_queries(app, program);
  add_transfer(app, program);
  add_burn(app, program);
  add_gateway(app, program);
  add_deposit_address(app, program);
  add_withdrawals(app, program);
  add_blocks(app, program);
  add_watch(app, program);
  add_policy(app, program);
  add_requests(app, program);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const Status wrong = invalid(error.what(), "custodyctl --help, or --help after a command");
    return fail(program.context, unknown_command(app, wrong), 2);
  }
  // Not left to CLI11, which would miss a command where it met an unknown one.
  if (!program.action) return fail(program.context, no_command(app), 2);
  const Result<Json> answer = program.action();
  if (!answer.ok())
    return fail(program.context, answer.status(), exit_code(program.context, answer.status()));
  print(program.context, *answer);
  return program.context.refused ? 1 : 0;
}

// An answer that nobody got is no success.
int run_and_flush(int argc, char** argv) {
  const int code = run(argc, argv);
  const Status flushed = flush_output();
  if (flushed.ok() || code != 0) return code;
  (void)std::fprintf(stderr, "custodyctl: %s\n  %s\n", flushed.message().c_str(), flushed.hint().c_str());
  return 1;
}

}  // namespace
}  // namespace custody::signer::cli

int main(int argc, char** argv) {
  return custody::signer::cli::run_and_flush(argc, argv);
}
