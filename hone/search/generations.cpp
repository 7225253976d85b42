#include "hone/search/generations.h"

#include <algorithm>

namespace hone::search {

void Generations::update(const study::Change& change) {
  using Event = Individuals::Event;
  const std::int64_t trial = change.trial->id;
  const auto drop = [&] {
    std::erase(population_, trial);
    std::erase(arrived_, trial);
  };
  switch (individuals_.update(change)) {
    case Event::judged:
      recent_.push_back(individuals_.at(trial).standing == Individual::Standing::lost);
      if (recent_.size() > kFewest) recent_.pop_front();
      if (recent_.back()) {
        individuals_.forget(trial);
      } else {
        arrived_.push_back(trial);
      }
      return turn_over();
    case Event::judged_anew:
      if (individuals_.at(trial).standing == Individual::Standing::lost) {
        drop();
        individuals_.forget(trial);
      } else if (std::find(population_.begin(), population_.end(), trial) != population_.end()) {
        individuals_.sort(population_);
      }
      return;
    case Event::gone:
      return drop();
    default:
      return;
  }
}

void Generations::turn_over() {
  const bool compete = survivors_ >= size_;
  const std::size_t wanted = compete || population_.empty() ? size_ : size_ - survivors_;
  const bool mostly_lost = population_.empty() && individuals_.enough(arrived_.size(), size_, kFewest) &&
                           2 * std::count(recent_.begin(), recent_.end(), true) > std::ssize(recent_);
  if (arrived_.size() < wanted && !mostly_lost) return;
  std::vector<std::int64_t> old = population_;
  if (!compete && population_.size() > survivors_) population_.resize(survivors_);
  std::vector<std::int64_t> next = arrived_;
  next.insert(next.end(), population_.begin(), population_.end());
  individuals_.sort(next);
  old.insert(old.end(), arrived_.begin(), arrived_.end());
  if (next.size() > size_) next.resize(size_);
  std::vector<std::int64_t> kept = next;
  std::sort(kept.begin(), kept.end());
  for (const std::int64_t trial : old)
    if (!std::binary_search(kept.begin(), kept.end(), trial)) individuals_.forget(trial);
  population_ = std::move(next);
  arrived_.clear();
  ++generation_;
}

std::int64_t Generations::tournament(std::size_t size, Rng& rng) const {
  std::size_t best = population_.size() - 1;
  for (std::size_t i = 0; i < size; ++i)
    best = std::min(best, static_cast<std::size_t>(rng.below(population_.size())));
  return population_[best];
}

}  // namespace hone::search
