// The names of the files of a directory.h.
#pragma once

#include <string_view>

namespace custody::policy::bundle {

constexpr std::string_view kHead = "bundle.toml";
constexpr std::string_view kOfficers = "officers.toml";
constexpr std::string_view kAllowList = "allow-list.toml";
constexpr std::string_view kSchema = "custody.cedarschema";
constexpr std::string_view kPolicies = "custody.cedar";

}  // namespace custody::policy::bundle
