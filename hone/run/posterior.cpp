#include "hone/run/posterior.h"

#include <algorithm>
#include <cmath>

#include "hone/predict/shrinkage.h"

namespace hone::run {
namespace {

/// What a trial's function came to: its evaluations together, oriented.
struct Evaluated {
  std::int64_t trial = 0;
  std::size_t function = 0;  ///< index of what is said of its function
  std::vector<double> means;
};

bool within_limits(const study::Study& study, const study::Measures& measures) {
  const auto& limits = study.header().limits;
  return std::all_of(limits.begin(), limits.end(),
                     [&](const study::Limit& limit) { return limit.violation(measures).empty(); });
}

}  // namespace

Shown::Shown(const study::Study& study, const StudyFile& file) : study_(&study) {
  if (file.identity.policy != identity::Policy::average || study.light()) {
    front_ = study.front();
    return;
  }
  posterior_ = true;
  const auto& objectives = study.objectives();
  std::vector<Evaluated> all;
  // By objective: what repeats of each function say. A function is known by the first trial that was
  // evaluated for it.
  std::vector<std::vector<predict::Repeated>> repeated(objectives.size());
  std::map<std::int64_t, std::size_t> functions;
  for (const study::Trial& trial : study.trials()) {
    if (!study.eligible(trial)) continue;
    const study::Measures measures = study.outcome(trial.id);
    if (measures.empty() || !within_limits(study, measures)) continue;
    Evaluated one{trial.id, 0, oriented(objectives, measures)};
    if (!std::all_of(one.means.begin(), one.means.end(), [](double v) { return std::isfinite(v); })) continue;
    const study::Trial& first = study.trial(study.evaluated_with(trial.id).back());
    const auto [at, fresh] =
        functions.try_emplace(first.joins >= 0 ? first.joins : first.id, functions.size());
    one.function = at->second;
    if (fresh) {
      const auto spread = study.spread(trial.id);
      for (std::size_t i = 0; i < objectives.size(); ++i) {
        const double deviation = spread.deviation.find(objectives[i].name).value_or(0.0);
        repeated[i].push_back(
            {one.means[i], deviation * deviation * static_cast<double>(spread.n - 1), spread.n});
      }
    }
    all.push_back(std::move(one));
  }
  // A member's own cost may differ from that of its function's first; what repeats say moves its quality.
  std::vector<std::vector<double>> shift(objectives.size());
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    shift[i] = predict::posterior_means(repeated[i]);
    for (std::size_t f = 0; f < shift[i].size(); ++f) shift[i][f] -= repeated[i][f].mean;
  }
  for (Evaluated& one : all) {
    for (std::size_t i = 0; i < objectives.size(); ++i) one.means[i] += shift[i][one.function];
    front_.insert(one.trial, one.means);
    points_.emplace(one.trial, std::move(one.means));
  }
}

bool Shown::on_front(std::int64_t trial) const {
  return std::any_of(front_.members().begin(), front_.members().end(),
                     [trial](const auto& member) { return member.trial == trial; });
}

study::Measures Shown::measures(std::int64_t trial) const {
  study::Measures measures = study_->outcome(trial);
  if (const auto point = points_.find(trial); point != points_.end())
    for (std::size_t i = 0; i < point->second.size(); ++i) {
      const auto& objective = study_->objectives()[i];
      measures.set(objective.name, objective.minimize ? point->second[i] : -point->second[i]);
    }
  return measures;
}

study::Front shown_front(const study::Study& study, const StudyFile& file) {
  return Shown(study, file).front();
}

}  // namespace hone::run
