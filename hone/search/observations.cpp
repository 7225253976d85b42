#include "hone/search/observations.h"

#include <algorithm>
#include <cmath>

namespace hone::search {

using study::TrialState;

Observations::Observations(const Problem& problem, const Moves& moves, std::size_t enough, std::size_t most)
    : problem_(problem), moves_(moves), enough_(enough), most_(most), scalar_(problem.objectives.size()) {}

const std::vector<Observations::Row>& Observations::rows() const {
  static const std::vector<Row> kNone;
  return model_ == nullptr ? kNone : model_->rows;
}

std::vector<const space::Point*> Observations::running() const {
  std::vector<const space::Point*> points;
  for (const auto& [trial, point] : running_)
    if (model_ == nullptr || !model_->slots.contains(trial)) points.push_back(&point);
  return points;
}

space::Point Observations::point_of(const study::Trial& trial) const {
  Rng rng(problem_.seed, "filled", static_cast<std::uint64_t>(trial.id));
  return moves_.filled(trial.config, rng);
}

void Observations::update(const study::Change& change) {
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (trial.state == TrialState::deleted && change.kind != Kind::deleted) return;
  switch (change.kind) {
    case Kind::created:
      running_.emplace(trial.id, point_of(trial));
      return;
    case Kind::started:
    case Kind::keys:
      return;
    case Kind::deleted:
      running_.erase(trial.id);
      take_away(trial.id);
      return choose();
    case Kind::state: {
      const bool runs = !trial.done() && trial.state != TrialState::paused;
      if (!runs) running_.erase(trial.id);
      if (runs) running_.try_emplace(trial.id, point_of(trial));
      const bool given_up = trial.done() && trial.state != TrialState::completed;
      if (given_up) lose(trial);
      return choose();
    }
    case Kind::result: {
      auto losses = study::oriented(problem_.objectives, change.result->measures);
      const bool finite = !losses.empty() && std::all_of(losses.begin(), losses.end(),
                                                         [](double v) { return std::isfinite(v); });
      const bool given_up = trial.done() && trial.state != TrialState::completed;
      for (double& value : losses) value = std::clamp(value, -kLargestLoss, kLargestLoss);
      if (finite && !given_up && !breaks_limits(problem_, trial, *change.result))
        put(levels_[change.result->fidelity], trial, std::move(losses));
      else
        lose(trial);
      return choose();
    }
  }
}

void Observations::put(Level& level, const study::Trial& trial, std::vector<double> losses) {
  find_again(trial.id);
  scalar_.see(losses);
  const auto [found, is_new] =
      level.slots.try_emplace(trial.id, static_cast<std::ptrdiff_t>(level.rows.size()));
  if (is_new) {
    level.rows.push_back({trial.id, point_of(trial), std::move(losses)});
    const std::size_t since = level.rows.size() - level.fitted;
    if (since >= std::clamp<std::size_t>(level.fitted / 50, 1, kMostNew)) due(level);
  } else if (found->second >= 0) {
    Row& row = level.rows[static_cast<std::size_t>(found->second)];
    if (row.losses == losses) return;
    row.losses = std::move(losses);
    due(level);
  }
}

void Observations::due(Level& level) {
  const auto weights = Scalar::equal_weights(problem_.objectives.size());
  while (level.rows.size() > most_) {
    Rng rng(problem_.seed, "thinning", thinned_++);
    const auto a = static_cast<std::size_t>(rng.below(level.rows.size()));
    auto b = static_cast<std::size_t>(rng.below(level.rows.size() - 1));
    if (b >= a) ++b;
    const bool a_is_worse =
        scalar_.at(level.rows[a].losses, weights) > scalar_.at(level.rows[b].losses, weights);
    const std::size_t out = a_is_worse ? a : b;
    level.slots[level.rows[out].trial] = -1;
    remove(level, out);
  }
  level.fitted = level.rows.size();
  if (&level != model_) return;
  if (lost_.size() > kMostLost)
    lost_.erase(lost_.begin(), lost_.end() - static_cast<std::ptrdiff_t>(kMostLost));
  lost_fitted_ = lost_.size();
  ++generation_;
}

void Observations::remove(Level& level, std::size_t slot) {
  if (slot + 1 < level.rows.size()) {
    level.rows[slot] = std::move(level.rows.back());
    level.slots[level.rows[slot].trial] = static_cast<std::ptrdiff_t>(slot);
  }
  level.rows.pop_back();
}

void Observations::take_away(std::int64_t trial) {
  find_again(trial);
  for (auto& [fidelity, level] : levels_) {
    const auto found = level.slots.find(trial);
    if (found == level.slots.end()) continue;
    const std::ptrdiff_t slot = found->second;
    level.slots.erase(found);
    if (slot < 0) continue;
    remove(level, static_cast<std::size_t>(slot));
    due(level);
  }
}

void Observations::lose(const study::Trial& trial) {
  take_away(trial.id);
  lost_.push_back({trial.id, point_of(trial), {}});
  if (model_ != nullptr && lost_.size() >= lost_fitted_ + kMostNew) due(*model_);
  // Where nothing but failures came, no fit is due that would drop the oldest.
  if (model_ == nullptr && lost_.size() > 2 * kMostLost)
    lost_.erase(lost_.begin(), lost_.end() - static_cast<std::ptrdiff_t>(kMostLost));
}

void Observations::find_again(std::int64_t trial) {
  const auto found =
      std::find_if(lost_.begin(), lost_.end(), [&](const Row& row) { return row.trial == trial; });
  if (found == lost_.end()) return;
  const bool was_fitted = found - lost_.begin() < static_cast<std::ptrdiff_t>(lost_fitted_);
  lost_.erase(found);
  if (was_fitted) due(*model_);
}

void Observations::choose() {
  Level* best = nullptr;
  for (auto& [fidelity, level] : levels_)
    if (best == nullptr || level.rows.size() >= enough_ || level.rows.size() >= best->rows.size())
      best = &level;
  if (best == model_ || best == nullptr) return;
  model_ = best;
  due(*model_);
}

}  // namespace hone::search
