#include "hone/run/report_data.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/run/cost_pairs.h"
#include "hone/run/effects.h"
#include "hone/run/failures.h"
#include "hone/run/gains.h"
#include "hone/run/posterior.h"
#include "hone/run/summary.h"
#include "hone/schedule/scheduler.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr std::size_t kShapes = 60;  // of parameters, for each objective: those with the largest effects
constexpr double kLittle =
    0.1;  // explained: then fewer parameters are told of, since little is known of them
constexpr std::size_t kFewShapes = 12;

Json effects_json(const EffectModel& model, const Measured& of, const std::string& measure,
                  const space::Space& space) {
  Json list = Json::array();
  const bool little = !(model.explained() >= kLittle);
  for (const Effect& effect :
       model.effects(little ? kFewShapes : EffectModel::kAll, little ? kFewShapes : kShapes)) {
    Json shape = Json::array();
    for (const auto& level : effect.shape)
      shape.push_back(Json::array(
          {value_to_json(level.value), real_to_json(level.mean), real_to_json(level.spread), level.trials}));
    const double share = std::round(effect.share * 1e4) / 1e4, total = std::round(effect.total * 1e4) / 1e4;
    list.push_back({{"name", space.parameter(effect.parameter).name},
                    {"share", share},
                    {"total", total},
                    {"active", effect.active},
                    {"shape", std::move(shape)}});
  }
  return {{"measure", measure},         {"fidelity", of.fidelity},
          {"trials", of.trials},        {"used", model.observations()},
          {"clipped", model.clipped()}, {"explained", real_to_json(model.explained())},
          {"lacking", model.lacking()}, {"effects", std::move(list)}};
}

/// What beat the defaults by what; null where no trial is the defaults'.
Json gains_json(const Shown& shown, const std::vector<EffectModel>& models, const space::Space& space) {
  const study::Study& study = shown.study();
  const std::int64_t from = default_trial(study, study.size());
  if (from < 0) return nullptr;
  const Trial& trial = study.trial(from);
  Json gains = {{"trial", from}, {"state", state_name(trial.state)}, {"objectives", Json::array()}};
  const auto* result = trial.at(study.header().horizon);
  if (result == nullptr || shown.front().members().empty()) {
    gains["text"] = fmt::format("The defaults (trial {}) have no result to compare with: {}{}.", from,
                                state_name(trial.state), trial.reason.empty() ? "" : ", " + trial.reason);
    return gains;
  }
  std::string text;
  for (std::size_t k = 0; k < study.objectives().size(); ++k) {
    const Gain gain = gain_over(shown, from, k, k < models.size() ? &models[k] : nullptr, space);
    Json steps = Json::array();
    for (const auto& step : gain.steps)
      steps.push_back({{"parameter", step.parameter},
                       {"from", step.from},
                       {"to", step.to},
                       {"change", gain.estimated ? real_to_json(step.change) : Json(nullptr)}});
    text += gain_text(gain) + ". ";
    gains["objectives"].push_back({{"name", gain.objective},
                                   {"before", real_to_json(gain.before)},
                                   {"after", real_to_json(gain.after)},
                                   {"trial", gain.trial},
                                   {"steps", std::move(steps)},
                                   {"text", gain_text(gain)}});
  }
  const auto better = better_everywhere(shown, from);
  std::string closing;
  if (study.objectives().size() > 1) {
    if (shown.on_front(from))
      closing = "The defaults are on the front themselves: nothing beats them in every objective.";
    else if (better.empty())
      closing = "No design of the front is better in every objective at once.";
    else
      closing = fmt::format("{} of the {} designs of the front {} better in every objective.", better.size(),
                            shown.front().members().size(), better.size() == 1 ? "is" : "are");
  }
  gains["closing"] = closing;
  text += closing;
  gains["better"] = better;
  gains["text"] = text;
  return gains;
}

/// By state and cause, with the reasons in their kinds: [{state, cause, count, reasons: [{reason, count,
/// example, trials}]}]. `reason` is the kind, `example` what the first of them said.
Json failures_json(const study::Study& study, std::set<std::int64_t>& examples) {
  struct Reason {
    std::int64_t count = 0;
    std::string example;
    std::vector<std::int64_t> trials;
  };
  std::map<std::pair<std::string, std::string>, std::map<std::string, Reason>> groups;
  for (const Trial& trial : study.trials()) {
    if (trial.state != TrialState::failed && trial.state != TrialState::infeasible &&
        trial.state != TrialState::stale)
      continue;
    Reason& reason =
        groups[{state_name(trial.state), trial.cause}][kind_of_reason(trial.reason).substr(0, 200)];
    if (reason.count++ == 0) reason.example = trial.reason.substr(0, 400);
    if (reason.trials.size() < 3) reason.trials.push_back(trial.id);
  }
  Json list = Json::array();
  for (const auto& [what, reasons] : groups) {
    std::int64_t count = 0;
    std::vector<std::pair<std::string, Reason>> sorted(reasons.begin(), reasons.end());
    for (const auto& [kind, reason] : sorted) count += reason.count;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
    Json kinds = Json::array();
    for (const auto& [kind, reason] : sorted) {
      if (kinds.size() >= 10) break;
      kinds.push_back({{"reason", kind},
                       {"count", reason.count},
                       {"example", reason.example},
                       {"trials", reason.trials}});
      examples.insert(reason.trials.begin(), reason.trials.end());
    }
    list.push_back({{"state", what.first},
                    {"cause", what.second},
                    {"count", count},
                    {"kinds", sorted.size()},
                    {"reasons", std::move(kinds)}});
  }
  std::stable_sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
    return a["count"].get<std::int64_t>() > b["count"].get<std::int64_t>();
  });
  return list;
}

}  // namespace

