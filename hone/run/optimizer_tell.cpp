// What an optimizer is told of its jobs, and how it is written.
#include <cmath>
#include <iterator>
#include <unordered_set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/leases.h"
#include "hone/run/optimizer.h"

namespace hone::run {

using study::Record;
using study::TrialState;

namespace {

/// Seconds that somebody says were spent. Throws Error where that is no such number.
double checked_s(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0)
    throw Error(fmt::format("an evaluation cannot have taken {} s", seconds), {},
                "tell a number of seconds of 0 or more");
  return seconds;
}

/// What somebody says that a trial cost, by measure. Throws Error where one that `counts` is no number of 0
/// or more.
template <typename Counts>
const study::Measures& checked_costs(const Job& job, const study::Measures& costs, Counts counts) {
  for (const auto& [name, value] : costs.entries())
    if (counts(name) && (!std::isfinite(value) || value < 0.0))
      throw Error(fmt::format("trial {} cannot have cost {} of {}", job.trial, value, name), {},
                  "tell a number of 0 or more, or leave it out: it is then taken at the mean price");
  return costs;
}

const study::Measures& checked_costs(const Job& job, const study::Measures& costs) {
  return checked_costs(job, costs, [](const std::string&) { return true; });
}

/// Throws Error unless a job may hang on `other`: a trial of the study, not its own, and none that hangs on
/// it in turn by `link`.
void check_other(const study::Study& study, const Job& job, std::int64_t other,
                 std::int64_t study::Trial::*link) {
  study.trial(other);  // there must be one
  if (other == job.trial)
    throw Error(fmt::format("trial {} cannot take what it has itself", job.trial), {}, "name another trial");
  for (std::int64_t at = other, steps = 0; link != nullptr && at >= 0 && steps <= study.size(); ++steps) {
    at = study.trial(at).*link;
    if (at == job.trial)
      throw Error(fmt::format("trial {} hangs on trial {} already", other, job.trial), {},
                  "one of them must be evaluated");
  }
}

}  // namespace

/// The job's trial.
const study::Trial& Optimizer::checked(const Job& job) const {
  const study::Trial& trial = study_.trial(job.trial);
  // Of an attempt that is over, or not read of yet, its lease decides.
  if (job.attempt == trial.attempts && job.to != trial.target)
    throw Error(fmt::format("trial {} was to be evaluated at {}, not at {}", job.trial, trial.target, job.to),
                {}, "tell a job as it was asked for");
  return trial;
}

/// A job that another process, or another Optimizer, asked for may be of a trial that was not read of yet.
void Optimizer::catch_up(const Job& job) {
  if (job.trial >= study_.size() || (job.trial >= 0 && job.attempt > study_.trial(job.trial).attempts))
    study_.sync();
}

bool Optimizer::write(const Job& job, std::vector<Record> records, bool ends) {
  catch_up(job);
  checked(job);
  const study::Lease lease{lease_name(job.trial), job.attempt};
  study::Store::Commit leases;
  leases.need = {lease};
  if (ends) leases.drop = {lease.name};
  if (study_.commit(records, std::move(leases))) return true;
  for (const Record& record : records) {
    const study::Event event = study::encode(record);
    study_.commit(
        {study::LateRecord{job.trial, job.attempt, Json{{"kind", event.kind}, {"payload", event.payload}}}});
  }
  return false;
}

study::Measures Optimizer::with_costs(const study::Trial& trial, const study::Measures& measures) const {
  study::Measures all = measures;
  // A replicate is the same candidate: what that costs before training is known.
  if (trial.of >= 0) all.merge(study_.trial(trial.of).costs);
  all.merge(trial.costs);
  return all;
}

study::Measures Optimizer::whole_result(const Job& job, const study::Measures& measures) const {
  const study::Trial& trial = checked(job);
  study::Measures all = with_costs(trial, measures);
  const study::Result* stands = trial.at(job.to);
  // What a lost attempt measured is kept as it is.
  const bool runs = trial.state == TrialState::running && trial.attempts == job.attempt;
  if (stands == nullptr || !runs) return all;
  // An attempt that began there measured again what an earlier one had reported.
  if (job.from < job.to)
    for (const auto& [name, value] : measures.entries()) {
      const auto reported = stands->measures.find(name);
      const bool same = !reported || *reported == value || (std::isnan(*reported) && std::isnan(value));
      if (!same && !trial.costs.find(name))
        throw Error(fmt::format("trial {} is told {} of {} at {}, where it reported {}", trial.id, name,
                                value, job.to, *reported),
                    {}, "a report at the job's target stands; tell with the end what it lacks");
    }
  all.merge(stands->measures);
  return all;
}

