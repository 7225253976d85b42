#include <algorithm>
#include <cmath>
#include <map>

#include "hone/base/numbers.h"
#include "hone/predict/running_median.h"
#include "hone/schedule/one_fidelity.h"

namespace hone::schedule {
namespace {

/// The median stopping rule (Golovin et al., "Google Vizier", KDD 2017, section 3.2.2): a trial is stopped at
/// step s where its best value so far is strictly worse than the median, over all completed trials, of the
/// average of what they had reported up to s. Model-free; it needs tasks that report on their way.
///
/// Where completed trials reported at other steps than s, those at the last step before s that `min_trials`
/// of them share are compared. Several objectives: stopped where that holds for every one. A reused result
/// (same_as) does not count. Trials that an earlier scheduler left at rest go on first, and are judged too.
/// A report that is not finite is worse than any. O(results log n) where a trial
/// completes.
class Median : public StoppingRule {
 public:
  Median(const Problem& problem, const Options& options)
      : StoppingRule(options),
        objectives_(problem.objectives),
        min_trials_(static_cast<std::size_t>(options.integer("min_trials"))) {}

  void update(const study::Change& change) override {
    StoppingRule::update(change);
    const study::Trial& trial = *change.trial;
    const bool counts = trial.state == study::TrialState::completed && trial.same_as < 0;
    if (counts == completed_.contains(trial.id)) {
      // Told again, or a result that came after the end.
      if (!counts || change.kind != study::Change::Kind::result) return;
      forget(trial.id);
    } else if (!counts) {
      forget(trial.id);
      completed_.erase(trial.id);
      return;
    }
    auto& averages = completed_[trial.id];
    averages = averages_of(trial);
    for (const auto& [fidelity, values] : averages) {
      auto& medians = medians_[fidelity];
      medians.resize(objectives_.size());
      for (std::size_t i = 0; i < values.size(); ++i) medians[i].insert(values[i]);
    }
  }

  Verdict judge(const study::Trial& trial, std::int64_t fidelity) override {
    if (!begins_at(fidelity)) return Verdict::go_on;
    auto at = medians_.upper_bound(fidelity);
    while (at != medians_.begin()) {
      --at;
      if (at->second.front().size() >= min_trials_) break;
      if (at == medians_.begin()) return Verdict::go_on;
    }
    if (at == medians_.end() || at->first > fidelity || at->second.front().size() < min_trials_)
      return Verdict::go_on;
    std::vector<double> best(objectives_.size(), kInfinity);
    for (const study::Result& result : trial.results) {
      if (result.fidelity > fidelity) break;
      const auto values = study::oriented(objectives_, result.measures);
      for (std::size_t i = 0; i < best.size(); ++i)
        if (std::isfinite(values[i])) best[i] = std::min(best[i], values[i]);
    }
    for (std::size_t i = 0; i < best.size(); ++i)
      if (!(best[i] > at->second[i].value())) return Verdict::go_on;
    return Verdict::stop;
  }

 private:
  using Averages = std::vector<std::pair<std::int64_t, std::vector<double>>>;

  /// By the fidelity of each report the mean of those up to it.
  Averages averages_of(const study::Trial& trial) const {
    Averages averages;
    std::vector<double> sums(objectives_.size(), 0.0);
    for (const study::Result& result : trial.results) {
      const auto values = study::oriented(objectives_, result.measures);
      std::vector<double> means;
      for (std::size_t i = 0; i < values.size(); ++i) {
        sums[i] += std::isfinite(values[i]) ? values[i] : kInfinity;
        means.push_back(sums[i] / static_cast<double>(averages.size() + 1));
      }
      averages.emplace_back(result.fidelity, std::move(means));
    }
    return averages;
  }

  void forget(std::int64_t trial) {
    for (const auto& [fidelity, values] : completed_.at(trial)) {
      auto& medians = medians_.at(fidelity);
      for (std::size_t i = 0; i < values.size(); ++i) medians[i].erase(values[i]);
      if (medians.front().size() == 0) medians_.erase(fidelity);
    }
    completed_.at(trial).clear();
  }

  std::vector<study::Objective> objectives_;
  std::size_t min_trials_;
  std::map<std::int64_t, std::vector<predict::RunningMedian>> medians_;  // by fidelity, then objective
  std::map<std::int64_t, Averages> completed_;
};

}  // namespace
}  // namespace hone::schedule

HONE_REGISTER(scheduler, median) {
  using namespace hone;
  auto options = schedule::StoppingRule::options();
  options.push_back({.name = "min_trials",
                     .type = OptionSpec::Type::integer,
                     .fallback = 5,
                     .summary = "completed trials that it takes to stop one",
                     .low = 1,
                     .high = 1e9});
  registry.add(
      "scheduler",
      MethodInfo{
          .name = "median",
          .summary = "Stops a trial whose best is worse than the median of the others' averages so far.",
          .paper = "Google Vizier: A Service for Black-Box Optimization",
          .options = std::move(options),
          .abilities = {.objectives = "several",
                        .constraints = "ignored",
                        .batch = "independent",
                        .fidelity = "every report",
                        .ask = "O(1)",
                        .trials = "any number"}},
      schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
        return std::make_unique<schedule::Median>(problem, options);
      }));
}
