#include "policy/bundle/bundle.h"

#include <algorithm>

#include "policy/bundle/describe.h"
#include "proto/reader/digests.h"

namespace custody::policy::bundle {

Bytes encode_bundle(const Bundle& bundle) {
  return proto::reader::encode(bundle);
}

Result<Bundle> decode_bundle(ByteView bytes) {
  auto bundle = proto::reader::decode<Bundle>(bytes, kMaxBundle);
  if (!bundle.ok()) return bundle.status().with_context("bundle");
  TRY(check_bundle(*bundle).with_context("bundle"));
  return bundle;
}

Hash256 bundle_hash(const Bundle& bundle) {
  return proto::reader::digest("caasiope/policy/bundle", bundle.chain_id, encode_bundle(bundle));
}

const Officer* find_officer(const Bundle& bundle, ByteView name) {
  const auto found = std::ranges::find_if(bundle.officers,
                                          [&](const Officer& officer) { return equal(officer.name, name); });
  return found == bundle.officers.end() ? nullptr : &*found;
}

bool is_member_of(const Officer& officer, ByteView group) {
  return std::ranges::any_of(officer.groups, [&](const Bytes& name) { return equal(name, group); });
}

bool is_valid_at(const Officer& officer, model::LedgerMs time) {
  return officer.valid_from <= time && time < officer.valid_until;
}

std::size_t count_valid(const Bundle& bundle, const Quorum& quorum, model::LedgerMs time) {
  return static_cast<std::size_t>(std::ranges::count_if(bundle.officers, [&](const Officer& officer) {
    return is_member_of(officer, quorum.group) && is_valid_at(officer, time);
  }));
}

model::LedgerMs quorum_until(const Bundle& bundle, const Quorum& quorum) {
  std::vector<model::LedgerMs> ends;
  for (const Officer& officer : bundle.officers) {
    if (is_member_of(officer, quorum.group)) ends.push_back(officer.valid_until);
  }
  CHECK(quorum.count > 0 && quorum.count <= ends.size());
  std::ranges::sort(ends, std::ranges::greater());
  return ends[quorum.count - 1];
}

const AllowEntry* find_entry(const Bundle& bundle, ByteView currency, ByteView address) {
  const auto found = std::ranges::find_if(bundle.allow_list, [&](const AllowEntry& entry) {
    return equal(entry.currency, currency) && equal(entry.address, address);
  });
  return found == bundle.allow_list.end() ? nullptr : &*found;
}

const Unit* find_unit(const Bundle& bundle, ByteView currency) {
  const auto found =
      std::ranges::find_if(bundle.units, [&](const Unit& unit) { return equal(unit.currency, currency); });
  return found == bundle.units.end() ? nullptr : &*found;
}

}  // namespace custody::policy::bundle