/// The records of a result that is as it should be; nullopt where tell must look closer. Throws Error where
/// it lacks an objective.
std::optional<std::vector<Record>> Optimizer::result_records(const Told& told) const {
  const study::Trial& trial = checked(told.job);
  checked_s(told.spent_s);
  checked_costs(told.job, told.took);
  study::Measures all = whole_result(told.job, told.measures);
  for (const auto& objective : study_.objectives())
    if (!all.find(objective.name))
      throw Error(fmt::format("trial {}'s result lacks the objective '{}'", trial.id, objective.name));
  for (const auto& objective : study_.objectives())
    if (!std::isfinite(*all.find(objective.name))) return std::nullopt;
  if (told.job.to >= horizon())
    for (const study::Limit& limit : study_.header().limits)
      if (!limit.violation(all).empty()) return std::nullopt;
  study::EndRecord end;
  end.trial = told.job.trial;
  end.attempt = told.job.attempt;
  end.state = scheduler_->reached(trial, told.job.to);
  end.spent_s = told.spent_s;
  end.curve = told.curve;
  end.took = told.took;
  return std::vector<Record>{
      study::ResultRecord{told.job.trial, told.job.attempt, {told.job.to, std::move(all)}}, std::move(end)};
}

bool Optimizer::tell(const Job& job, const study::Measures& measures, double spent_s,
                     const study::Curve& curve, const study::Measures& took) {
  catch_up(job);
  if (auto records = result_records({job, measures, spent_s, curve, took}))
    return write(job, std::move(*records), true);
  const study::Measures all = whole_result(job, measures);
  for (const auto& objective : study_.objectives()) {
    const auto value = all.find(objective.name);
    if (!std::isfinite(*value)) {
      study::EndRecord end;
      end.trial = job.trial;
      end.attempt = job.attempt;
      end.state = TrialState::failed;
      end.reason = fmt::format("{} is {}", objective.name, *value);
      end.spent_s = spent_s;
      end.curve = curve;
      end.cause = "nan";
      end.reached = job.to;
      end.spent = all;
      end.took = took;
      return write(job, {std::move(end)}, true);
    }
  }
  for (const study::Limit& limit : study_.header().limits)
    if (const std::string violation = limit.violation(all); !violation.empty())
      return refuse(job, measures, violation, spent_s, curve, took);
  throw internal_error("a result was neither taken nor refused");
}

std::size_t Optimizer::tell(const std::vector<Told>& told) {
  std::vector<Record> records;
  study::Store::Commit leases;
  std::vector<const Told*> apart;
  std::unordered_set<std::int64_t> trials;
  for (const Told& one : told) {
    catch_up(one.job);
    auto own = result_records(one);
    // A second result of a trial comes after the end of its attempt.
    if (!trials.insert(one.job.trial).second || !own) {
      apart.push_back(&one);
      continue;
    }
    std::move(own->begin(), own->end(), std::back_inserter(records));
    leases.need.push_back({lease_name(one.job.trial), one.job.attempt});
    leases.drop.push_back(lease_name(one.job.trial));
  }
  std::size_t in_time = told.size() - apart.size();
  if (!records.empty() && !study_.commit(records, std::move(leases), true)) {
    // One of the leases was lost: each for itself.
    apart.clear();
    for (const Told& one : told) apart.push_back(&one);
    in_time = 0;
  }
  for (const Told* one : apart)
    in_time += tell(one->job, one->measures, one->spent_s, one->curve, one->took) ? 1 : 0;
  return in_time;
}

bool Optimizer::refuse(const Job& job, const study::Measures& measures, const std::string& violation,
                       double spent_s, const study::Curve& curve, const study::Measures& took) {
  checked_s(spent_s);
  catch_up(job);
  study::EndRecord end;
  end.took = checked_costs(job, took);
  end.trial = job.trial;
  end.attempt = job.attempt;
  end.state = TrialState::infeasible;
  end.reason = violation;
  end.cause = "limit";
  end.spent_s = spent_s;
  end.curve = curve;
  const study::Measures all = whole_result(job, measures);
  return write(job, {study::ResultRecord{job.trial, job.attempt, {job.to, all}}, std::move(end)}, true);
}

