// What this implementation of Cedar refuses because it is too large. Each limit is checked before memory or
// time in its proportion is spent, and a test named after it sees it refused.
#pragma once

#include <cstddef>
#include <cstdint>

namespace custody::policy::cedar {

inline constexpr std::size_t kMaxPolicyText = 16u << 20;  // bytes of one policy set
inline constexpr std::size_t kMaxSchemaText = 8u << 20;   // bytes of one schema as text
inline constexpr std::size_t kMaxEntityText = 64u << 20;  // bytes of JSON: entities, a context, a schema
inline constexpr std::size_t kMaxPolicies = 20'000;       // policies, templates and links of one set
// Levels of an expression, of a schema type and of JSON. The deepest recursion of every function here is a
// small multiple of it: no input needs more than 2 MiB of stack (sanitizers need more).
inline constexpr std::size_t kMaxNesting = 128;
inline constexpr std::size_t kMaxCollection = 262'144;    // elements of one set, fields of one record
inline constexpr std::size_t kMaxEntities = 1'000'000;    // entities of one store
inline constexpr std::size_t kMaxHierarchyDepth = 1'000;  // parents above one entity, longest path
inline constexpr std::size_t kMaxAncestorLinks =
    4'000'000;  // (entity, ancestor) pairs, counted for each parent that leads there
inline constexpr std::uint64_t kMaxDecisionCost = 50'000'000;     // steps of one decision, see evaluator.h
inline constexpr std::uint64_t kMaxValidationCost = 100'000'000;  // steps of one validation, see typecheck.h
inline constexpr std::size_t kMaxDeclarations = 100'000;          // types and actions of one schema
inline constexpr std::size_t kMaxTypeSize =
    100'000;  // parts of one type, with the types that it names written out
inline constexpr std::size_t kMaxEnvironments = 1'000'000;  // (principal, action, resource) of one schema

}  // namespace custody::policy::cedar
