#include "hone/run/unkept_limits.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "hone/run/summary.h"
#include "hone/study/predicted.h"

namespace hone::run {
namespace {

constexpr std::int64_t kFewestMeasured = 16;

study::Measures known_of(const study::Trial& trial) {
  study::Measures known = trial.costs;
  if (trial.last() != nullptr) known.merge(trial.last()->measures);
  return known;
}

bool keeps_all(const std::vector<study::Limit>& limits, const study::Trial& trial) {
  const study::Measures known = known_of(trial);
  return std::all_of(limits.begin(), limits.end(), [&](const study::Limit& limit) {
    return known.find(limit.name) && limit.violation(known).empty();
  });
}

}  // namespace

std::string unkept_limits(const study::Study& study) {
  const auto& limits = study.header().limits;
  if (limits.empty() || study.size() <= kFewestMeasured) return {};
  // What keeps them late in a long study is seldom far from the front.
  for (const auto& member : study.front().members())
    if (keeps_all(limits, study.trial(member.trial))) return {};
  const std::int64_t looked = std::min(study.size(), kLookedBack);
  std::int64_t measured = 0, foreseen = 0;
  std::map<std::string, std::int64_t> broken;  // by limit
  for (std::int64_t id = 0; id < looked; ++id) {
    const study::Trial& trial = study.trial(id);
    if (keeps_all(limits, trial)) return {};
    const study::Measures known = known_of(trial);
    bool keeps = true, predicted = false;
    for (const study::Limit& limit : limits) {
      const bool found = known.find(limit.name).has_value();
      predicted = predicted || (!found && known.find(study::predicted_name(limit.name)));
      if (!found || limit.violation(known).empty()) continue;
      ++broken[limit.name];
      keeps = false;
    }
    if (!keeps)
      ++measured;
    else if (predicted && trial.state == study::TrialState::infeasible)
      ++foreseen;
  }
  if (measured < kFewestMeasured || 2 * foreseen < looked) return {};
  const auto worst = std::max_element(broken.begin(), broken.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  return fmt::format(
      "{}all {} that were measured break a limit, {} of them that on {}, and {} candidates were turned away "
      "by forecast: loosen the limit, or have every candidate measured with predict = false in it",
      looked < study.size() ? fmt::format("of the first {} trials ", looked) : "", measured, worst->second,
      worst->first, foreseen);
}

}  // namespace hone::run
