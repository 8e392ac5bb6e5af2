#include "signer/cli/unknown_command.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kMaxTypos = 2;
constexpr std::size_t kMaxShown = 40;

const CLI::App& last_command(const CLI::App& app) {
  const CLI::App* last = &app;
  while (!last->get_subcommands().empty()) last = last->get_subcommands().front();
  return *last;
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(one->get_name());
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// How many letters must be put in, left out or replaced.
std::size_t typos(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

Status no_command(const CLI::App& app) {
  const CLI::App& last = last_command(app);
  return invalid(last.get_name() + " needs a command", "one of: " + joined(commands_of(last)));
}

Status unknown_command(const CLI::App& app, Status otherwise) {
  const CLI::App& last = last_command(app);
  const std::vector<std::string> known = commands_of(last);
  const std::vector<std::string> words = app.remaining(true);
  const auto word = std::ranges::find_if(words, [](const std::string& one) { return !one.starts_with("-"); });
  if (known.empty() || word == words.end()) return otherwise;
  const std::string wrong = word->substr(0, kMaxShown);
  std::vector<std::string> near;
  std::ranges::copy_if(known, std::back_inserter(near),
                       [&](const std::string& one) { return typos(wrong, one) <= kMaxTypos; });
  return invalid(last.get_name() + " has no command \"" + to_printable(wrong) + "\"",
                 near.empty() ? "one of: " + joined(known) : "did you mean: " + joined(near));
}

}  // namespace custody::signer::cli