Json hypervolume_history(const study::Study& study) {
  Json history = Json::array();
  const std::vector<double> reference = study.reference();
  if (reference.empty() || study.objectives().size() < 2) return history;
  const std::vector<Ended> order = ended_in_order(study);
  const auto insert = [](study::Front& front, const Ended& one) {
    return !one.values.empty() && front.insert(one.trial, one.values);
  };
  study::Front front;
  std::vector<std::size_t> changes;
  for (std::size_t i = 0; i < order.size(); ++i)
    if (insert(front, order[i])) changes.push_back(i);
  // Beyond two objectives a volume takes long where the front is large.
  const std::size_t most =
      reference.size() <= 2 ? 300 : std::clamp<std::size_t>(30000 / (front.members().size() + 1), 10, 150);
  std::set<std::size_t> wanted;
  const std::size_t kept = std::min(most, changes.size());
  for (std::size_t k = 0; k < kept; ++k)
    wanted.insert(changes[kept < 2 ? 0 : k * (changes.size() - 1) / (kept - 1)]);
  front.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!insert(front, order[i]) || !wanted.count(i)) continue;
    std::vector<std::vector<double>> points;
    for (const auto& member : front.members()) points.push_back(member.values);
    history.push_back({i + 1, std::round((order[i].at_s - study.first_time_s()) * 1e3) / 1e3,
                       study::hypervolume(points, reference)});
  }
  return history;
}

Json report_json(const study::Study& study, const StudyFile& file, const std::string& sample) {
  const auto scheduler = file.make_scheduler();
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
  for (const auto& parameter : file.space.parameters()) {
    Json one = {{"name", parameter.name}, {"is", parameter.shown()}, {"log", parameter.log}};
    if (parameter.when) one["when"] = parameter.when.text();
    parameters.push_back(std::move(one));
  }
  Json measures = Json::array();
  for (const auto& info : infos) {
    Json one = {{"name", info.name}, {"summary", info.summary}, {"minimize", info.minimize}};
    measures.push_back(std::move(one));
  }

  std::vector<EffectModel> models;
  Json effects = Json::array();
  for (const auto& objective : study.objectives()) {
    const Measured of = measured(study, objective.name);
    models.emplace_back(file.space, of.observations, file.seed);
    effects.push_back(effects_json(models.back(), of, objective.name, file.space));
  }
  Json pairs = Json::array();
  for (const CostPair& pair : cost_pairs(study, file)) {
    Json one = {{"predicted", pair.predicted},
                {"measured", pair.measured},
                {"same", pair.same_quantity},
                {"trials", pair.trials},
                {"rank", std::round(pair.rank * 1e4) / 1e4}};
    if (pair.same_quantity) one["off"] = pair.off;
    pairs.push_back(std::move(one));
  }

  std::vector<std::int64_t> front;
  const Shown shown(study, file);
  for (const auto& member : shown.front().members()) front.push_back(member.trial);
  std::set<std::int64_t> must(front.begin(), front.end());
  const Json gains = gains_json(shown, models, file.space);
  if (!gains.is_null()) must.insert(gains["trial"].get<std::int64_t>());
  const Json failures = failures_json(study, must);
  std::set<std::string> workers;
  double spent = 0.0;
  std::int64_t replicates = 0;
  for (const Trial& trial : study.trials()) {
    if (!trial.worker.empty()) workers.insert(trial.worker.substr(0, trial.worker.find('.')));
    spent += trial.spent_s;
    replicates += trial.replicate > 0 ? 1 : 0;
  }
  const Json status = status_json(study, file);
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
          {"elapsed_s", status["elapsed_s"]},
          {"spent_s", spent},
          {"workers", workers.size()},
          {"sessions", study.sessions()},
          {"replicates", replicates},
          {"stopped", study.last_end()},
          {"counts", status["counts"]},
          {"failures", failures},
          {"saved", status["saved"]},
          {"collisions", status["collisions"]},
          {"hypervolume", hypervolume_history(study)},
          {"hypervolume_reference",
           study.objectives().size() > 1 ? Json(study.reference()) : Json(Json::array())},
          {"front", front},
          {"posterior", shown.posterior()},
          {"gains", gains},
          {"effects", effects},
          {"cost_pairs", pairs},
          {"parameters", parameters},
          {"measures", measures},
          {"trials", report_trials(shown, file, must)},
          {"sample", sample}};
}

}  // namespace hone::run
