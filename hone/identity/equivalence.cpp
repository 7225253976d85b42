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
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (change.kind != Kind::result && !trial.keys.functional.none()) {
    const bool runs = trial.state == study::TrialState::running;
    if (!runs || change.kind == Kind::started) drop_claim(trial);
    if (runs) claim(trial);
  }
  if (change.kind == Kind::keys) {
    if (!trial.keys.functional.none()) {
      auto& members = by_function_[trial.keys.functional];
      if (std::find(members.begin(), members.end(), trial.id) == members.end()) members.push_back(trial.id);
    }
    if (!trial.keys.structural.none() && !trial.costs.empty())
      if (auto& known = costs_[trial.keys.structural]; known.entries().size() < trial.costs.entries().size())
        known = trial.costs;
  } else if (change.kind == Kind::deleted) {
    fidelities_.erase(trial.id);
  } else if (change.kind == Kind::result && trial.same_as < 0 && !trial.keys.functional.none()) {
    auto& known = fidelities_[trial.id];  // a result may be told again
    if (std::find(known.begin(), known.end(), change.result->fidelity) == known.end())
      known.push_back(change.result->fidelity);
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

/// An older claim of the same attempt stands: two that each found the other's older would wait for each
/// other.
void EquivalenceCache::claim(const study::Trial& trial) {
  auto& claims = claims_[trial.keys.functional];
  if (std::none_of(claims.begin(), claims.end(), [&](const Claim& one) { return one.trial == trial.id; }))
    claims.push_back({trial.id, trial.target});
}

void EquivalenceCache::drop_claim(const study::Trial& trial) {
  const auto found = claims_.find(trial.keys.functional);
  if (found == claims_.end()) return;
  std::erase_if(found->second, [&](const Claim& claim) { return claim.trial == trial.id; });
  if (found->second.empty()) claims_.erase(found);
}

std::int64_t EquivalenceCache::claimant(Key functional, std::int64_t fidelity, std::int64_t trial) const {
  const auto found = claims_.find(functional);
  if (found == claims_.end()) return -1;
  for (const Claim& claim : found->second) {
    if (claim.trial == trial) break;
    if (claim.fidelity >= fidelity) return claim.trial;
  }
  return -1;
}

const study::Measures* EquivalenceCache::costs(Key structural) const {
  const auto found = costs_.find(structural);
  return found == costs_.end() ? nullptr : &found->second;
}

}  // namespace hone::identity
