#include "hone/run/recurring_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/units.h"
#include "hone/run/power_control.h"

namespace hone::run {
namespace {

using cost::RecurringHistory;
using cost::RecurringRun;

double run_cost(const RecurringJob& job, const RecurringRun& run) {
  return cost::zeus_cost(job.zeus.eta, job.zeus.max_power_w, run.zeus.energy_j, run.zeus.seconds);
}

/// What was spent, and what the default at full power would have been.
struct Spent {
  std::int64_t recurrences = 0, runs = 0;
  double energy_j = 0.0, seconds = 0.0;
  double default_energy_j = kNaN, default_seconds = kNaN;  ///< for as many recurrences
  bool measured = true, modelled = true;                   ///< all runs of them
};

Spent spent_so_far(const RecurringJob& job, const RecurringHistory& history) {
  Spent sum;
  double energy = 0.0, seconds = 0.0, count = 0.0;
  for (const RecurringRun& run : history.ended) {
    ++sum.runs;
    if (run.zeus.reached) ++sum.recurrences;
    sum.energy_j += run.zeus.energy_j;
    sum.seconds += run.zeus.seconds;
    (run.measured ? sum.modelled : sum.measured) = false;
    if (run.zeus.batch_size != job.zeus.default_batch || !run.zeus.reached) continue;
    // At full power instead: by what a unit of progress took there.
    double at_full_j = run.zeus.energy_j, more_seconds = 1.0;
    if (!job.power.limits_w.empty()) {
      const cost::PowerProfile profile = history.profile(run.zeus.batch_size, job.progress);
      const cost::PowerSlice* full = profile.of(job.power.limits_w.front());
      const cost::PowerSlice* had = profile.of(run.power_limit_w);
      if (full != nullptr && had != nullptr && full->throughput > 0.0 && had->average_power_w > 0.0) {
        more_seconds = had->throughput / full->throughput;
        // Two estimates, and the lower one: a run that profiled had its limit for a part of its time only, so
        // that its energy says little; one that idles for long has less than a slice's power.
        at_full_j = more_seconds * full->average_power_w *
                    std::min(run.zeus.seconds, run.zeus.energy_j / had->average_power_w);
      }
    }
    energy += at_full_j;
    seconds += run.zeus.seconds * more_seconds;
    count += 1.0;
  }
  if (count > 0.0) {
    sum.default_energy_j = energy / count * static_cast<double>(sum.recurrences);
    sum.default_seconds = seconds / count * static_cast<double>(sum.recurrences);
  }
  return sum;
}

std::string against_text(double now, double otherwise) {
  if (!(otherwise > 0.0)) return "?";
  return fmt::format("{:.1f}% {}", std::abs(100.0 * (1.0 - now / otherwise)),
                     now <= otherwise ? "less" : "more");
}

std::string stage_text(const RecurringJob& job, const cost::ZeusState& state) {
  if (state.default_failed) return "the default batch size has not reached the target yet";
  if (state.exploring)
    return fmt::format("pruning exploration, round {} of {}", state.round, job.zeus.rounds);
  return "Thompson sampling";
}

Json arm_json(const RecurringJob& job, const RecurringHistory& history, const cost::ZeusArm& arm) {
  Json json{{"batch_size", arm.batch_size},
            {"default", arm.batch_size == job.zeus.default_batch},
            {"pruned", !arm.alive},
            {"runs", arm.runs},
            {"reached", arm.reached},
            {"mean_cost_j", finite_or_null(arm.mean_cost)},
            {"belief",
             {{"mean_j", finite_or_null(std::isfinite(arm.belief_sd) ? arm.belief_mean : kNaN)},
              {"sd_j", finite_or_null(arm.belief_sd)}}},
            {"power_limit_w", nullptr}};
  if (!arm.alive) json["pruned_because"] = arm.pruned_because;
  if (const cost::PowerProfile profile = history.profile(arm.batch_size, job.progress);
      !profile.slices().empty()) {
    const PowerPlan plan = power_plan(job, profile);
    if (plan.best) json["power_limit_w"] = plan.best->limit_w;
    Json& slices = json["profile"] = Json::array();
    for (const cost::PowerSlice& slice : profile.slices())
      slices.push_back({{"power_limit_w", slice.limit_w},
                        {"average_power_w", slice.average_power_w},
                        {"throughput", slice.throughput},
                        {"cost_of_progress_j",
                         finite_or_null(cost::slice_cost(slice, job.zeus.eta, job.zeus.max_power_w))}});
  }
  return json;
}

/// Of the latest run that reported anything; null: nothing is to be said of it.
Json last_warning(const RecurringJob& job, const RecurringHistory& history) {
  const RecurringRun* last = nullptr;
  for (const auto* runs : {&history.ended, &history.others})
    for (const RecurringRun& run : *runs)
      if (!run.reports.empty() && (last == nullptr || run.zeus.run > last->zeus.run)) last = &run;
  const std::string text = last == nullptr ? "" : job.missing_progress(*last);
  return text.empty() ? Json() : Json(text);
}

}  // namespace

std::string joules_text(double joules) {
  if (!std::isfinite(joules)) return "-";
  double value = joules;
  const char* unit = "J";
  for (const char* larger : {"kJ", "MJ", "GJ"}) {
    if (std::abs(value) < 1000.0) break;
    value /= 1000.0;
    unit = larger;
  }
  return fmt::format("{:.4g} {}", value, unit);
}

std::string elapsed_text(double seconds) {
  return seconds < 60.0 ? quantity_text("seconds", seconds) : duration_text(seconds);
}

Json recurring_status_json(const RecurringJob& job, const RecurringHistory& history) {
  const cost::ZeusState state = cost::zeus_state(job.zeus, history.runs());
  const Spent sum = spent_so_far(job, history);
  Json json{{"job", job.path},
            {"stage", state.exploring ? "explore" : "sample"},
            {"round", state.round},
            {"best_batch_size", state.best},
            {"least_cost_j", finite_or_null(state.least_cost)},
            {"stops_at_j", finite_or_null(state.threshold)},
            {"recurrences", sum.recurrences},
            {"runs", sum.runs},
            {"runs_that_count_as_neither", history.others.size()},
            {"running", history.running.size()},
            {"energy_j", sum.energy_j},
            {"seconds", sum.seconds},
            {"default_energy_j", finite_or_null(sum.default_energy_j)},
            {"default_seconds", finite_or_null(sum.default_seconds)},
            {"energy", sum.runs == 0  ? "none"
                       : sum.measured ? "measured"
                       : sum.modelled ? "modelled"
                                      : "mixed"},
            {"warning", last_warning(job, history)},
            {"arms", Json::array()}};
  for (const cost::ZeusArm& arm : state.arms) json["arms"].push_back(arm_json(job, history, arm));
  json["limits_not_put_back"] = history.limits_before.size();
  json["limits_before"] = Json::array();
  for (const auto& [run, before] : history.limits_before)
    json["limits_before"].push_back(
        {{"run", run}, {"before", before}, {"by", history.limits_set_by.at(run)}});
  return json;
}

std::string recurring_status_text(const RecurringJob& job, const RecurringHistory& history) {
  const cost::ZeusState state = cost::zeus_state(job.zeus, history.runs());
  const Spent sum = spent_so_far(job, history);
  std::string text = fmt::format("{}: {}, eta {:g}, target {}\n", job.name, stage_text(job, state),
                                 job.zeus.eta, job.target.text());
  text += fmt::format(
      "{} in {}{}{}\n", counted(sum.recurrences, "recurrence"), counted(sum.runs, "run"),
      history.running.empty() ? "" : fmt::format(", {} running", history.running.size()),
      history.others.empty() ? "" : fmt::format(", {} counted as neither", history.others.size()));
  if (sum.runs > 0) {
    text += fmt::format("{} and {} so far", joules_text(sum.energy_j), elapsed_text(sum.seconds));
    if (std::isfinite(sum.default_energy_j))
      text += fmt::format("; the default at full power, estimated: {} and {}: {} energy, {} time",
                          joules_text(sum.default_energy_j), elapsed_text(sum.default_seconds),
                          against_text(sum.energy_j, sum.default_energy_j),
                          against_text(sum.seconds, sum.default_seconds));
    text += fmt::format("\nenergy is {}\n", sum.measured   ? "measured (" + history.ended.back().source + ")"
                                            : sum.modelled ? history.ended.back().source
                                                           : "measured in some runs and modelled in others: "
                                                             "their costs can hardly be compared");
  }
  text += fmt::format("\n{:>10} {:>5} {:>8} {:>12} {:>24} {:>8}\n", "batch size", "runs", "reached",
                      "mean cost", "belief", "limit");
  for (const cost::ZeusArm& arm : state.arms) {
    const PowerPlan plan = power_plan(job, history.profile(arm.batch_size, job.progress));
    const std::string limit = plan.best ? fmt::format("{:g} W", plan.best->limit_w) : "-";
    const std::string belief =
        arm.costs.empty() ? "-"
                          : fmt::format("{} +- {}", joules_text(arm.belief_mean), joules_text(arm.belief_sd));
    text += fmt::format("{:>10} {:>5} {:>8} {:>12} {:>24} {:>8}{}{}{}\n", arm.batch_size, arm.runs,
                        arm.reached, joules_text(arm.mean_cost), belief, limit,
                        arm.batch_size == job.zeus.default_batch ? "  default" : "",
                        arm.batch_size == state.best && std::isfinite(state.least_cost) ? "  least cost" : "",
                        arm.alive ? "" : "  pruned: " + arm.pruned_because);
  }
  if (const Json warning = last_warning(job, history); !warning.is_null())
    text += fmt::format("\n{}\n", warning.get<std::string>());
  if (history.running.empty())
    for (const auto& [run, before] : history.limits_before) {
      const Json& by = history.limits_set_by.at(run);
      const bool same = by.is_null() ? job.power.via != "none" : json_text(by, "via") == job.power.via;
      text += same ? fmt::format(
                         "\nrun {} ended without putting its power limit back ({} before it); the next run "
                         "does so "
                         "at its end\n",
                         run, power_limit_text(before, by))
                   : fmt::format("\n{}\n", lost_limit_text(job, run, before, by));
    }
  return text;
}

Json recurring_explain_json(const RecurringJob& job, const RecurringHistory& history) {
  const cost::ZeusChoice choice = next_choice(job, history);
  Json json{{"run", history.next_run},
            {"batch_size", choice.batch_size},
            {"stage", cost::stage_name(choice.stage)},
            {"why", choice.why},
            {"stops_at_j", finite_or_null(choice.threshold)},
            {"sampled_j", Json::object()},
            {"power_limit_w", nullptr},
            {"profiles", Json::array()}};
  for (const auto& [size, draw] : choice.sampled)
    json["sampled_j"][std::to_string(size)] = finite_or_null(draw);
  const cost::PowerProfile profile = history.profile(choice.batch_size, job.progress);
  const PowerPlan plan = power_plan(job, profile);
  if (plan.best) json["power_limit_w"] = plan.best->limit_w;
  if (job.power.via != "none")
    for (const double limit : job.power.limits_w)
      if (profile.of(limit) == nullptr) json["profiles"].push_back(limit);
  json["target"] = job.target.text();
  json["max_power_w"] = job.zeus.max_power_w;
  return json;
}

std::string recurring_explain_text(const RecurringJob& job, const RecurringHistory& history) {
  const Json json = recurring_explain_json(job, history);
  const cost::ZeusChoice choice = next_choice(job, history);
  std::string text = fmt::format("the next run, number {}, gets batch size {}\n  {}\n", history.next_run,
                                 choice.batch_size, choice.why);
  for (const auto& [size, draw] : choice.sampled)
    text += fmt::format("  {:>10}: drew {}\n", size, joules_text(draw));
  if (std::isfinite(choice.threshold))
    text += fmt::format("  stopped at a cost of {}, {:g} times the least so far\n",
                        joules_text(choice.threshold), job.zeus.beta);
  else if (const cost::ZeusState state = cost::zeus_state(job.zeus, history.runs());
           !std::isfinite(state.least_cost))
    text += "  never stopped for its cost: nothing has reached the target yet\n";
  else
    text += fmt::format("  never stopped for its cost: {}\n",
                        state.least_cost > 0.0 ? "beta is inf" : "the least so far is 0");
  if (!json["profiles"].empty())
    text +=
        fmt::format("  profiles power limits on the way, {} each: {} W\n", elapsed_text(job.power.slice_s),
                    fmt::join(json["profiles"].get<std::vector<double>>(), ", "));
  else if (!json["power_limit_w"].is_null())
    text += fmt::format("  power limit {:g} W, the cheapest of those profiled\n",
                        json["power_limit_w"].get<double>());
  else
    text += "  no power limit is set: [power] of the job file names none\n";
  text += fmt::format("  target: {}; a second weighs {:g} x {:g} W, a joule {:g}\n", job.target.text(),
                      1.0 - job.zeus.eta, job.zeus.max_power_w, job.zeus.eta);
  return text;
}

std::string finished_run_text(const RecurringJob& job, const FinishedRun& finished) {
  const RecurringRun& run = finished.run;
  std::string text =
      fmt::format("run {}, batch size {}{}: {}, {} in {}, cost {}", run.zeus.run, run.zeus.batch_size,
                  std::isnan(run.power_limit_w) ? "" : fmt::format(" at {:g} W", run.power_limit_w),
                  cost::ending_name(run.ending), joules_text(run.zeus.energy_j),
                  elapsed_text(run.zeus.seconds), joules_text(run_cost(job, run)));
  if (!finished.reason.empty()) text += fmt::format(" ({})", finished.reason);
  return text;
}

Json finished_run_json(const RecurringJob& job, const FinishedRun& finished) {
  const RecurringRun& run = finished.run;
  return {{"run", run.zeus.run},
          {"recurrence", run.recurrence},
          {"batch_size", run.zeus.batch_size},
          {"stage", cost::stage_name(run.zeus.stage)},
          {"ending", cost::ending_name(run.ending)},
          {"reached", run.zeus.reached},
          {"reason", finished.reason},
          {"energy_j", run.zeus.energy_j},
          {"seconds", run.zeus.seconds},
          {"cost_j", run_cost(job, run)},
          {"power_limit_w", finite_or_null(run.power_limit_w)},
          {"measured", run.measured},
          {"source", run.source}};
}

std::string replay_text(const cost::ReplayResult& result) {
  std::string text = fmt::format("{}; the best is batch size {} at {:g} W: {} a recurrence is expected\n\n",
                                 counted(result.recurrences, "recurrence"), result.best_batch,
                                 result.best_limit_w, joules_text(result.best_cost));
  text += fmt::format("{:8} {:>12} {:>12} {:>12} {:>12} {:>5} {:>10}   last five: energy, time\n", "policy",
                      "energy", "time", "cost", "regret", "runs", "unreached");
  for (const cost::ReplayTotals& one : result.policies)
    text += fmt::format("{:8} {:>12} {:>12} {:>12} {:>12} {:>5} {:>10}   {}, {}\n", one.policy,
                        joules_text(one.energy_j), elapsed_text(one.seconds), joules_text(one.cost),
                        joules_text(one.regret), one.runs, one.unreached, joules_text(one.last_energy_j),
                        elapsed_text(one.last_seconds));
  const auto &zeus = result.of("zeus"), &usual = result.of("default");
  text +=
      fmt::format("\nzeus against the default: {} energy, {} time; over the last five of both {} and {}\n",
                  against_text(zeus.energy_j, usual.energy_j), against_text(zeus.seconds, usual.seconds),
                  against_text(zeus.last_energy_j, usual.last_energy_j),
                  against_text(zeus.last_seconds, usual.last_seconds));
  return text;
}

}  // namespace hone::run