identity::Verdict Optimizer::verdict(const Job& job) const {
  using What = identity::Verdict::What;
  const identity::Verdict verdict = cache_.verdict(study_.trial(job.trial), job.to);
  if (verdict.what == What::wait && !running(study_, verdict.trial)) return {};
  return verdict;
}

bool Optimizer::join(const Job& job, std::int64_t first) {
  catch_up(job);
  check_other(study_, job, first, nullptr);
  study::KeysRecord record;
  record.trial = job.trial;
  const std::int64_t root = study_.trial(first).joins;
  record.joins = root >= 0 && root != job.trial ? root : first;
  return write(job, {std::move(record)}, false);
}

bool Optimizer::wait_behind(const Job& job, std::int64_t other, double spent_s) {
  catch_up(job);
  check_other(study_, job, other, &study::Trial::behind);
  checked_s(spent_s);
  study::EndRecord end;
  end.trial = job.trial;
  end.attempt = job.attempt;
  end.state = TrialState::waiting;
  end.reason = fmt::format("computes what trial {} does, which is being evaluated", other);
  end.spent_s = spent_s;
  end.behind = other;
  return write(job, {std::move(end)}, true);
}

schedule::Scheduler::Verdict Optimizer::report(const Job& job, std::int64_t fidelity,
                                               const study::Measures& measures) {
  catch_up(job);
  const study::Trial& trial = checked(job);
  if (fidelity <= job.from || fidelity > job.to)
    throw Error(fmt::format("trial {} is evaluated from {} to {}, and reports {}", job.trial, job.from,
                            job.to, fidelity));
  if (!write(job, {study::ResultRecord{job.trial, job.attempt, {fidelity, with_costs(trial, measures)}}},
             false))
    return schedule::Scheduler::Verdict::stop;
  // At the target it ends anyway.
  if (fidelity >= job.to)
    return trial.of >= 0 ? schedule::Scheduler::Verdict::go_on : scheduler_->judge(trial, fidelity);
  const auto verdict = verdicts_.find(job.trial);
  return verdict == verdicts_.end() ? schedule::Scheduler::Verdict::go_on : verdict->second;
}

/// After every report, whoever wrote it: what is said of it must not depend on what came later, nor on who is
/// there to hear it.
void Optimizer::judge(const study::Trial& trial, std::int64_t fidelity) {
  if (trial.state != TrialState::running) return;
  if (trial.id >= revised_from_) return;
  // Of most trials of a long journal all has been said and done.
  if (!ready_ && trial.id < open_from_ && !open_.contains(trial.id)) return;
  const bool arrived = fidelity >= trial.target;
  // A replicate says how much of a result is chance: where the unlucky ones were stopped, the rest would say
  // too well of it.
  const bool asks = !arrived && trial.of < 0;
  const auto verdict = asks ? scheduler_->judge(trial, fidelity) : schedule::Scheduler::Verdict::go_on;
  if (!arrived && verdict == schedule::Scheduler::Verdict::go_on)
    verdicts_.erase(trial.id);
  else
    verdicts_[trial.id] = verdict;
}

/// How a trial that waits was to end by its last report; nullopt: only who runs it can say.
std::optional<study::EndRecord> Optimizer::due_end(const study::Trial& trial,
                                                   schedule::Scheduler::Verdict verdict) const {
  if (verdict == schedule::Scheduler::Verdict::go_on) {
    const study::Result* result = trial.at(trial.target);
    if (result == nullptr) return std::nullopt;
    const study::Measures& measures = result->measures;
    for (const auto& objective : study_.objectives())
      if (!measures.find(objective.name)) return std::nullopt;
    // A measure may come with the end alone.
    for (const auto& [measure, bound] : setup_.max_spend.entries())
      if (!measures.find(measure)) return std::nullopt;
    if (!setup_.cost.empty() && !measures.find(setup_.cost)) return std::nullopt;
    // Below the horizon it is the task that says which limits count.
    for (const study::Limit& limit : study_.header().limits)
      if (!measures.find(limit.name) || !limit.violation(measures).empty()) return std::nullopt;
    const Job job{trial.id, trial.config, trial.seed, trial.from, trial.target, trial.attempts};
    const auto records = result_records({job, measures});
    if (!records) return std::nullopt;
    return std::get<study::EndRecord>(records->back());
  }
  study::EndRecord end;
  end.trial = trial.id;
  end.attempt = trial.attempts;
  end.state = TrialState::paused;
  if (verdict == schedule::Scheduler::Verdict::stop) {
    end.state = TrialState::pruned;
    end.reason = fmt::format("stopped at {} by its last report", trial.last()->fidelity);
  }
  return end;
}

