#include "base/config.h"

#include <toml++/toml.h>
#include <set>

#include "base/file.h"

namespace custody {
namespace {

constexpr std::size_t kMaxSize = std::size_t{1} << 20;

std::string join(const std::string& prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

}  // namespace

struct Config::Impl {
  std::string origin;
  toml::table root;
  std::set<std::string, std::less<>> used;  // full names of values read and tables listed

  std::string place(const toml::node& node) const {
    return origin + ":" + std::to_string(node.source().begin.line);
  }

  const toml::node* find(std::string_view key) const {
    const toml::node* node = &root;
    while (node != nullptr) {
      const toml::table* table = node->as_table();
      if (table == nullptr) return nullptr;
      const std::size_t dot = key.find('.');
      node = table->get(key.substr(0, dot));
      if (dot == std::string_view::npos) return node;
      key.remove_prefix(dot + 1);
    }
    return nullptr;
  }

  Result<const toml::node*> take(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr)
      return not_found(origin + ": no \"" + std::string(key) + "\"", "add it to the configuration");
    used.emplace(key);
    return node;
  }

  Status wrong_type(std::string_view key, std::string_view expected, const toml::node& node) const {
    return invalid(place(node) + ": \"" + std::string(key) + "\" must be " + std::string(expected) +
                   ", not " + std::string(type_name(node)));
  }

  void collect_unused(const toml::table& table, const std::string& prefix,
                      std::vector<std::string>& out) const {
    for (const auto& [key, node] : table) {
      const std::string name = join(prefix, key.str());
      // A key with a dot in it cannot be asked for, whatever its name looks like when joined.
      const bool known = used.contains(name) && key.str().find('.') == std::string_view::npos;
      const toml::table* inner = node.as_table();
      if (inner != nullptr && !inner->empty()) {
        collect_unused(*inner, name, out);
      } else if (!known) {
        out.push_back(name + " (line " + std::to_string(node.source().begin.line) + ")");
      }
    }
  }
};

Config::Config(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

Result<Config> Config::parse(std::string_view text, std::string origin) {
  if (text.size() > kMaxSize) return exhausted(origin + ": more than 1 MiB");
  auto impl = std::make_unique<Impl>();
  try {
    impl->root = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    return invalid(origin + ":" + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()));
  } catch (const std::exception& error) {
    return invalid(origin + ": " + error.what());
  }
  impl->origin = std::move(origin);
  return Config(std::move(impl));
}

Result<Config> Config::load(const std::string& path) {
  ASSIGN_OR_RETURN(const Bytes text, read_file(path, kMaxSize));
  return parse(as_text(text), path);
}

Result<std::string> Config::string(std::string_view key) {
  ASSIGN_OR_RETURN(const toml::node* node, impl_->take(key));
  if (const auto* value = node->as_string()) return value->get();
  return impl_->wrong_type(key, "a string", *node);
}

Result<std::uint64_t> Config::u64(std::string_view key) {
  ASSIGN_OR_RETURN(const toml::node* node, impl_->take(key));
  const auto* value = node->as_integer();
  if (value == nullptr) return impl_->wrong_type(key, "an integer", *node);
  if (value->get() < 0)
    return invalid(impl_->place(*node) + ": \"" + std::string(key) + "\" must not be negative");
  return static_cast<std::uint64_t>(value->get());
}

Result<bool> Config::boolean(std::string_view key) {
  ASSIGN_OR_RETURN(const toml::node* node, impl_->take(key));
  if (const auto* value = node->as_boolean()) return value->get();
  return impl_->wrong_type(key, "a boolean", *node);
}

Result<std::vector<std::string>> Config::strings(std::string_view key) {
  ASSIGN_OR_RETURN(const toml::node* node, impl_->take(key));
  const toml::array* array = node->as_array();
  if (array == nullptr) return impl_->wrong_type(key, "an array of strings", *node);
  std::vector<std::string> out;
  for (const toml::node& item : *array) {
    const auto* value = item.as_string();
    if (value == nullptr) return impl_->wrong_type(key, "an array of strings", item);
    out.push_back(value->get());
  }
  return out;
}

bool Config::has(std::string_view key) const {
  return impl_->find(key) != nullptr;
}

std::string Config::where(std::string_view key) const {
  const toml::node* node = impl_->find(key);
  return node == nullptr ? impl_->origin : impl_->place(*node);
}

std::vector<std::string> Config::tables(std::string_view key) const {
  std::vector<std::string> out;
  const toml::node* node = impl_->find(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (table == nullptr) return out;
  impl_->used.emplace(key);
  for (const auto& [name, inner] : *table) {
    if (!inner.is_table()) continue;
    out.emplace_back(name.str());
    impl_->used.insert(join(std::string(key), name.str()));  // an empty one is known too
  }
  return out;
}

Status Config::finish() const {
  std::vector<std::string> unused;
  impl_->collect_unused(impl_->root, "", unused);
  if (unused.empty()) return ok_status();
  std::string names;
  for (const std::string& name : unused) names += (names.empty() ? "" : ", ") + name;
  return invalid(impl_->origin + ": unknown keys: " + names, "correct or remove them");
}

}  // namespace custody
