#include "hone/search/flow2.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {

Ground::Ground(const space::Space& space) : moves_(space) {
  for (const space::Parameter& parameter : moves_.space().parameters()) scales_.emplace_back(parameter);
}

double Ground::coordinate(std::size_t parameter, double entry) const {
  return moves_.is_categorical(parameter) ? (entry + 0.5) / static_cast<double>(moves_.size(parameter))
                                          : entry;
}

double Ground::gap(std::size_t parameter, double entry) const {
  const std::int64_t n = moves_.size(parameter);
  if (n < 2 || moves_.is_categorical(parameter)) return 0.0;
  const space::Scale& scale = scales_[parameter];
  const auto k = scale.index(scale.at(entry));
  const auto position = [&](std::int64_t at) { return scale.position(scale.value(at)); };
  return k + 1 < n ? position(k + 1) - position(k) : position(k) - position(k - 1);
}

double Ground::entry(std::size_t parameter, double moved, double from, Rng& rng) const {
  moved = std::clamp(moved, 0.0, 1.0);
  if (!moves_.is_categorical(parameter)) return moved;
  const auto n = static_cast<double>(moves_.size(parameter));
  if (std::min(std::floor(moved * n), n - 1.0) == from) return from;
  const auto other = static_cast<double>(rng.below(static_cast<std::uint64_t>(n) - 1));
  return other < from ? other : other + 1.0;
}

Flow2::Flow2(const Ground& ground, space::Point start, std::int64_t trial, Losses losses,
             std::vector<double> weights)
    : ground_(&ground),
      incumbent_(std::move(start)),
      trial_(trial),
      losses_(std::move(losses)),
      weights_(std::move(weights)),
      dimensions_(active()) {
  const std::size_t d = std::max<std::size_t>(1, dimensions_.size());
  largest_step_ = std::sqrt(static_cast<double>(d));
  step_ = kStep * largest_step_;
  if (least_step() > step_) step_ = 2.0 * least_step();
  step_ = std::min(step_, largest_step_);
  patience_ = 1 << std::min<std::size_t>(9, d);
  allowed_ = 2 * static_cast<int>(d);
}

std::vector<std::size_t> Flow2::active() const {
  const std::vector<bool> active = ground_->moves().active(incumbent_);
  std::vector<std::size_t> dimensions;
  for (const std::size_t i : ground_->moves().free())
    if (active[i]) dimensions.push_back(i);
  return dimensions;
}

double Flow2::least_step() const {
  double least = kInfinity;
  for (const std::size_t i : dimensions_) {
    const double gap = ground_->gap(i, incumbent_[i]);
    if (gap > 0.0) least = std::min(least, gap);
  }
  return std::isfinite(least) ? least * largest_step_ : 1e-4;
}

Flow2::Move Flow2::propose(bool first, Rng& rng) const {
  const Moves& moves = ground_->moves();
  const auto own = moves.config(incumbent_);
  Move move;
  for (int round = 0;; ++round) {
    move.step = std::min(largest_step_, step_ + kStep * round);
    move.opposite = first && round == 0 && !pending_.empty();
    move.direction.assign(incumbent_.size(), 0.0);
    if (move.opposite) {
      for (std::size_t i = 0; i < pending_.size(); ++i) move.direction[i] = -pending_[i];
    } else {
      double squares = 0.0;
      for (const std::size_t i : dimensions_) {
        move.direction[i] = rng.normal();
        squares += move.direction[i] * move.direction[i];
      }
      for (const std::size_t i : dimensions_)
        move.direction[i] *= move.step / std::sqrt(std::max(squares, 1e-300));
    }
    move.point = incumbent_;
    for (const std::size_t i : dimensions_)
      move.point[i] =
          ground_->entry(i, ground_->coordinate(i, incumbent_[i]) + move.direction[i], incumbent_[i], rng);
    if (round == 8 && !dimensions_.empty())
      moves.redraw(move.point, dimensions_[rng.below(dimensions_.size())], rng);
    move.config = moves.settle(move.point, &incumbent_, rng);
    moves.snap(move.point);
    if (round == 8 || !own || move.config != *own) return move;
  }
}

void Flow2::proposed(std::int64_t id, const Move& move) {
  pending_ = move.opposite ? std::vector<double>() : move.direction;
  outstanding_[id] = {move.point, move.step, number_};
  count_proposal();
}

void Flow2::skipped(int proposals) {
  pending_.clear();
  for (int k = 0; k < proposals; ++k) {
    count_proposal();
    ++all_completed_;
    count_completed();
  }
}

void Flow2::count_proposal() {
  ++all_proposed_;
  --allowed_;
  if (++proposed_for_ != patience_) return;
  proposed_for_ -= 2;
  if (step_ < least_step()) return;
  changed_before_ = changed_at_ > 0 ? changed_at_ : best_at_;
  changed_at_ = all_proposed_ + 1;
  step_ *= std::sqrt(static_cast<double>(changed_before_) / static_cast<double>(changed_at_));
}

void Flow2::count_completed() {
  ++completed_for_;
  if (completed_for_ >= 2 * static_cast<int>(dimensions_.size()) && allowed_ <= 0) allowed_ = 2;
  if (completed_for_ == patience_) {
    completed_for_ -= 2;
    allowed_ = std::max(allowed_, 2);
  }
}

void Flow2::finished(std::int64_t id, const space::Point& point, const Losses& losses, const Scalar& scalar) {
  if (id == trial_) {  // told again, or the start's first
    losses_ = losses;
    return;
  }
  const auto found = outstanding_.find(id);
  const bool own = found != outstanding_.end();
  const Outstanding move = own ? found->second : Outstanding{point, step_, -1};
  if (own) {
    outstanding_.erase(found);
    ++all_completed_;
  }
  if (scalar.better(losses, losses_, weights_)) return improve(id, move.point, move.step, losses);
  if (move.incumbent == number_) count_completed();
}

void Flow2::improve(std::int64_t id, const space::Point& point, double step, const Losses& losses) {
  incumbent_ = point;
  trial_ = id;
  losses_ = losses;
  dimensions_ = active();
  step_ = step;
  ++number_;
  completed_for_ = proposed_for_ = 0;
  allowed_ = 2 * std::max<int>(1, static_cast<int>(dimensions_.size()));
  pending_.clear();
  if (changed_at_ > 0)
    step_ *= std::sqrt(static_cast<double>(changed_at_) / static_cast<double>(changed_before_));
  step_ = std::min(step_, largest_step_);
  best_at_ = all_completed_;
}

void Flow2::forget(std::int64_t id) {
  outstanding_.erase(id);
  if (id == trial_) losses_.clear();
}

bool Flow2::converged() const { return completed_for_ >= patience_ - 2 && step_ < least_step(); }

bool Flow2::reaches(const Flow2& other) const {
  double squares = 0.0;
  for (const std::size_t i : dimensions_) {
    if (ground_->moves().is_categorical(i) && incumbent_[i] != other.incumbent_[i]) return false;
    const double apart = incumbent_[i] - other.incumbent_[i];
    squares += apart * apart;
  }
  return std::sqrt(squares) <= step_;
}

}  // namespace hone::search
