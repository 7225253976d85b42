#include "hone/search/credit.h"

#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {
namespace {

constexpr std::size_t kProposals = 8;  // of a proposer
constexpr std::size_t kResults = 64;   // compared with
constexpr double kBefore = 2.0;        // proposals of middling rank

}  // namespace

void Credit::update(const Problem& problem, const study::Change& change) {
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (change.kind == Kind::deleted) forget(trial.id);
  double value = kNaN;
  const std::int64_t fidelity = change.kind == Kind::result ? change.result->fidelity : 0;
  if (change.kind == Kind::result && !breaks_limits(problem, trial, *change.result)) {
    if (!change.result->measures.find(problem.objectives[0].name)) return;
    value = study::oriented(problem.objectives, change.result->measures)[0];
  } else if (trial.state != study::TrialState::failed) {
    if (trial.done()) open_.erase(trial.id);
    return;
  }
  if (const auto found = open_.find(trial.id); found != open_.end()) {
    judge(found->second, value, fidelity);
    open_.erase(found);
  }
  observe(trial.id, value, fidelity);
}

void Credit::observe(std::int64_t trial, double value, std::int64_t level) {
  if (!std::isfinite(value)) return;
  Level& at = levels_[level];
  if (!at.best.insert(trial, value)) return;
  at.latest.emplace_back(trial, value);
  if (at.latest.size() > kResults) at.latest.pop_front();
}

void Credit::judge(std::size_t proposer, double value, std::int64_t level) {
  const Level& at = levels_[level];
  double rank = 1.0;
  if (std::isfinite(value) && value != at.best.value()) {
    double better = 0.0;
    for (const auto& [trial, other] : at.latest) better += other < value ? 1.0 : other == value ? 0.5 : 0.0;
    rank = at.latest.empty() ? 0.5 : better / static_cast<double>(at.latest.size());
  }
  auto& latest = latest_[proposer];
  latest.push_back(rank);
  if (latest.size() > kProposals) latest.pop_front();
}

void Credit::forget(std::int64_t trial) {
  open_.erase(trial);
  for (auto& [level, at] : levels_) {
    at.best.erase(trial);
    std::erase_if(at.latest, [&](const auto& it) { return it.first == trial; });
  }
}

double Credit::poor(std::size_t proposer) const {
  double sum = 0.5 * kBefore;
  for (const double rank : latest_[proposer]) sum += rank;
  return sum / (kBefore + static_cast<double>(latest_[proposer].size()));
}

}  // namespace hone::search
