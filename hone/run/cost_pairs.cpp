#include "hone/run/cost_pairs.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"
#include "hone/study/predicted.h"

namespace hone::run {
namespace {

constexpr std::size_t kFewest = 5;
constexpr std::int64_t kMost = 20000;  // trials looked at, evenly over the study
constexpr const char* kBefore = " (before)";

}  // namespace

double cost_of(const study::Trial& trial, const std::string& name) {
  if (name.ends_with(kBefore))
    return trial.costs.find(name.substr(0, name.size() - std::string_view(kBefore).size())).value_or(kNaN);
  if (trial.last() != nullptr)
    if (const auto value = trial.last()->measures.find(name)) return *value;
  return trial.costs.find(name).value_or(kNaN);
}

std::vector<CostPair> cost_pairs(const study::Study& study, const StudyFile& file) {
  std::vector<const study::Trial*> trials;
  const std::int64_t every = std::max<std::int64_t>(1, study.size() / kMost);
  for (const study::Trial& trial : study.trials())
    if (trial.id % every == 0 && trial.state != study::TrialState::deleted &&
        (trial.last() != nullptr || !trial.costs.empty()))
      trials.push_back(&trial);

  std::set<std::string> reported, differing;
  for (const study::Trial* trial : trials) {
    for (const auto& [name, value] : trial->costs.entries()) {
      reported.insert(name);
      const auto later = trial->last() != nullptr ? trial->last()->measures.find(name) : std::nullopt;
      if (later && std::isfinite(*later) && std::isfinite(value) && *later != value) differing.insert(name);
    }
    if (trial->last() != nullptr)
      for (const auto& entry : trial->last()->measures.entries()) reported.insert(entry.first);
  }
  std::vector<CostPair> pairs;
  for (const std::string& name : reported)
    if (const std::string predicted = study::predicted_name(name); reported.count(predicted))
      pairs.push_back({predicted, name, true});
  for (const std::string& name : differing) pairs.push_back({name + kBefore, name, true});
  const auto infos = file.task->measures();
  for (const auto& design : infos)
    for (const auto& measured : infos)
      if (design.before && !design.timed && measured.name != design.name &&
          (measured.timed || (measured.unshared && !measured.before)) &&
          // A spread says how noisy a measurement was; nothing is predicted by a design's size there.
          measured.name.find("spread") == std::string::npos && !design.name.ends_with("_predicted"))
        pairs.push_back({design.name, measured.name});

  std::vector<CostPair> kept;
  for (CostPair& pair : pairs) {
    std::vector<double> x, y, off;
    for (const study::Trial* trial : trials) {
      const double a = cost_of(*trial, pair.predicted), b = cost_of(*trial, pair.measured);
      if (!std::isfinite(a) || !std::isfinite(b)) continue;
      x.push_back(a);
      y.push_back(b);
      if (b != 0.0) off.push_back(std::abs(a / b - 1.0));
    }
    pair.trials = static_cast<std::int64_t>(x.size());
    pair.rank = predict::rank_correlation(x, y);
    if (x.size() < kFewest || std::isnan(pair.rank)) continue;
    if (pair.same_quantity && !off.empty()) pair.off = predict::upper_median(std::move(off));
    kept.push_back(pair);
  }
  return kept;
}

}  // namespace hone::run
