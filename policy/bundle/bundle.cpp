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
