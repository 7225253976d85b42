#include "hone/identity/policy.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::identity {

const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> names{"off", "reuse", "forget", "average", "count"};
  return names;
}

const std::string& policy_name(Policy policy) { return policy_names()[static_cast<std::size_t>(policy)]; }

Policy policy_from_name(const std::string& name) {
  const auto& names = policy_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Error(fmt::format("unknown identity policy '{}'", name), {}, suggest(name, names));
  return static_cast<Policy>(found - names.begin());
}

std::string policy_about(Policy policy) {
  switch (policy) {
    case Policy::off:
      return "every candidate is evaluated; keys are not computed";
    case Policy::reuse:
      return "a candidate whose function is known takes the known result";
    case Policy::forget:
      return "a candidate whose function is known takes the known result, which then may be forgotten";
    case Policy::average:
      return "a function is evaluated a few times, and all that compute it have the mean";
    case Policy::count:
      return "every candidate is evaluated, and it is counted how often equal keys give different results";
  }
  return {};
}

Quantisation Settings::rounding(Quantisation usual) const {
  if (mantissa_bits) usual.mantissa_bits = *mantissa_bits;
  if (relative) usual.relative = *relative;
  if (absolute) {
    usual.absolute = *absolute;
    usual.of_largest = 0.0;
  }
  return usual;
}

std::string Settings::text() const {
  std::string text = policy_name(policy);
  if (policy == Policy::off) return text;
  const Settings usual(policy);
  if (policy == Policy::forget) text += fmt::format(", forget = {}", forget);
  if (policy == Policy::average) text += fmt::format(", evaluations = {}", evaluations);
  if (mantissa_bits) text += fmt::format(", mantissa_bits = {}", *mantissa_bits);
  if (relative) text += fmt::format(", relative = {}", *relative);
  if (absolute) text += fmt::format(", absolute = {}", *absolute);
  if (entries != usual.entries) text += fmt::format(", entries = {}", entries);
  if (give_up != usual.give_up) text += fmt::format(", give_up = {}", give_up);
  return text;
}

}  // namespace hone::identity
