#include "hone/search/de_population.h"

#include <algorithm>
#include <utility>

namespace hone::search {

Genome genome_of(const Moves& moves, const space::Point& point) {
  Genome genome;
  for (const std::size_t i : moves.free())
    genome.push_back(moves.is_categorical(i) ? (point[i] + 0.5) / static_cast<double>(moves.size(i))
                                             : point[i]);
  return genome;
}

space::Point point_of(const Moves& moves, const Genome& genome, space::Point point) {
  for (std::size_t k = 0; k < genome.size(); ++k) {
    const std::size_t i = moves.free()[k];
    const double n = static_cast<double>(moves.size(i));
    point[i] = moves.is_categorical(i)
                   ? std::min(static_cast<double>(static_cast<std::int64_t>(genome[k] * n)), n - 1.0)
                   : genome[k];
  }
  moves.snap(point);
  return point;
}

std::vector<OptionSpec> de_options() {
  return {{.name = "F",
           .type = OptionSpec::Type::real,
           .fallback = 0.5,
           .summary = "factor of the difference that is added",
           .low = 0.0,
           .high = 2.0},
          {.name = "CR",
           .type = OptionSpec::Type::real,
           .fallback = 0.5,
           .summary = "probability that a parameter comes from the mutant",
           .low = 0.0,
           .high = 1.0}};
}

Genome de_offspring(const Genome& target, const std::vector<const Genome*>& parents, double F, double CR,
                    Rng& rng) {
  // Three different ones: the first steps of a shuffle.
  std::vector<std::size_t> order(parents.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = 0; i < 3; ++i) std::swap(order[i], order[i + rng.below(order.size() - i)]);
  const Genome &a = *parents[order[0]], &b = *parents[order[1]], &c = *parents[order[2]];
  Genome child = target;
  if (child.empty()) return child;
  const std::size_t surely = rng.below(child.size());
  for (std::size_t k = 0; k < child.size(); ++k) {
    if (k != surely && rng.uniform() >= CR) continue;
    child[k] = a[k] + F * (b[k] - c[k]);
    if (child[k] < 0.0 || child[k] > 1.0) child[k] = rng.uniform();
  }
  return child;
}

std::size_t DePopulation::turn() const {
  if (filled_ < slots_.size())
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      if (slots_[slot] == kNobody && pending_[slot] == 0) return slot;
  return next_;
}

std::vector<std::int64_t> DePopulation::best(std::size_t count) const {
  std::vector<std::int64_t> members;
  for (const std::int64_t trial : slots_)
    if (trial != kNobody) members.push_back(trial);
  individuals_->sort(members);
  if (members.size() > count) members.resize(count);
  return members;
}

bool DePopulation::has(std::int64_t trial) const {
  return std::find(slots_.begin(), slots_.end(), trial) != slots_.end();
}

void DePopulation::begin(std::int64_t trial) {
  const std::size_t slot = turn();
  if (!made_for_.emplace(trial, slot).second) return;
  ++pending_[slot];
  if (slot == next_) next_ = (next_ + 1) % slots_.size();
}

std::size_t DePopulation::worst() const {
  const auto empty = std::find(slots_.begin(), slots_.end(), kNobody);
  if (empty != slots_.end()) return static_cast<std::size_t>(empty - slots_.begin());
  const std::int64_t last = best(slots_.size()).back();
  return static_cast<std::size_t>(std::find(slots_.begin(), slots_.end(), last) - slots_.begin());
}

/// Where neither is better, several objectives go by the order within the whole population.
bool DePopulation::wins(std::int64_t trial, std::int64_t target) const {
  const Individual &a = individuals_->at(trial), &b = individuals_->at(target);
  const int order = individuals_->compare(a, b);
  if (order != 0) return order < 0;
  for (auto entry = a.values.rbegin(); entry != a.values.rend(); ++entry) {
    const auto other = b.values.find(entry->first);
    if (other == b.values.end()) continue;
    if (other->second == entry->second) return true;
    break;
  }
  std::vector<std::int64_t> all = best(slots_.size());
  all.push_back(trial);
  individuals_->sort(all);
  return std::find(all.begin(), all.end(), trial) < std::find(all.begin(), all.end(), target);
}

std::int64_t DePopulation::judge(std::int64_t trial) {
  const auto made = made_for_.find(trial);
  const std::size_t slot = made != made_for_.end() ? made->second : worst();
  if (made != made_for_.end()) {
    --pending_[slot];
    made_for_.erase(made);
  }
  if (individuals_->at(trial).standing == Individual::Standing::lost) return trial;
  if (slots_[slot] == kNobody) ++filled_;
  if (slots_[slot] != kNobody && !wins(trial, slots_[slot])) return trial;
  return std::exchange(slots_[slot], trial);
}

void DePopulation::remove(std::int64_t trial) {
  if (const auto made = made_for_.find(trial); made != made_for_.end()) {
    --pending_[made->second];
    made_for_.erase(made);
  }
  const auto slot = std::find(slots_.begin(), slots_.end(), trial);
  if (slot == slots_.end()) return;
  *slot = kNobody;
  --filled_;
}

}  // namespace hone::search
