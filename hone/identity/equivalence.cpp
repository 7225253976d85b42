#include "hone/identity/equivalence.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::identity {

const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> names{"off", "reuse"};
  return names;
}

Policy policy_from_name(const std::string& name) {
  if (name == "off") return Policy::off;
  if (name == "reuse") return Policy::reuse;
  throw Error(fmt::format("unknown identity policy '{}'", name), {}, suggest(name, policy_names()));
}

void EquivalenceCache::update(const study::Change& change) {
  const study::Trial& trial = *change.trial;
  if (change.kind == study::Change::Kind::keys) {
    if (!trial.keys.functional.none()) {
      auto& members = by_function_[trial.keys.functional];
      if (std::find(members.begin(), members.end(), trial.id) == members.end()) members.push_back(trial.id);
    }
    if (!trial.keys.structural.none() && !trial.costs.empty())
      if (auto& known = costs_[trial.keys.structural]; known.entries().size() < trial.costs.entries().size())
        known = trial.costs;
  } else if (change.kind == study::Change::Kind::deleted) {
    fidelities_.erase(trial.id);
  } else if (change.kind == study::Change::Kind::result && trial.same_as < 0 &&
             !trial.keys.functional.none()) {
    fidelities_[trial.id].push_back(change.result->fidelity);
  }
}

std::int64_t EquivalenceCache::known(Key functional, std::int64_t fidelity) const {
  const auto members = by_function_.find(functional);
  if (members == by_function_.end()) return -1;
  for (std::int64_t id : members->second) {
    const auto found = fidelities_.find(id);
    if (found != fidelities_.end() &&
        std::find(found->second.begin(), found->second.end(), fidelity) != found->second.end())
      return id;
  }
  return -1;
}

const std::vector<std::int64_t>& EquivalenceCache::members(Key functional) const {
  static const std::vector<std::int64_t> none;
  const auto found = by_function_.find(functional);
  return functional.none() || found == by_function_.end() ? none : found->second;
}

const study::Measures* EquivalenceCache::costs(Key structural) const {
  const auto found = costs_.find(structural);
  return found == costs_.end() ? nullptr : &found->second;
}

}  // namespace hone::identity
