#include "hone/run/gains.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"

namespace hone::run {
namespace {

constexpr std::size_t kNamed = 4;      // parameters in a sentence
constexpr double kWorthNaming = 0.03;  // of all that the steps change together

std::string setting_text(const space::Config& config, const std::string& name) {
  const Value* value = config.find(name);
  if (value == nullptr) return "-";
  if (const auto* real = std::get_if<double>(value)) return fmt::format("{:.4g}", *real);
  return value_text(*value);
}

/// "-30%", with a decimal where it is small; +0.4 as it is where the whole is zero.
std::string change_text(const Gain& gain, double change) {
  if (gain.before == 0.0) return fmt::format("{:+.3g}", change);
  const double percent = 100.0 * change / std::abs(gain.before);
  if (std::abs(percent) >= 1000.0) return fmt::format("{:+.3g} times", change / std::abs(gain.before));
  return std::abs(percent) < 9.95 ? fmt::format("{:+.1f}%", percent) : fmt::format("{:+.0f}%", percent);
}

}  // namespace

double Gain::relative() const { return before != 0.0 ? (after - before) / std::abs(before) : kNaN; }

std::int64_t default_trial(const study::Study& study, std::int64_t most) {
  for (std::int64_t id = 0; id < std::min(most, study.size()); ++id)
    if (study.trial(id).origin == "default") return id;
  return -1;
}

Gain gain_over(const Shown& shown, std::int64_t from, std::size_t objective, const EffectModel* model,
               const space::Space& space) {
  const study::Study& study = shown.study();
  Gain gain;
  gain.objective = study.objectives()[objective].name;
  gain.minimize = study.objectives()[objective].minimize;
  const study::Trial& before = study.trial(from);
  const auto& members = shown.front().members();
  const auto best = std::min_element(members.begin(), members.end(), [&](const auto& a, const auto& b) {
    return a.values[objective] < b.values[objective];
  });
  const double sign = gain.minimize ? 1.0 : -1.0;
  gain.before = shown.measures(from).find(gain.objective).value_or(kNaN);
  gain.after = sign * best->values[objective];
  gain.trial = best->trial;
  const study::Trial& after = study.trial(best->trial);
  std::vector<std::pair<std::size_t, double>> path;
  if (model != nullptr && model->lacking().empty()) {
    try {
      path = model->path(before.config, after.config, gain.minimize);
      gain.estimated = true;
    } catch (const Error&) {
      // A config that was enqueued from another space: named without estimates.
    }
  }
  if (!gain.estimated)
    for (std::size_t i = 0; i < space.size(); ++i) {
      const Value* a = before.config.find(space.parameter(i).name);
      const Value* b = after.config.find(space.parameter(i).name);
      if ((a == nullptr) != (b == nullptr) || (a != nullptr && *a != *b)) path.emplace_back(i, 0.0);
    }
  for (const auto& [parameter, change] : path) {
    const std::string& name = space.parameter(parameter).name;
    gain.steps.push_back({name, setting_text(before.config, name), setting_text(after.config, name), change});
  }
  return gain;
}

std::string gain_text(const Gain& gain) {
  const double change = gain.after - gain.before;
  std::string text = fmt::format("{} {} -> {}", gain.objective, quantity_text(gain.objective, gain.before),
                                 quantity_text(gain.objective, gain.after));
  if (change == 0.0) return text + ": the defaults are the best";
  text += fmt::format(" ({})", change_text(gain, change));
  if (gain.steps.empty()) return text;
  std::vector<std::string> named;
  std::size_t rest = gain.steps.size();
  if (!gain.estimated) {
    for (const auto& step : gain.steps)
      if (named.size() < 2 * kNamed) named.push_back(fmt::format("{}={}", step.parameter, step.to));
    rest -= named.size();
    return fmt::format("{} with {}{}", text, fmt::join(named, ", "),
                       rest > 0 ? fmt::format(" and {} more", rest) : "");
  }
  // The strongest first, those that go the right way.
  std::vector<Gain::Step> steps = gain.steps;
  std::stable_sort(steps.begin(), steps.end(), [&](const auto& a, const auto& b) {
    return gain.minimize ? a.change < b.change : a.change > b.change;
  });
  double all = 0.0;
  for (const auto& step : steps) all += std::abs(step.change);
  for (const auto& step : steps) {
    const bool helps = gain.minimize ? step.change < 0.0 : step.change > 0.0;
    if (!helps || named.size() >= kNamed || std::abs(step.change) < kWorthNaming * all) continue;
    named.push_back(fmt::format("{}{} ({})", step.parameter,
                                step.to == "-" ? std::string(" dropped") : "=" + step.to,
                                change_text(gain, step.change)));
  }
  rest -= named.size();
  if (named.empty()) return fmt::format("{}, by none of its {} other settings in particular", text, rest);
  return fmt::format("{}: {}{}", text, rest > 0 ? "mostly " : "", fmt::join(named, ", "));
}

std::vector<std::int64_t> better_everywhere(const Shown& shown, std::int64_t from) {
  const study::Measures outcome = shown.measures(from);
  std::vector<std::int64_t> ids;
  if (outcome.empty()) return ids;
  const auto before = study::oriented(shown.study().objectives(), outcome);
  for (const auto& member : shown.front().members()) {
    bool better = true;
    for (std::size_t i = 0; i < before.size(); ++i) better = better && member.values[i] < before[i];
    if (better) ids.push_back(member.trial);
  }
  return ids;
}

}  // namespace hone::run