/// Ends the waiting trials whose attempt was to end by its last report and was given back instead.
/// false: the ask lease was lost; nothing was written.
bool Optimizer::end_judged(const study::Lease& ask) {
  if (verdicts_.empty()) return true;
  std::vector<Record> ends;
  for (const std::int64_t id : study_.waiting()) {
    const auto verdict = verdicts_.find(id);
    if (verdict == verdicts_.end()) continue;
    if (auto end = due_end(study_.trial(id), verdict->second)) ends.push_back(std::move(*end));
  }
  if (ends.empty()) return true;
  study::Store::Commit leases;
  leases.need = {ask};
  return study_.commit(ends, std::move(leases));
}

bool Optimizer::end(const Job& job, TrialState state, const std::string& reason, double spent_s,
                    const study::Curve& curve, bool untrained, const std::string& cause,
                    std::optional<std::int64_t> reached, const study::Measures& spent,
                    const study::Measures& took) {
  checked_s(spent_s);
  checked_costs(job, took);
  checked_costs(job, spent, [&](const std::string& name) { return setup_.max_spend.find(name).has_value(); });
  catch_up(job);
  switch (state) {
    case TrialState::completed: {
      const study::Result* last = study_.trial(job.trial).last();
      if (last == nullptr || last->fidelity < job.to)
        throw Error(fmt::format("trial {} has no result at {} to be completed with", job.trial, job.to), {},
                    "tell the result, and the trial is completed");
      break;
    }
    case TrialState::waiting:
    case TrialState::paused:
    case TrialState::failed:
    case TrialState::infeasible:
    case TrialState::pruned:
    case TrialState::stale:
      break;
    case TrialState::running:
    case TrialState::deleted:
      throw Error(fmt::format("an attempt does not end as {}", study::state_name(state)), {},
                  "it ends as failed, infeasible or pruned; a result is told");
    default:
      throw Error(fmt::format("{} is no state of a trial", static_cast<int>(state)));
  }
  study::EndRecord end{job.trial, job.attempt, state, reason, spent_s, -1, curve, false, untrained, cause};
  end.reached = reached;
  end.spent = spent;
  end.took = took;
  return write(job, {std::move(end)}, true);
}

bool Optimizer::give_back(const Job& job, double spent_s, const study::Curve& curve,
                          const study::Measures& took) {
  checked_s(spent_s);
  study::EndRecord end;
  end.trial = job.trial;
  end.attempt = job.attempt;
  end.state = TrialState::waiting;
  end.spent_s = spent_s;
  end.curve = curve;
  end.took = checked_costs(job, took);
  return write(job, {std::move(end)}, true);
}

bool Optimizer::keys(const Job& job, const study::Keys& keys, const study::Measures& costs, double probe_s,
                     double costs_s, const std::string& unhashable) {
  checked_s(probe_s);
  checked_s(costs_s);
  return write(job, {study::KeysRecord{job.trial, keys, costs, probe_s, costs_s, -1, unhashable}}, false);
}

bool Optimizer::same(const Job& job, std::int64_t twin, double spent_s) {
  catch_up(job);
  check_other(study_, job, twin, &study::Trial::same_as);
  checked_s(spent_s);
  const study::Trial then = study_.as_same(job.trial, twin);
  study::EndRecord end;
  end.trial = job.trial;
  end.attempt = job.attempt;
  end.state = then.state;
  end.reason = then.reason;
  end.cause = then.cause;
  end.spent_s = spent_s;
  end.same_as = twin;
  return write(job, {std::move(end)}, true);
}

bool Optimizer::renew(const Job& job) {
  return study_.store().renew({lease_name(job.trial), job.attempt}, setup_.lease_s);
}

}  // namespace hone::run
