#include "hone/run/summary.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/clock.h"
#include "hone/base/units.h"
#include "hone/schedule/scheduler.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr TrialState kStates[] = {TrialState::completed, TrialState::paused,     TrialState::running,
                                  TrialState::waiting,   TrialState::infeasible, TrialState::failed,
                                  TrialState::pruned};

/// A session that somebody works on counts up to now, one that was killed up to its last event.
double elapsed(const study::Study& study) {
  const double now = study.store().now_s();
  for (const auto& held : study.store().leases("trial/"))
    if (held.expires_s > now) return study.elapsed_s(now);
  return study.elapsed_s(study.last_time_s());
}

/// A reason without its numbers, so that alike failures count together.
std::string kind_of_reason(const std::string& reason) {
  std::string kind;
  for (char c : reason) {
    if (c >= '0' && c <= '9') {
      if (kind.empty() || kind.back() != '#') kind.push_back('#');
    } else if (c == '.' && !kind.empty() && kind.back() == '#') {
      continue;
    } else {
      kind.push_back(c);
    }
  }
  return kind;
}

Json why_saved(const study::Study::Saved& saved) {
  Json why = Json::array();
  const auto add = [&](const char* reason, std::int64_t count) {
    if (count > 0) why.push_back({{"reason", reason}, {"count", count}});
  };
  add("the same config was proposed again", saved.repeated_config);
  add("the same structure and function was already evaluated", saved.same_structure);
  add("the same function was already evaluated under another structure", saved.same_function);
  add("outside the limits before training", saved.over_limit);
  return why;
}

std::vector<std::int64_t> front_ids(const study::Study& study) {
  std::vector<std::int64_t> ids;
  for (const auto& member : study.front().members()) ids.push_back(member.trial);
  return ids;
}

/// Replays results in the order of time for the hypervolume curve.
Json hypervolume_history(const study::Study& study, const std::vector<double>& reference) {
  Json history = Json::array();
  if (reference.empty()) return history;
  std::vector<const Trial*> order;
  for (const Trial& trial : study.trials())
    if (trial.at(study.header().horizon) != nullptr) order.push_back(&trial);
  std::sort(order.begin(), order.end(),
            [](const Trial* a, const Trial* b) { return a->finished_s < b->finished_s; });
  study::Front front;
  for (const Trial* trial : order) {
    if (!front.insert(trial->id, oriented(study.objectives(), trial->at(study.header().horizon)->measures)))
      continue;
    std::vector<std::vector<double>> points;
    for (const auto& member : front.members()) points.push_back(member.values);
    history.push_back({trial->finished_s - study.first_time_s(), study::hypervolume(points, reference)});
  }
  return history;
}

}  // namespace

double front_hypervolume(const study::Study& study) {
  const std::vector<double> reference = study.reference();
  if (reference.empty()) return 0.0;
  std::vector<std::vector<double>> points;
  for (const auto& member : study.front().members()) points.push_back(member.values);
  return study::hypervolume(points, reference);
}

std::string budget_text(const Budget& budget) {
  std::vector<std::string> parts;
  if (budget.trials) parts.push_back(fmt::format("{} trials", *budget.trials));
  if (budget.time_s) parts.push_back(duration_text(*budget.time_s));
  return parts.empty() ? "no budget: until Ctrl-C" : fmt::format("{}", fmt::join(parts, " or "));
}

Json status_json(const study::Study& study, const StudyFile& file) {
  Json counts = Json::object();
  for (TrialState state : kStates) counts[state_name(state)] = study.count(state);
  std::map<std::string, std::int64_t> failures;
  for (const Trial& trial : study.trials())
    if (trial.state == TrialState::failed || trial.state == TrialState::infeasible)
      ++failures[kind_of_reason(trial.reason)];
  Json failure_list = Json::array();
  for (const auto& [reason, count] : failures) failure_list.push_back({{"reason", reason}, {"count", count}});
  const auto& saved = study.saved();
  Json budget = Json::object();
  if (file.budget.trials) budget["trials"] = *file.budget.trials;
  if (file.budget.time_s) budget["time_s"] = *file.budget.time_s;
  return {{"study", study.header().name},
          {"store", study.store().url()},
          {"trials", study.size()},
          {"counts", counts},
          {"elapsed_s", elapsed(study)},
          {"sessions", study.sessions()},
          {"ended", study.last_end()},
          {"budget", budget},
          {"horizon", study.header().horizon},
          {"front", front_ids(study)},
          {"hypervolume", front_hypervolume(study)},
          {"hypervolume_reference", study.reference()},
          {"saved",
           {{"evaluations", saved.evaluations()},
            {"over_limit", saved.over_limit},
            {"fidelity", saved.fidelity},
            {"unit", file.task->fidelity_unit()},
            {"why", why_saved(saved)}}},
          {"failures", failure_list}};
}

