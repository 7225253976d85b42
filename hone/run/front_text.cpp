#include "hone/run/front_text.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/run/gains.h"
#include "hone/run/posterior.h"
#include "hone/run/summary.h"
#include "hone/run/unkept_limits.h"
#include "hone/run/unreported.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

/// Trials that reached the horizon and have no place on the front for the limits alone.
std::int64_t over_limit_at_horizon(const study::Study& study) {
  const auto& limits = study.header().limits;
  std::int64_t over = 0;
  for (std::int64_t id = 0; !limits.empty() && id < study.size(); ++id) {
    const Trial& trial = study.trial(id);
    if (trial.of >= 0 || trial.state == TrialState::deleted || trial.state == TrialState::failed) continue;
    const study::Measures measures = study.outcome(id);
    over += std::any_of(limits.begin(), limits.end(),
                        [&](const study::Limit& limit) {
                          return !measures.empty() && !limit.violation(measures).empty();
                        })
                ? 1
                : 0;
  }
  return over;
}

/// What the objectives' values in the front's table are.
std::string posterior_note(const Shown& shown) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
  for (const auto& member : shown.front().members()) {
    const std::int64_t n = shown.study().spread(member.trial).n;
    least = std::min(least, n), most = std::max(most, n);
  }
  return fmt::format(
      "posterior means of {} each; --json has the plain means, too\n",
      least < most ? fmt::format("{} to {} evaluations", least, most) : counted(most, "evaluation"));
}

}  // namespace

Json front_json(const study::Study& study, const StudyFile& file) {
  Json list = Json::array();
  const Shown shown(study, file);
  for (const auto& [id, values] : shown.front().members()) {
    const Trial& trial = study.trial(id);
    Json member{{"trial", id},
                {"config", trial.config.json()},
                {"fidelity", study.header().horizon},
                {"measures", study.outcome(id).json()},
                {"same_as", trial.same_as}};
    const auto spread = study.spread(id);
    member["evaluations"] = spread.n;
    if (spread.n > 1) member["deviation"] = spread.deviation.json();
    if (shown.posterior()) {
      Json posterior = Json::object();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto& objective = study.objectives()[i];
        posterior[objective.name] = objective.minimize ? values[i] : -values[i];
      }
      member["posterior"] = posterior;
    }
    list.push_back(std::move(member));
  }
  return list;
}

std::string front_text(const study::Study& study, const StudyFile& file, std::size_t width) {
  const Shown shown(study, file);
  std::vector<std::int64_t> ids;
  for (const auto& member : shown.front().members()) ids.push_back(member.trial);
  std::string warnings;
  for (const auto& one : unreported(study, file))
    warnings += fmt::format("warning: {}\n", one.error().what());
  if (const std::string unkept = unkept_limits(study); !unkept.empty())
    warnings += fmt::format("warning: {}\n", unkept);
  if (ids.empty()) {
    const std::string goal = amount_of(study.header().horizon, file.task->fidelity_unit());
    const std::int64_t over = over_limit_at_horizon(study);
    const std::string what = over == 0 ? fmt::format("no trial has reached {} yet", goal)
                             : over == 1
                                 ? fmt::format("the one trial that reached {} breaks a limit", goal)
                                 : fmt::format("all {} trials that reached {} break a limit", over, goal);
    return fmt::format("{}\n{}", what, warnings);
  }

  // Measures: the objectives first. Parameters: those in which members differ; lists in one column.
  std::vector<std::string> measures;
  for (const auto& objective : study.objectives()) measures.push_back(objective.name);
  for (const auto& info : file.task->measures())  // what is known of the design itself; the rest is in --json
    if (info.before && !info.timed &&
        std::find(measures.begin(), measures.end(), info.name) == measures.end())
      measures.push_back(info.name);
  std::vector<std::string> columns;
  std::map<std::string, std::set<std::string>> values;
  const auto setting = [](const Trial& trial, const std::string& column) -> std::string {
    if (const Value* value = trial.config.find(column)) return value_text(*value);
    std::string list;
    for (const Value& value : trial.config.list(column))
      list += fmt::format("{}{}", list.empty() ? "" : ",", value_text(value));
    return list.empty() ? "-" : list;
  };
  for (const auto& parameter : file.space.parameters()) {
    const std::string column = parameter.list.empty() ? parameter.name : parameter.list;
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
  }
  for (std::int64_t id : ids)
    for (const auto& column : columns) values[column].insert(setting(study.trial(id), column));

  std::vector<std::vector<std::string>> rows{{"trial"}};
  for (const auto& name : measures) rows[0].push_back(name);
  for (const auto& column : columns)
    if (values[column].size() > 1 || ids.size() == 1) rows[0].push_back(column);
  for (std::int64_t id : ids) {
    const Trial& trial = study.trial(id);
    const study::Measures result = shown.measures(id);
    std::vector<std::string> row{std::to_string(id)};
    for (const auto& name : measures) {
      const auto value = result.find(name);
      row.push_back(value ? quantity_text(name, *value) : "-");
    }
    for (const auto& column : columns)
      if (values[column].size() > 1 || ids.size() == 1) row.push_back(setting(trial, column));
    rows.push_back(row);
  }
  std::string text = table_text(rows, width);
  std::vector<std::string> same;
  for (const auto& column : columns)
    if (values[column].size() == 1 && ids.size() > 1)
      same.push_back(fmt::format("{}={}", column, *values[column].begin()));
  std::string line = "all:";
  for (const auto& pair : same) {
    if (width > 0 && line.size() + 1 + pair.size() > width && line.size() > 5) {
      text += line + '\n';
      line = "    ";
    }
    line += fmt::format(" {}", pair);
  }
  if (!same.empty()) text += line + '\n';
  if (shown.posterior()) text += posterior_note(shown);

  // The defaults are run first where they are run at all.
  const std::int64_t defaults = default_trial(study, 16);
  if (defaults >= 0 && study.trial(defaults).at(study.header().horizon) != nullptr) {
    text += fmt::format("against the defaults (trial {}):\n", defaults);
    for (std::size_t k = 0; k < study.objectives().size(); ++k) {
      Gain gain = gain_over(shown, defaults, k, nullptr, file.space);
      gain.steps.clear();
      text += fmt::format("  {}, trial {}\n", gain_text(gain), gain.trial);
    }
  }
  return text + warnings;
}

}  // namespace hone::run
