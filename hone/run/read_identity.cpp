#include "hone/run/read_identity.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

using identity::Policy;

Policy read_policy(const Node& node) {
  const auto& names = identity::policy_names();
  if (std::find(names.begin(), names.end(), node.text()) == names.end())
    throw Error(fmt::format("unknown identity policy '{}'", node.text()), node.place(),
                suggest(node.text(), names));
  return identity::policy_from_name(node.text());
}

std::int64_t read_integer(const Node& node, std::int64_t low, std::int64_t high) {
  const std::int64_t value = node.integer();
  if (value < low || value > high) throw node.expected(fmt::format("an integer from {} to {}", low, high));
  return value;
}

/// nullopt where the file does not say.
std::optional<double> read_tolerance(const Node& node) {
  if (!node) return std::nullopt;
  const double value = node.real();
  if (!(value >= 0.0 && value <= 0.1)) throw node.expected("a number from 0 to 0.1");
  return value;
}

/// An option of one policy alone is a mistake beside another.
void belongs_to(const Node& node, const char* name, Policy policy, Policy given) {
  if (given != policy)
    throw Error(fmt::format("'{}' belongs to policy '{}', and the policy is '{}'", name,
                            identity::policy_name(policy), identity::policy_name(given)),
                node.place(),
                fmt::format("write policy = \"{}\", or leave it out", identity::policy_name(policy)));
}

}  // namespace

identity::Settings read_identity(const Node& node) {
  identity::Settings settings;
  if (node.is(Node::Type::text)) {
    settings.policy = read_policy(node);
    return settings;
  }
  if (!node.is(Node::Type::table))
    throw node.expected("a policy's name, or a table with policy and its options");
  node.only(
      {"policy", "forget", "evaluations", "mantissa_bits", "relative", "absolute", "entries", "give_up"});
  if (const Node policy = node["policy"]) settings.policy = read_policy(policy);
  if (const Node forget = node["forget"]) {
    belongs_to(forget, "forget", Policy::forget, settings.policy);
    settings.forget = forget.real();
    if (!(settings.forget >= 0.0 && settings.forget <= 1.0))
      throw forget.expected("a probability, from 0 to 1");
  }
  if (const Node evaluations = node["evaluations"]) {
    belongs_to(evaluations, "evaluations", Policy::average, settings.policy);
    settings.evaluations = read_integer(evaluations, 1, 1000);
  }
  if (const Node bits = node["mantissa_bits"])
    settings.mantissa_bits = static_cast<int>(read_integer(bits, 1, 52));
  settings.relative = read_tolerance(node["relative"]);
  settings.absolute = read_tolerance(node["absolute"]);
  if (const Node entries = node["entries"]) settings.entries = read_integer(entries, 1, 1'000'000'000);
  if (const Node give_up = node["give_up"]) settings.give_up = read_integer(give_up, 0, 1'000'000'000);
  return settings;
}

}  // namespace hone::run
