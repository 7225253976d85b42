#include "hone/search/neighbourhood.h"

#include <utility>

namespace hone::search {

void Neighbourhood::enter(space::Point origin, int draws, std::uint64_t seed, std::uint64_t number,
                          const Known& known) {
  leave();
  origin_ = std::move(origin);
  seed_ = seed;
  number_ = number;
  const std::vector<bool> active = moves_->active(origin_);
  for (const std::size_t i : moves_->free()) {
    if (!active[i]) continue;
    if (moves_->is_categorical(i)) {
      for (std::int64_t k = 0; k < moves_->size(i); ++k)
        if (static_cast<double>(k) != origin_[i]) specs_.push_back({i, k});
    } else if (moves_->space().parameter(i).kind == space::ParameterKind::ordinal) {
      specs_.push_back({i, -1});
      specs_.push_back({i, 1});
    } else {
      for (int draw = 0; draw < draws; ++draw) specs_.push_back({i, draw});
    }
  }
  Rng rng(seed_, "local search order", number_);
  for (std::size_t i = specs_.size(); i > 1; --i) std::swap(specs_[i - 1], specs_[rng.below(i)]);
  pass(known);
}

void Neighbourhood::leave() {
  specs_.clear();
  cursor_ = 0;
}

void Neighbourhood::pass(const Known& known) {
  while (!exhausted() && !made(cursor_, known)) ++cursor_;
}

std::optional<space::Config> Neighbourhood::left(int n, const Known& known) const {
  int found = 0;
  for (std::size_t k = cursor_; k < specs_.size(); ++k)
    if (auto config = made(k, known); config && found++ == n) return config;
  return std::nullopt;
}

std::optional<space::Config> Neighbourhood::made(std::size_t k, const Known& known) const {
  const Spec& spec = specs_[k];
  space::Point point = origin_;
  if (moves_->is_categorical(spec.parameter)) {
    point[spec.parameter] = static_cast<double>(spec.which);
  } else if (moves_->space().parameter(spec.parameter).kind == space::ParameterKind::ordinal) {
    const double n = static_cast<double>(moves_->size(spec.parameter));
    const double moved = point[spec.parameter] + static_cast<double>(spec.which) / n;
    if (moved < 0.0 || moved > 1.0) return std::nullopt;
    point[spec.parameter] = moved;
  } else {
    Rng rng(seed_, "local search step", number_, static_cast<std::uint32_t>(k));
    moves_->step(point, spec.parameter, 0.2, rng);
  }
  auto config = moves_->config(point);
  if (config && known.contains(config->key())) return std::nullopt;
  return config;
}

}  // namespace hone::search
