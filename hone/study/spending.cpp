#include "hone/study/spending.h"

#include <algorithm>
#include <cmath>

namespace hone::study {
namespace {

/// Whether it tells what something cost.
bool is_cost(double value) { return std::isfinite(value) && value >= 0.0; }

/// What is new of a measure that was `known` before. Less than that: it is of the last part alone.
double since(double known, double now) { return now < known ? now : now - known; }

}  // namespace

std::int64_t Spending::remaining(const Trial& trial) {
  const Result* last = trial.last();
  return std::max<std::int64_t>(0, trial.target - (last == nullptr ? 0 : last->fidelity));
}

/// A measure tells what the trial cost so far: only what came since the last result that has it is new, in
/// money and in units.
void Spending::add(const Trial& trial, const std::string& measure, double now, std::int64_t fidelity) {
  if (!is_cost(now)) return;
  double known = 0.0;
  std::int64_t from = 0;
  for (auto result = trial.results.rbegin(); result != trial.results.rend(); ++result)
    if (const auto value = result->measures.find(measure); value && is_cost(*value)) {
      known = *value;
      from = result->fidelity;
      break;
    }
  if (now != known) sums_.set(measure, sums_.find(measure).value_or(0.0) + since(known, now));
  if (fidelity > from)
    told_.set(measure, told_.find(measure).value_or(0.0) + static_cast<double>(fidelity - from));
}

/// What the attempt took goes in the place of what its results said, and so do its units.
void Spending::settle(const Trial& trial, const std::string& measure, double took, std::int64_t to) {
  if (!is_cost(took)) return;
  // One that began at its target told there what it lacked, of units that are known.
  const bool advanced = trial.from < trial.target;
  const std::int64_t own = advanced ? trial.from + 1 : trial.from;
  double known = 0.0, said = 0.0;
  std::int64_t at = 0, told = 0;
  for (const Result& result : trial.results) {
    const auto now = result.measures.find(measure);
    if (!now || !is_cost(*now)) continue;
    if (result.fidelity >= own) {
      said += since(known, *now);
      told += result.fidelity - at;
    }
    known = *now;
    at = result.fidelity;
  }
  // Where it only told the rest, what earlier attempts told there stays.
  const double more = advanced ? took - said : std::max(0.0, took - said);
  // What a part took that was broken off within its first unit says nothing of what a unit costs.
  Measures& sums = advanced && to == trial.from ? aside_ : sums_;
  sums.set(measure, sums.find(measure).value_or(0.0) + more);
  if (advanced)
    told_.set(measure, told_.find(measure).value_or(0.0) + static_cast<double>(to - trial.from - told));
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
  for (const auto& [name, value] : end.spent.entries())
    if (!end.took.find(name)) add(trial, name, value, to);
  for (const auto& [name, value] : end.took.entries()) settle(trial, name, value, to);
}

double Spending::total(const std::string& measure) const {
  const double untold = static_cast<double>(units()) - told_.find(measure).value_or(0.0);
  return sums_.find(measure).value_or(0.0) + aside_.find(measure).value_or(0.0) +
         price(measure) * std::max(0.0, untold);
}

double Spending::expected(const std::string& measure, std::int64_t units) const {
  return price(measure) * static_cast<double>(units);
}

double Spending::price(const std::string& measure) const {
  const double told = told_.find(measure).value_or(0.0);
  return told > 0.0 ? sums_.find(measure).value_or(0.0) / told : 0.0;
}

Json Spending::json() const {
  return {{"units", units_},      {"lost", lost_},          {"running", running_},
          {"sums", sums_.json()}, {"aside", aside_.json()}, {"told", told_.json()}};
}

Spending Spending::from_json(const Json& json) {
  Spending spending;
  spending.units_ = json.at("units");
  spending.lost_ = json.at("lost");
  spending.running_ = json.at("running");
  spending.sums_ = Measures::from_json(json.at("sums"));
  spending.told_ = Measures::from_json(json.at("told"));
  if (json.contains("aside")) spending.aside_ = Measures::from_json(json.at("aside"));
  return spending;
}

}  // namespace hone::study