std::string status_text(const study::Study& study, const StudyFile& file) {
  const Json status = status_json(study, file);
  std::string text =
      fmt::format("{}: {} trials in {}", study.header().name, study.size(), duration_text(elapsed(study)));
  std::vector<std::string> states;
  for (const auto& [name, count] : status["counts"].items())
    if (count.get<std::int64_t>() > 0)
      states.push_back(fmt::format("{} {}", count.get<std::int64_t>(), name));
  if (!states.empty()) text += fmt::format("\n  {}", fmt::join(states, ", "));
  if (study.objectives().size() > 1) {
    text += fmt::format("\n  front: {} at {} {}", study.front().members().size(), study.header().horizon,
                        file.task->fidelity_unit());
    if (const double volume = front_hypervolume(study); volume > 0.0)
      text += fmt::format(", hypervolume {:.4g} from [{:.4g}]", volume, fmt::join(study.reference(), ", "));
  } else if (!study.front().members().empty()) {
    const auto& best = study.front().members().front();
    const auto& objective = study.objectives().front();
    text += fmt::format("\n  best: {} {} in trial {} at {} {}", objective.name,
                        quantity_text(objective.name, objective.minimize ? best.values[0] : -best.values[0]),
                        best.trial, study.header().horizon, file.task->fidelity_unit());
  }
  const auto& saved = study.saved();
  text += fmt::format("\n  saved: {} evaluations ({} {} not trained)", saved.evaluations() + saved.over_limit,
                      saved.fidelity, file.task->fidelity_unit());
  for (const auto& why : status["saved"]["why"])
    text +=
        fmt::format("\n    {:>4}  {}", why["count"].get<std::int64_t>(), why["reason"].get<std::string>());
  if (!status["failures"].empty()) {
    text += "\n  failed or infeasible:";
    for (const auto& failure : status["failures"])
      text += fmt::format("\n    {:>4}  {}", failure["count"].get<std::int64_t>(),
                          failure["reason"].get<std::string>());
  }
  text += fmt::format("\n  budget: {}", budget_text(file.budget));
  if (!study.last_end().empty()) text += fmt::format("; last session ended: {}", study.last_end());
  return text;
}

Json front_json(const study::Study& study) {
  Json list = Json::array();
  for (std::int64_t id : front_ids(study)) {
    const Trial& trial = study.trial(id);
    const study::Result* result = trial.at(study.header().horizon);
    list.push_back({{"trial", id},
                    {"config", trial.config.json()},
                    {"fidelity", study.header().horizon},
                    {"measures", result->measures.json()},
                    {"same_as", trial.same_as}});
  }
  return list;
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number =
          !row[i].empty() && (std::isdigit(static_cast<unsigned char>(row[i][0])) || row[i][0] == '-');
      if (i > 0) line += "  ";
      line += number || &row == &rows.front() ? fmt::format("{:>{}}", row[i], widths[i])
                                              : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  }
  return text;
}

