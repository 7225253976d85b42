#include "hone/run/unkept_limits.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "hone/study/predicted.h"

namespace hone::run {
namespace {

constexpr std::int64_t kFewestMeasured = 16;

}  // namespace

std::string unkept_limits(const study::Study& study) {
  const auto& limits = study.header().limits;
  if (limits.empty() || study.size() <= kFewestMeasured) return {};
  std::int64_t measured = 0, foreseen = 0;
  std::map<std::string, std::int64_t> broken;  // by limit
  for (const study::Trial& trial : study.trials()) {
    study::Measures known = trial.costs;
    if (trial.last() != nullptr) known.merge(trial.last()->measures);
    bool told = true, keeps = true, predicted = false;
    for (const study::Limit& limit : limits) {
      const bool found = known.find(limit.name).has_value();
      told = told && found;
      predicted = predicted || (!found && known.find(study::predicted_name(limit.name)));
      if (!found || limit.violation(known).empty()) continue;
      ++broken[limit.name];
      keeps = false;
    }
    if (told && keeps) return {};
    if (!keeps)
      ++measured;
    else if (predicted && trial.state == study::TrialState::infeasible)
      ++foreseen;
  }
  if (measured < kFewestMeasured || 2 * foreseen < study.size()) return {};
  const auto worst = std::max_element(broken.begin(), broken.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  return fmt::format(
      "all {} that were measured break a limit, {} of them that on {}, and {} candidates were turned away by "
      "forecast: loosen the limit, or have every candidate measured with predict = false in it",
      measured, worst->second, worst->first, foreseen);
}

}  // namespace hone::run
