#include "hone/study/spending.h"

#include <algorithm>
#include <cmath>

namespace hone::study {

std::int64_t Spending::remaining(const Trial& trial) {
  const Result* last = trial.last();
  return std::max<std::int64_t>(0, trial.target - (last == nullptr ? 0 : last->fidelity));
}

/// A measure tells what the trial cost so far: only what came since the last result that has it is new, in
/// money and in units.
void Spending::add(const Trial& trial, const std::string& measure, double now, std::int64_t fidelity) {
  if (!std::isfinite(now)) return;
  double known = 0.0;
  std::int64_t from = 0;
  for (auto result = trial.results.rbegin(); result != trial.results.rend(); ++result)
    if (const auto value = result->measures.find(measure); value && std::isfinite(*value)) {
      known = *value;
      from = result->fidelity;
      break;
    }
  // Less than before: of its last part alone, as a command's seconds are.
  if (now < known) known = 0.0;
  if (now != known) sums_.set(measure, sums_.find(measure).value_or(0.0) + now - known);
  if (fidelity > from)
    told_.set(measure, told_.find(measure).value_or(0.0) + static_cast<double>(fidelity - from));
}

void Spending::take(const Trial& trial, const Result& result) {
  const Result* last = trial.last();
  const std::int64_t from = last == nullptr ? 0 : last->fidelity;
  if (result.fidelity < std::max<std::int64_t>(1, from)) return;
  units_ += result.fidelity - from;
  for (const auto& [name, value] : result.measures.entries())
    // What stands at that fidelity stands.
    if (result.fidelity > from || !last->measures.find(name)) add(trial, name, value, result.fidelity);
}

void Spending::take(const Trial& trial, const EndRecord& end) {
  if (end.same_as >= 0 || end.untrained) return;
  const std::int64_t left = remaining(trial);
  const Result* last = trial.last();
  const bool given_back = end.state == TrialState::waiting && !end.lost && !end.vanished;
  const bool reported = last != nullptr && last->fidelity > trial.from;
  const bool stopped = end.state == TrialState::pruned || end.state == TrialState::paused;
  std::int64_t to = last == nullptr ? 0 : last->fidelity;
  if (end.reached) {
    const std::int64_t units = std::clamp<std::int64_t>(*end.reached - to, 0, left);
    units_ += units;
    to += units;
  } else if (!given_back && !(stopped && reported)) {
    lost_ += left;
    to += left;
  }
  for (const auto& [name, value] : end.spent.entries()) add(trial, name, value, to);
}

double Spending::total(const std::string& measure) const {
  const double untold = static_cast<double>(units()) - told_.find(measure).value_or(0.0);
  return sums_.find(measure).value_or(0.0) + price(measure) * std::max(0.0, untold);
}

double Spending::expected(const std::string& measure, std::int64_t units) const {
  return price(measure) * static_cast<double>(units);
}

double Spending::price(const std::string& measure) const {
  const double told = told_.find(measure).value_or(0.0);
  return told > 0.0 ? sums_.find(measure).value_or(0.0) / told : 0.0;
}

Json Spending::json() const {
  return {{"units", units_},
          {"lost", lost_},
          {"running", running_},
          {"sums", sums_.json()},
          {"told", told_.json()}};
}

Spending Spending::from_json(const Json& json) {
  Spending spending;
  spending.units_ = json.at("units");
  spending.lost_ = json.at("lost");
  spending.running_ = json.at("running");
  spending.sums_ = Measures::from_json(json.at("sums"));
  spending.told_ = Measures::from_json(json.at("told"));
  return spending;
}

}  // namespace hone::study
