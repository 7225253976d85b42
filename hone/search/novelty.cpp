#include "hone/search/novelty.h"

#include <fmt/format.h>

namespace hone::search {

Key Novelty::key_of(const space::Config& config) const {
  if (problem_->signature)
    if (const auto key = problem_->signature(config)) return *key;
  return config.key();
}

void Novelty::count(Key key, std::int64_t by) {
  if ((known_[key] += by) <= 0) known_.erase(key);
}

void Novelty::update(const study::Change& change) {
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (!tabu_ || trial.of >= 0) return;
  if (change.kind != Kind::created && change.kind != Kind::keys && change.kind != Kind::deleted) return;
  Key key = trial.key.none() ? trial.config.key() : trial.key;
  if (!trial.keys.functional.none())
    key = trial.keys.functional;
  else if (!trial.keys.structural.none())
    key = trial.keys.structural;
  if (const auto before = key_of_trial_.find(trial.id); before != key_of_trial_.end()) {
    count(before->second, -1);
    key_of_trial_.erase(before);
  }
  if (change.kind == Kind::deleted) return;
  key_of_trial_.emplace(trial.id, key);
  count(key, 1);
}

space::Config Novelty::insist(space::Config child, const space::Point& parent, Rng& rng) const {
  if (!tabu_ && !functional_change_) return child;
  const auto origin = functional_change_ ? moves_->config(parent) : std::nullopt;
  const Key origin_key = origin ? key_of(*origin) : Key{};
  space::Point point;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Key key = key_of(child);
    if (key != origin_key && !(tabu_ && known_.contains(key))) return child;
    if (point.empty()) point = moves_->filled(child, rng);
    const std::vector<bool> active = moves_->active(point);
    std::vector<std::size_t> genes;
    for (const std::size_t i : moves_->free())
      if (active[i]) genes.push_back(i);
    if (genes.empty()) return child;
    moves_->step(point, genes[rng.below(genes.size())], 0.2, rng);
    child = moves_->settle(point, nullptr, rng);
  }
  return child;
}

space::Config Novelty::sample(Rng& rng) const {
  space::Config config = problem_->space.sample(rng);
  for (int draw = 0; tabu_ && draw < kDraws && known_.contains(key_of(config)); ++draw)
    config = problem_->space.sample(rng);
  return config;
}

std::vector<OptionSpec> Novelty::options(std::vector<OptionSpec> own) {
  using Type = OptionSpec::Type;
  own.push_back(
      {.name = "functional_change",
       .type = Type::flag,
       .fallback = false,
       .summary = fmt::format("a child that computes what its parent does is mutated again, up to {} "
                              "times",
                              kDraws)});
  own.push_back({.name = "tabu",
                 .type = Type::flag,
                 .fallback = false,
                 .summary = fmt::format("a proposal that computes what a known one does is mutated again, up "
                                        "to {} times",
                                        kDraws)});
  return own;
}

}  // namespace hone::search
