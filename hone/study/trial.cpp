#include "hone/study/trial.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

constexpr std::array<std::pair<TrialState, const char*>, kTrialStates> kStates{{
    {TrialState::waiting, "waiting"},
    {TrialState::running, "running"},
    {TrialState::paused, "paused"},
    {TrialState::completed, "completed"},
    {TrialState::pruned, "pruned"},
    {TrialState::infeasible, "infeasible"},
    {TrialState::failed, "failed"},
    {TrialState::stale, "stale"},
    {TrialState::deleted, "deleted"},
}};

}  // namespace

const char* state_name(TrialState state) {
  for (const auto& [known, name] : kStates)
    if (known == state) return name;
  return "?";
}

TrialState state_from_name(const std::string& name) {
  for (const auto& [state, known] : kStates)
    if (known == name) return state;
  throw Error(fmt::format("'{}' is no state of a trial", name));
}

const Result* Trial::at(std::int64_t fidelity) const {
  for (const Result& result : results)
    if (result.fidelity == fidelity) return &result;
  return nullptr;
}

}  // namespace hone::study
