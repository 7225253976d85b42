#include "hone/run/summary.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/units.h"
#include "hone/run/failures.h"
#include "hone/run/leases.h"
#include "hone/run/posterior.h"
#include "hone/run/saved.h"
#include "hone/run/unkept_limits.h"
#include "hone/run/unreported.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr TrialState kStates[] = {TrialState::completed, TrialState::paused, TrialState::running,
                                  TrialState::waiting,   TrialState::pruned, TrialState::infeasible,
                                  TrialState::failed,    TrialState::stale,  TrialState::deleted};

std::vector<std::int64_t> front_ids(const study::Study& study, const StudyFile& file) {
  std::vector<std::int64_t> ids;
  const study::Front front = shown_front(study, file);
  for (const auto& member : front.members()) ids.push_back(member.trial);
  return ids;
}

/// Where hypervolume is measured from, as the objectives are measured.
std::vector<double> shown_reference(const study::Study& study) {
  std::vector<double> reference = study.reference();
  for (std::size_t i = 0; i < reference.size(); ++i)
    if (!study.objectives()[i].minimize) reference[i] = -reference[i];
  return reference;
}

/// Up to so many trials all are read for how the front grew.
constexpr std::int64_t kTrendTrials = 20000;

/// How the front came about: the hypervolume of what had been found when each quarter of the time between the
/// study's first and last event was over; in a large study that of those members of today's front that had.
Json volume_trend(const study::Study& study) {
  Json trend = Json::array();
  const std::vector<double> reference = study.reference();
  if (reference.empty()) return trend;
  const bool all = study.size() <= kTrendTrials;
  const auto ended = all ? ended_in_order(study) : std::vector<Ended>();
  study::Front found;
  auto next = ended.begin();
  for (int quarter = 1; quarter <= 4; ++quarter) {
    const double until = study.first_time_s() + quarter / 4.0 * (study.last_time_s() - study.first_time_s());
    for (; next != ended.end() && next->at_s <= until; ++next)
      if (!next->values.empty()) found.insert(next->trial, next->values);
    std::vector<std::vector<double>> points;
    for (const auto& member : all&& quarter < 4 ? found.members() : study.front().members())
      if (all || quarter == 4 || study.trial(member.trial).finished_s <= until)
        points.push_back(member.values);
    trend.push_back({{"share_of_time", quarter / 4.0},
                     {"members", points.size()},
                     {"hypervolume", points.empty() ? 0.0 : study::hypervolume(points, reference)}});
  }
  return trend;
}

Json workers_alive(const study::Study& study) {
  const double now = study.store().now_s();
  Json workers = Json::array();
  for (const auto& held : study.store().leases("trial/"))
    if (const std::int64_t trial = trial_of(held); trial >= 0 && held.expires_s > now)
      workers.push_back({{"worker", held.holder}, {"trial", trial}, {"lease_left_s", held.expires_s - now}});
  return workers;
}

/// Names in the study file that no trial reports: [{name, role, text}].
Json unreported_json(const study::Study& study, const StudyFile& file) {
  Json list = Json::array();
  for (const auto& one : unreported(study, file))
    list.push_back({{"name", one.name}, {"role", role_name(one.role)}, {"text", one.error().what()}});
  return list;
}

std::string whole_percent(double share) { return fmt::format("{:.0f}%", 100.0 * share); }

}  // namespace

double elapsed_s(const study::Study& study) {
  const double now = study.store().now_s();
  for (const auto& held : study.store().leases("trial/"))
    if (held.expires_s > now) return study.elapsed_s(now);
  return study.elapsed_s(study.last_time_s());
}

double front_hypervolume(const study::Study& study) {
  const std::vector<double> reference = study.reference();
  if (reference.empty()) return 0.0;
  std::vector<std::vector<double>> points;
  for (const auto& member : study.front().members()) points.push_back(member.values);
  return study::hypervolume(points, reference);
}

std::vector<Ended> ended_in_order(const study::Study& study) {
  std::vector<Ended> ended;
  for (std::int64_t id = 0; id < study.size(); ++id)
    if (const double at_s = study.trial(id).finished_s; at_s > 0.0)
      ended.push_back({at_s, id, study.point(id).value_or(std::vector<double>())});
  std::stable_sort(ended.begin(), ended.end(),
                   [](const Ended& a, const Ended& b) { return a.at_s < b.at_s; });
  return ended;
}

std::string budget_text(const Budget& budget) {
  std::vector<std::string> parts;
  if (budget.trials) parts.push_back(counted(*budget.trials, "trial"));
  if (budget.proposals) parts.push_back(counted(*budget.proposals, "proposal"));
  if (budget.time_s) parts.push_back(duration_text(*budget.time_s));
  if (budget.steps) parts.push_back(fmt::format("{} steps", *budget.steps));
  for (const auto& [name, amount] : budget.spend.entries())
    parts.push_back(fmt::format("{} {}", name, quantity_text(name, amount)));
  return parts.empty() ? "no budget: until Ctrl-C" : fmt::format("{}", fmt::join(parts, " or "));
}

