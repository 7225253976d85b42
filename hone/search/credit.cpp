#include "hone/search/credit.h"

#include <cmath>

namespace hone::search {
namespace {

constexpr std::size_t kProposals = 8;  // of a proposer
constexpr std::size_t kResults = 64;   // compared with
constexpr double kBefore = 2.0;        // proposals of middling rank

}  // namespace

void Credit::observe(double value, std::int64_t level) {
  if (!std::isfinite(value)) return;
  Level& at = levels_[level];
  if (value < at.best) at.best = value;
  at.results.push_back(value);
  if (at.results.size() > kResults) at.results.pop_front();
}

void Credit::observe(std::size_t proposer, double value, std::int64_t level) {
  const Level& at = levels_[level];
  double rank = 1.0;
  if (std::isfinite(value) && value != at.best) {
    double better = 0.0;
    for (const double other : at.results) better += other < value ? 1.0 : other == value ? 0.5 : 0.0;
    rank = at.results.empty() ? 0.5 : better / static_cast<double>(at.results.size());
  }
  observe(value, level);
  auto& latest = latest_[proposer];
  latest.push_back(rank);
  if (latest.size() > kProposals) latest.pop_front();
}

double Credit::poor(std::size_t proposer) const {
  double sum = 0.5 * kBefore;
  for (const double rank : latest_[proposer]) sum += rank;
  return sum / (kBefore + static_cast<double>(latest_[proposer].size()));
}

}  // namespace hone::search
