#include "hone/identity/equivalence.h"

#include <algorithm>
#include <limits>

#include "hone/base/rng.h"

namespace hone::identity {
namespace {

using Ids = std::vector<std::int64_t>;

void insert(Ids& ids, std::int64_t id) {
  const auto place = std::lower_bound(ids.begin(), ids.end(), id);
  if (place == ids.end() || *place != id) ids.insert(place, id);
}

void remove(Ids& ids, std::int64_t id) {
  const auto place = std::lower_bound(ids.begin(), ids.end(), id);
  if (place != ids.end() && *place == id) ids.erase(place);
}

/// A near key of another structure or literal is of no use: all of a trial's keys go through entry().
std::vector<Key> keys_of(const study::Trial& trial) {
  std::vector<Key> keys{trial.keys.functional};
  keys.insert(keys.end(), trial.keys.near.begin(), trial.keys.near.end());
  return keys;
}

}  // namespace

EquivalenceCache::EquivalenceCache(Settings settings, std::uint64_t seed, bool by_structure)
    : settings_(settings),
      seed_(seed),
      by_structure_(by_structure),
      functions_(static_cast<std::size_t>(settings.entries)),
      costs_(static_cast<std::size_t>(settings.entries)) {}

const Ids* EquivalenceCache::Function::at(std::int64_t fidelity) const {
  for (const auto& [reached, trials] : evaluated)
    if (reached == fidelity && !trials.empty()) return &trials;
  return nullptr;
}

/// None: it can be no other's.
Key EquivalenceCache::entry(Key functional, Key structural) const {
  if (!by_structure_ || functional.none()) return functional;
  return structural.none() ? Key{} : KeyBuilder().key(functional).key(structural).build();
}

EquivalenceCache::Function& EquivalenceCache::touch(Key key) {
  return functions_.touch(key, [](const Function& function) { return !function.claims.empty(); });
}

void EquivalenceCache::update(const study::Change& change) {
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (change.kind == Kind::keys && !trial.keys.structural.none() && !trial.costs.empty())
    if (auto& known = costs_.touch(trial.keys.structural);
        known.entries().size() < trial.costs.entries().size())
      known = trial.costs;
  const Key key = entry(trial.keys.functional, trial.keys.structural);
  if (key.none()) return;
  if (change.kind == Kind::result) return take_result(change);
  const bool runs = trial.state == study::TrialState::running;
  const bool ended = (!runs || change.kind == Kind::started) && drop_claim(trial);
  if (change.kind == Kind::keys) touch(key);
  if (runs) claim(trial);
  Function* function = functions_.find(key);
  if (function == nullptr) return;
  if (change.kind == Kind::deleted) {
    for (auto& [fidelity, trials] : function->evaluated) remove(trials, trial.id);
    remove(function->forgotten, trial.id);
  }
  // Only the end of the run in which it was used: it may be told again as limits change.
  if (change.kind == Kind::state && ended && trial.same_as >= 0 && settings_.policy == Policy::forget &&
      Rng(seed_, "forget", static_cast<std::uint64_t>(trial.id)).uniform() < settings_.forget)
    forget(*function);
}

void EquivalenceCache::take_result(const study::Change& change) {
  const study::Trial& trial = *change.trial;
  if (trial.same_as >= 0 || trial.of >= 0) return;
  const Key key = entry(trial.keys.functional, trial.keys.structural);
  Function* function = functions_.find(key);
  if (function == nullptr) function = &touch(key);
  if (std::binary_search(function->forgotten.begin(), function->forgotten.end(), trial.id)) return;
  const std::int64_t fidelity = change.result->fidelity;
  for (auto& [reached, trials] : function->evaluated)
    if (reached == fidelity) return insert(trials, trial.id);  // a result may be told again
  function->evaluated.emplace_back(fidelity, Ids{trial.id});
}

void EquivalenceCache::forget(Function& function) {
  for (const auto& [fidelity, trials] : function.evaluated)
    for (const std::int64_t id : trials) insert(function.forgotten, id);
  function.evaluated.clear();
}

std::int64_t EquivalenceCache::known(Key functional, std::int64_t fidelity, Key structural) const {
  const Function* function = functions_.find(entry(functional, structural));
  const Ids* trials = function == nullptr ? nullptr : function->at(fidelity);
  return trials == nullptr ? -1 : trials->front();
}

/// An older claim of the same attempt stands: two that each found the other's older would wait for each
/// other.
void EquivalenceCache::claim(const study::Trial& trial) {
  auto& claims = touch(entry(trial.keys.functional, trial.keys.structural)).claims;
  if (std::none_of(claims.begin(), claims.end(), [&](const Claim& one) { return one.trial == trial.id; }))
    claims.push_back({++claims_, trial.id, trial.target});
}

bool EquivalenceCache::drop_claim(const study::Trial& trial) {
  Function* function = functions_.find(entry(trial.keys.functional, trial.keys.structural));
  return function != nullptr &&
         std::erase_if(function->claims, [&](const Claim& claim) { return claim.trial == trial.id; }) > 0;
}

Key EquivalenceCache::resolve(const Signature& signature, Key structural) const {
  if (functions_.find(entry(signature.key, structural)) != nullptr) return signature.key;
  for (const Key& key : signature.near)
    if (functions_.find(entry(key, structural)) != nullptr) return key;
  return signature.key;
}

Verdict EquivalenceCache::verdict(const study::Trial& trial, std::int64_t fidelity) const {
  using What = Verdict::What;
  if (settings_.policy == Policy::off || settings_.policy == Policy::count) return {};
  const std::int64_t most = settings_.policy == Policy::average ? settings_.evaluations : 1;
  const std::vector<Key> keys = keys_of(trial);
  // Its own claim is under its functional key.
  std::int64_t own = std::numeric_limits<std::int64_t>::max();
  if (const Function* function = functions_.find(entry(trial.keys.functional, trial.keys.structural)))
    for (const Claim& claim : function->claims)
      if (claim.trial == trial.id) own = claim.number;

  std::int64_t stands = -1, evaluations = 0, under_way = 0;
  Claim oldest{own, -1, 0};
  for (const Key& key : keys) {
    const Function* function = functions_.find(entry(key, trial.keys.structural));
    if (function == nullptr) continue;
    if (const Ids* trials = function->at(fidelity)) {
      // Under way and evaluated at once, or of an earlier attempt: this trial itself may be among them.
      const bool itself = std::binary_search(trials->begin(), trials->end(), trial.id);
      evaluations += static_cast<std::int64_t>(trials->size()) - (itself ? 1 : 0);
      if (stands < 0)
        for (const std::int64_t id : *trials)
          if (id != trial.id) {
            stands = id;
            break;
          }
    }
    for (const Claim& claim : function->claims) {
      if (claim.number >= own || claim.fidelity < fidelity) continue;
      const Ids* there = function->at(fidelity);  // it may run on beyond
      if (there != nullptr && std::binary_search(there->begin(), there->end(), claim.trial)) continue;
      ++under_way;
      if (claim.number < oldest.number) oldest = claim;
    }
  }
  if (stands >= 0 && evaluations + under_way >= most) return {What::reuse, stands};
  if (evaluations + under_way < most) return {What::evaluate, stands >= 0 ? stands : oldest.trial};
  return oldest.trial >= 0 ? Verdict{What::wait, oldest.trial} : Verdict{};
}

}  // namespace hone::identity