Json status_json(const study::Study& study, const StudyFile& file) {
  Json counts = Json::object();
  for (TrialState state : kStates) counts[state_name(state)] = study.count(state);
  const double elapsed = elapsed_s(study);
  const std::int64_t live = study.size() - study.count(TrialState::deleted);
  Json budget = Json::object();
  if (file.budget.trials) {
    budget["trials"] = *file.budget.trials;
    budget["trials_share"] = static_cast<double>(study.size()) / static_cast<double>(*file.budget.trials);
  }
  if (file.budget.proposals) {
    budget["proposals"] = *file.budget.proposals;
    budget["proposals_share"] =
        static_cast<double>(study.proposals()) / static_cast<double>(*file.budget.proposals);
  }
  if (file.budget.time_s) {
    budget["time_s"] = *file.budget.time_s;
    budget["time_share"] = *file.budget.time_s > 0 ? elapsed / *file.budget.time_s : 1.0;
  }
  const study::Spending& spending = study.spending();
  if (file.budget.steps) {
    budget["steps"] = *file.budget.steps;
    budget["steps_share"] = static_cast<double>(spending.units()) / static_cast<double>(*file.budget.steps);
  }
  Json spend = Json::object();
  for (const auto& [name, amount] : file.budget.spend.entries()) {
    spend[name] = {{"bound", amount}, {"spent", spending.total(name)}};
  }
  if (!spend.empty()) budget["spend"] = spend;
  const Json workers = workers_alive(study);
  const std::int64_t from = std::max<std::int64_t>(0, study.size() - kLookedBack);
  std::int64_t replicates = 0;
  for (std::int64_t id = from; id < study.size(); ++id) replicates += study.trial(id).replicate > 0 ? 1 : 0;
  return {
      {"study", study.header().name},
      {"store", study.store().url()},
      {"trials", study.size()},
      {"counts", counts},
      {"elapsed_s", elapsed},
      {"trials_per_hour", elapsed > 0 ? 3600.0 * static_cast<double>(live) / elapsed : 0.0},
      {"sessions", study.sessions()},
      {"ended", study.last_end()},
      {"workers", workers},
      {"budget", budget},
      {"spent", {{"steps", spending.units()}, {"lost", spending.lost()}, {"running", spending.running()}}},
      {"horizon", study.header().horizon},
      {"front", front_ids(study, file)},
      {"hypervolume", front_hypervolume(study)},
      {"hypervolume_reference", shown_reference(study)},
      {"hypervolume_trend", volume_trend(study)},
      {"saved", saved_json(study, file)},
      {"collisions", collisions_json(study, file)},
      {"failures", recent_failures(study, from)},
      {"unreported", unreported_json(study, file)},
      {"unkept_limits", unkept_limits(study)},
      {"replicates", replicates},
      {"looked_back", study.size() - from}};
}

