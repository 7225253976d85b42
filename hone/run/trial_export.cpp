// Trials as tables for other programs.
#include <ctime>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "hone/run/trials.h"

namespace hone::run {

using study::Trial;

namespace {

/// 2026-11-22T14:03:22.125Z; "" for never.
std::string utc_text(double seconds) {
  if (seconds <= 0.0) return {};
  const auto milliseconds = static_cast<std::int64_t>(seconds * 1000.0 + 0.5);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)), milliseconds % 1000);
}

/// A whole real keeps its ".0", so that a column of reals is one.
std::string cell_text(const Value& value) {
  if (const auto* real = std::get_if<double>(&value)) {
    std::string text = real_text(*real);
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
  }
  return value_text(value);
}

std::string id_text(std::int64_t id) { return id >= 0 ? std::to_string(id) : ""; }

/// The measures' names: the objectives, what the task declares, and where it may report more, what the trials
/// have.
std::vector<std::string> measure_names(study::Study& study, const StudyFile& file,
                                       const TrialFilter& filter) {
  std::vector<std::string> names;
  std::set<std::string> known;
  const auto add = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const auto& objective : study.objectives()) add(objective.name);
  for (const auto& info : file.task->measures()) add(info.name);
  if (file.task->any_measure())
    each_trial(study, filter, [&](const Trial& trial) {
      for (const auto& [name, value] : trial.costs.entries()) add(name);
      if (trial.last() != nullptr)
        for (const auto& [name, value] : trial.last()->measures.entries()) add(name);
      return true;
    });
  return names;
}

}  // namespace

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line;
}

void export_csv(study::Study& study, const StudyFile& file, const TrialFilter& filter, const Sink& sink) {
  const std::vector<std::string> measures = measure_names(study, file, filter);
  std::vector<std::string> header{"trial", "state", "origin", "seed", "replicate_of"};
  const std::vector<std::string> tail{"fidelity", "spent_s", "created", "finished",
                                      "same_as",  "reason",  "cause"};
  std::set<std::string> taken(header.begin(), header.end());
  taken.insert(tail.begin(), tail.end());
  const auto free_name = [&taken](const std::string& kind, std::string name) {
    while (!taken.insert(name).second) name = kind + name;
    return name;
  };
  std::vector<std::string> columns;  // of measures: a parameter of the same name gives way
  for (const std::string& name : measures) columns.push_back(free_name("measure.", name));
  for (const auto& parameter : file.space.parameters())
    header.push_back(free_name("parameter.", parameter.name));
  header.insert(header.end(), columns.begin(), columns.end());
  header.insert(header.end(), tail.begin(), tail.end());
  sink(csv_line(header) + "\r\n");
  std::vector<std::string> row;
  each_trial(study, filter, [&](const Trial& trial) {
    row = {std::to_string(trial.id), state_name(trial.state), trial.origin, std::to_string(trial.seed),
           id_text(trial.of)};
    for (const auto& parameter : file.space.parameters()) {
      const Value* value = trial.config.find(parameter.name);
      row.push_back(value == nullptr ? "" : cell_text(*value));
    }
    const study::Result* last = trial.last();
    const study::Measures together = filter.shown ? filter.shown->measures(trial.id) : study::Measures();
    for (const std::string& name : measures) {
      auto value = together.find(name);
      if (!value && last != nullptr) value = last->measures.find(name);
      if (!value) value = trial.costs.find(name);
      row.push_back(value ? cell_text(*value) : "");
    }
    row.push_back(std::to_string(last == nullptr ? 0 : last->fidelity));
    row.push_back(real_text(trial.spent_s));
    row.push_back(utc_text(trial.created_s));
    row.push_back(trial.done() ? utc_text(trial.finished_s) : "");
    row.push_back(id_text(trial.same_as));
    row.push_back(trial.reason);
    row.push_back(trial.cause);
    sink(csv_line(row) + "\r\n");
    return true;
  });
}

void export_jsonl(study::Study& study, const TrialFilter& filter, const Sink& sink) {
  each_trial(study, filter, [&](const Trial& trial) {
    sink(trial_json(study, trial, filter.shown.get()).dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n");
    return true;
  });
}

}  // namespace hone::run