std::string front_text(const study::Study& study, const StudyFile& file) {
  const std::vector<std::int64_t> ids = front_ids(study);
  if (ids.empty())
    return fmt::format("no trial has reached {} {} yet\n", study.header().horizon,
                       file.task->fidelity_unit());

  // Measures: the objectives first. Parameters: those in which members differ; lists in one column.
  std::vector<std::string> measures;
  for (const auto& objective : study.objectives()) measures.push_back(objective.name);
  for (const auto& info : file.task->measures())  // what is known of the design itself; the rest is in --json
    if (info.before && !info.timed &&
        std::find(measures.begin(), measures.end(), info.name) == measures.end())
      measures.push_back(info.name);
  std::vector<std::string> columns;
  std::map<std::string, std::set<std::string>> values;
  const auto shown = [](const Trial& trial, const std::string& column) -> std::string {
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
    for (const auto& column : columns) values[column].insert(shown(study.trial(id), column));

  std::vector<std::vector<std::string>> rows{{"trial"}};
  for (const auto& name : measures) rows[0].push_back(name);
  for (const auto& column : columns)
    if (values[column].size() > 1 || ids.size() == 1) rows[0].push_back(column);
  for (std::int64_t id : ids) {
    const Trial& trial = study.trial(id);
    const auto& result = trial.at(study.header().horizon)->measures;
    std::vector<std::string> row{std::to_string(id)};
    for (const auto& name : measures) {
      const auto value = result.find(name);
      row.push_back(value ? quantity_text(name, *value) : "-");
    }
    for (const auto& column : columns)
      if (values[column].size() > 1 || ids.size() == 1) row.push_back(shown(trial, column));
    rows.push_back(row);
  }
  std::string text = table_text(rows);
  std::vector<std::string> same;
  for (const auto& column : columns)
    if (values[column].size() == 1 && ids.size() > 1)
      same.push_back(fmt::format("{}={}", column, *values[column].begin()));
  if (!same.empty()) text += fmt::format("all: {}\n", fmt::join(same, " "));
  return text;
}

Json report_json(const study::Study& study, const StudyFile& file, const std::string& sample) {
  const auto scheduler =
      schedule::make_scheduler(file.scheduler, {file.objectives, file.seed}, file.scheduler_options);
  const auto infos = file.task->measures();
  const auto summary_of = [&](const std::string& name) -> std::string {
    for (const auto& info : infos)
      if (info.name == name) return info.summary;
    return "";
  };
  Json objectives = Json::array();
  for (const auto& objective : study.objectives())
    objectives.push_back({{"name", objective.name},
                          {"minimize", objective.minimize},
                          {"summary", summary_of(objective.name)}});
  Json limits = Json::array();
  for (const auto& limit : file.limits) {
    if (limit.max)
      limits.push_back(fmt::format("{} <= {}", limit.name, quantity_text(limit.name, *limit.max)));
    if (limit.min)
      limits.push_back(fmt::format("{} >= {}", limit.name, quantity_text(limit.name, *limit.min)));
  }
  Json parameters = Json::array();
  const char* kinds[] = {"real", "integer", "choice", "flag", "ordinal"};
  for (const auto& parameter : file.space.parameters())
    parameters.push_back({{"name", parameter.name},
                          {"kind", kinds[static_cast<int>(parameter.kind)]},
                          {"log", parameter.log}});
  Json measures = Json::array();
  for (const auto& info : infos) measures.push_back({{"name", info.name}, {"summary", info.summary}});

  const std::vector<std::int64_t> front = front_ids(study);
  const std::set<std::int64_t> on_front(front.begin(), front.end());
  const double start = study.first_time_s();
  std::int64_t workers = 0;
  std::set<std::string> names;
  Json trials = Json::array();
  for (const Trial& trial : study.trials()) {
    Json results = Json::array();
    for (const auto& result : trial.results)
      results.push_back({{"fidelity", result.fidelity}, {"measures", result.measures.json()}});
    Json curve = Json::array();
    for (const auto& [at, value] : trial.curve) curve.push_back({at, real_to_json(value)});
    if (!trial.worker.empty()) names.insert(trial.worker);
    study::Measures last = trial.last() != nullptr ? trial.last()->measures : study::Measures{};
    last.merge(trial.costs);
    trials.push_back({{"id", trial.id},
                      {"state", state_name(trial.state)},
                      {"reason", trial.reason},
                      {"config", trial.config.json()},
                      {"fidelity", trial.last() != nullptr ? trial.last()->fidelity : 0},
                      {"measures", last.json()},
                      {"results", results},
                      {"curve", curve},
                      {"created_s", trial.created_s - start},
                      {"finished_s", trial.finished_s > 0 ? trial.finished_s - start : 0.0},
                      {"spent_s", trial.spent_s},
                      {"same_as", trial.same_as},
                      {"worker", trial.worker},
                      {"on_front", on_front.count(trial.id) > 0}});
  }
  workers = static_cast<std::int64_t>(names.size());
  const Json status = status_json(study, file);
  const std::vector<double> reference = study.reference();
  return {{"study", study.header().name},
          {"hone", HONE_VERSION},
          {"made", fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::time(nullptr)))},
          {"task", file.task_kind},
          {"fidelity_unit", file.task->fidelity_unit()},
          {"rungs", scheduler->rungs()},
          {"objectives", objectives},
          {"limits", limits},
          {"searcher", file.searcher},
          {"scheduler", file.scheduler},
          {"seed", file.seed},
          {"elapsed_s", elapsed(study)},
          {"workers", workers},
          {"stopped", study.last_end()},
          {"counts", status["counts"]},
          {"failures", status["failures"]},
          {"saved",
           {{"evaluations", study.saved().evaluations() + study.saved().over_limit},
            {"steps", study.saved().fidelity},
            {"why", status["saved"]["why"]}}},
          {"hypervolume", hypervolume_history(study, reference)},
          {"hypervolume_reference", reference},
          {"front", front},
          {"parameters", parameters},
          {"measures", measures},
          {"trials", trials},
          {"sample", sample}};
}

}  // namespace hone::run