std::string status_text(const study::Study& study, const StudyFile& file) {
  const Json status = status_json(study, file);
  const std::string unit = file.task->fidelity_unit();
  std::string text = fmt::format("{}: {} in {}", study.header().name, counted(study.size(), "trial"),
                                 duration_text(status["elapsed_s"].get<double>()));
  if (const double pace = status["trials_per_hour"].get<double>(); pace > 0)
    text += fmt::format(", {:.{}f} an hour", pace, pace < 10 ? 1 : 0);
  std::vector<std::string> states;
  for (const auto& [name, count] : status["counts"].items())
    if (count.get<std::int64_t>() > 0)
      states.push_back(fmt::format("{} {}", count.get<std::int64_t>(), name));
  if (!states.empty()) text += fmt::format("\n  {}", fmt::join(states, ", "));
  if (study.count(TrialState::stale) > 0)
    text += "\n    stale: their workers vanished again and again; hone trial retry runs them anew";
  if (const auto replicates = status["replicates"].get<std::int64_t>(); replicates > 0)
    text += fmt::format("\n  replicates: {} of the last {} trials repeat a config with another seed",
                        replicates, status["looked_back"].get<std::int64_t>());
  if (study.objectives().size() > 1) {
    text +=
        fmt::format("\n  front: {} at {}", status["front"].size(), amount_of(study.header().horizon, unit));
    if (const double volume = status["hypervolume"].get<double>(); volume > 0.0 && std::isfinite(volume)) {
      text +=
          fmt::format(", hypervolume {:.4g} from [{:.4g}]", volume, fmt::join(shown_reference(study), ", "));
      std::vector<std::string> trend;
      for (const auto& step : status["hypervolume_trend"])
        trend.push_back(whole_percent(step["hypervolume"].get<double>() / volume));
      text += fmt::format("\n    of it {} after each quarter of the time: {}",
                          study.size() <= kTrendTrials ? "stood" : "what is still on the front stood",
                          fmt::join(trend, ", "));
    }
  } else if (const Shown shown(study, file); !shown.front().members().empty()) {
    const auto& best = shown.front().members().front();
    const auto& objective = study.objectives().front();
    text += fmt::format("\n  best: {} {} in trial {} at {}", objective.name,
                        quantity_text(objective.name, objective.minimize ? best.values[0] : -best.values[0]),
                        best.trial, amount_of(study.header().horizon, unit));
    if (shown.posterior())
      text += fmt::format(", the posterior mean of {}", counted(study.spread(best.trial).n, "evaluation"));
  }
  const Json& saved = status["saved"];
  text += '\n' + saved_text(saved);
  if (const std::string collisions = collisions_text(status["collisions"]); !collisions.empty())
    text += '\n' + collisions;
  if (const std::string failures = failures_text(status, study.size()); !failures.empty())
    text += '\n' + failures;
  for (const auto& one : status["unreported"])
    text += fmt::format("\n  warning: {}", one["text"].get<std::string>());
  if (const auto unkept = status["unkept_limits"].get<std::string>(); !unkept.empty())
    text += fmt::format("\n  warning: {}", unkept);
  if (!status["workers"].empty()) {
    std::vector<std::string> workers;
    for (const auto& worker : status["workers"])
      workers.push_back(fmt::format("{} (trial {})", worker["worker"].get<std::string>(),
                                    worker["trial"].get<std::int64_t>()));
    text += fmt::format("\n  at work: {}", fmt::join(workers, ", "));
  }
  text += fmt::format("\n  budget: {}", budget_text(file.budget));
  std::vector<std::string> used;
  // More than the file allows where the command line or an earlier file allowed it: then in figures.
  const auto use = [&](const char* key, const std::string& all, const std::string& figures) {
    if (!status["budget"].contains(key)) return;
    const auto share = status["budget"][key].get<double>();
    used.push_back(share > 1.005 ? figures : fmt::format("{} of the {}", whole_percent(share), all));
  };
  const Budget& budget = file.budget;
  use("trials_share", "trials",
      fmt::format("{} of {}", study.size(), counted(budget.trials.value_or(0), "trial")));
  use("proposals_share", "proposals",
      fmt::format("{} of {}", study.proposals(), counted(budget.proposals.value_or(0), "proposal")));
  use("time_share", "time",
      fmt::format("{} of {}", duration_text(status["elapsed_s"].get<double>()),
                  duration_text(budget.time_s.value_or(0.0))));
  use("steps_share", unit,
      fmt::format("{} of {} {}", study.spending().units(), budget.steps.value_or(0), unit));
  for (const auto& [name, amount] : file.budget.spend.entries())
    used.push_back(fmt::format("{} {} of {}", name, quantity_text(name, study.spending().total(name)),
                               quantity_text(name, amount)));
  if (!used.empty()) text += fmt::format(", used: {}", fmt::join(used, ", "));
  if (study.spending().units() > 0) {
    text += fmt::format("\n  spent: {}", amount_of(study.spending().units(), file.task->fidelity_unit()));
    if (study.spending().lost() > 0)
      text += fmt::format(", {} of them by attempts that were lost", study.spending().lost());
  }
  text += fmt::format("\n  sessions: {}", study.sessions());
  if (!study.last_end().empty())
    text += fmt::format("; the last one ended: {}", study.last_end());
  else if (study.sessions() > 0)
    text += status["workers"].empty() ? "; nobody is at work, and the last one did not say that it ended"
                                      : "; one is running";
  return text;
}

std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  // Which columns stand in one block: as many as fit, one at least beside the first.
  std::vector<std::vector<std::size_t>> blocks;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (blocks.empty() || (width > 0 && blocks.back().size() > 1 && taken + 2 + widths[i] > width)) {
      blocks.emplace_back();
      taken = 0;
      if (i > 0) {
        blocks.back().push_back(0);
        taken = widths[0];
      }
    }
    taken += widths[i] + (blocks.back().empty() ? 0 : 2);
    blocks.back().push_back(i);
  }
  std::string text;
  for (const auto& block : blocks) {
    if (&block != &blocks.front()) text += '\n';
    for (const auto& row : rows) {
      std::string line;
      for (const std::size_t& i : block) {
        if (i >= row.size()) continue;
        const bool number =
            !row[i].empty() && (std::isdigit(static_cast<unsigned char>(row[i][0])) || row[i][0] == '-');
        if (&i != &block.front()) line += "  ";
        line += number || &row == &rows.front() ? fmt::format("{:>{}}", row[i], widths[i])
                                                : fmt::format("{:<{}}", row[i], widths[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line;
      text += '\n';
    }
  }
  return text;
}

}  // namespace hone::run
