#include "hone/run/optimizer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/run/given_config.h"
#include "hone/run/leases.h"

namespace hone::run {

using study::Record;
using study::TrialState;

namespace {

/// So often the ask lease may be lost in a row (this machine slept, say).
constexpr int kMaxLosses = 5;

void check_measures(const Optimizer::Setup& setup) {
  if (setup.objectives.empty()) throw Error("a study needs at least one objective");
  std::set<std::string> names;
  for (const study::Objective& objective : setup.objectives)
    if (!names.insert(objective.name).second)
      throw Error(fmt::format("two objectives are called '{}'", objective.name));
  for (const study::Limit& limit : setup.limits) {
    if ((limit.min && std::isnan(*limit.min)) || (limit.max && std::isnan(*limit.max)))
      throw Error(fmt::format("the limit of '{}' is no number", limit.name));
    if (limit.min && limit.max && *limit.min > *limit.max)
      throw Error(fmt::format("the limit of '{}' admits nothing: at least {}, at most {}", limit.name,
                              *limit.min, *limit.max));
  }
  for (const auto& [measure, bound] : setup.max_spend.entries())
    if (std::isnan(bound)) throw Error(fmt::format("max_spend of '{}' is no number", measure));
}

void check_prior(const search::Prior& prior, const space::Space& space) {
  for (const auto& belief : prior.beliefs()) {
    if (belief.parameter >= space.size())
      throw Error(fmt::format("the prior speaks of parameter {}, and the space has {}", belief.parameter,
                              space.size()));
    const space::Parameter& parameter = space.parameter(belief.parameter);
    if (belief.weights.empty()) {
      if (!std::isfinite(belief.at) || !std::isfinite(belief.spread) || belief.spread <= 0.0)
        throw Error(fmt::format("the prior of '{}' lies at {} with a spread of {}", parameter.name, belief.at,
                                belief.spread),
                    {}, "give numbers, and a spread above 0");
      continue;
    }
    const bool has_values =
        parameter.kind != space::ParameterKind::real && parameter.kind != space::ParameterKind::integer;
    const auto n = static_cast<std::int64_t>(belief.weights.size());
    if (has_values && n != parameter.cardinality())
      throw Error(fmt::format("the prior of '{}' has {} weights for {} values", parameter.name, n,
                              parameter.cardinality()));
    double sum = 0.0;
    for (const double weight : belief.weights) sum += weight >= 0.0 ? weight : kNaN;
    if (!std::isfinite(sum) || sum <= 0.0)
      throw Error(
          fmt::format("the prior of '{}' needs weights of 0 or more, one of them above 0", parameter.name));
  }
}

void check_warm(const Optimizer::Setup& setup) {
  for (const study::WarmStudy& warm : setup.warm)
    for (std::size_t i = 0; i < warm.results.size(); ++i) {
      const std::vector<double>& values = warm.results[i].second;
      if (values.size() != setup.objectives.size())
        throw Error(fmt::format("result {} of the earlier study '{}' has {} values for {} objectives", i,
                                warm.name, values.size(), setup.objectives.size()));
      if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); }))
        throw Error(
            fmt::format("result {} of the earlier study '{}' has a value that is not finite", i, warm.name),
            {}, "leave out what failed");
    }
}

/// The setup with its first configs canonical. Throws Error where something in it is wrong.
Optimizer::Setup checked_setup(Optimizer::Setup setup) {
  check_measures(setup);
  if (setup.replicates < 1) throw Error("replicates must be 1 or more");
  if (!std::isfinite(setup.lease_s) || setup.lease_s <= 0.0)
    throw Error(fmt::format("a lease of {} s can be held by nobody", setup.lease_s), {},
                "lease_s is a number of seconds above 0: a trial that is not renewed for so long is given "
                "to others");
  check_prior(setup.prior, setup.space);
  check_warm(setup);
  for (std::size_t i = 0; i < setup.first.size(); ++i) {
    space::Config& config = setup.first[i];
    // What adopt() leaves as it is may have more digits than the space's own configs.
    if (const auto known = setup.space.adopt(config);
        known && *known == config && setup.space.canonical(config) == config)
      continue;
    try {
      config = config_of(setup.space, config.entries());
    } catch (const Error& error) {
      throw Error(fmt::format("first[{}]: {}", i, error.message()), error.place(), error.hint(),
                  error.fault());
    }
  }
  return setup;
}

/// Whether the study goes on with the setup's horizon, which is beyond its own: results below it do not
/// depend on it. That of a study file is raised there.
bool raises(const Optimizer::Setup& setup, const schedule::Scheduler& scheduler,
            const study::StudyRecord& header) {
  return !setup.revision && header.text.empty() && scheduler.raisable() &&
         scheduler.horizon() > header.horizon;
}

/// Throws Error where results of this setup cannot stand beside those of the study that was begun.
void check_continued(const Optimizer::Setup& setup, const schedule::Scheduler& scheduler,
                     const study::Study& begun) {
  // Of a setup that was read before a revision nothing is asked any more.
  if (setup.revision && *setup.revision != begun.revision()) return;
  const study::StudyRecord& header = begun.header();
  std::string other;
  if (header.objectives != setup.objectives)
    other = "other objectives";
  else if (header.horizon != scheduler.horizon() && !raises(setup, scheduler, header))
    other = fmt::format("another horizon: its trials end at {}, those of this setup at {}", header.horizon,
                        scheduler.horizon());
  else if (header.limits != setup.limits)
    other = "other limits";
  else if (header.replicates != setup.replicates)
    other = fmt::format("{} replicates, and this setup has {}", header.replicates, setup.replicates);
  else if (header.aggregate != setup.aggregate)
    other = "another aggregate of its replicates";
  if (other.empty()) return;
  throw Error("the store holds a study with " + other, Place{begun.store().url(), 0, ""},
              "go on with the settings that it began with, or give this study a store of its own");
}

/// Brings a trial's config into this space, where it may have been proposed in an earlier version of it.
/// Throws Error where it cannot.
study::Study::Adopt strictly(const space::Space& space, const std::string& url) {
  return [space, url](const space::Config& config) {
    auto adopted = space.adopt(config);
    if (!adopted)
      throw Error(
          fmt::format("the store holds a study of another space: {} is no config of this one",
                      config.shown()),
          Place{url, 0, ""},
          "widen the space so that it has all that was evaluated (a new parameter needs a default), or "
          "give this study a store of its own");
    return adopted;
  };
}

std::shared_ptr<study::Store> with_study(std::shared_ptr<study::Store> store, const Optimizer::Setup& setup) {
  if (store == nullptr)
    throw Error("an optimizer needs a store", {}, "open one, open_store(\"memory:\"), or give none at all");
  if (study::Study::exists(*store)) return store;
  const auto scheduler = schedule::make_scheduler(
      setup.scheduler, {setup.objectives, setup.seed, &setup.space}, setup.scheduler_options);
  study::StudyRecord header;
  header.name = setup.name;
  header.seed = setup.seed;
  header.objectives = setup.objectives;
  header.horizon = scheduler->horizon();
  header.limits = setup.limits;
  header.replicates = setup.replicates;
  header.aggregate = setup.aggregate;
  header.warm = setup.warm;
  study::Study::create(*store, header);
  return store;
}

}  // namespace

Optimizer::Optimizer(Setup setup) : Optimizer(std::move(setup), study::open_store("memory:")) {}

Optimizer::Optimizer(Setup setup, std::shared_ptr<study::Store> store)
    : setup_(checked_setup(std::move(setup))),
      study_(with_study(std::move(store), setup_)),
      cache_(setup_.identity, setup_.seed, setup_.by_structure),
      worker_(setup_.worker) {
  if (worker_.empty()) worker_ = process_name("here");
  first_keys_.reserve(setup_.first.size());
  for (const space::Config& config : setup_.first) first_keys_.push_back(config.key());
  scheduler_ = schedule::make_scheduler(setup_.scheduler, {setup_.objectives, setup_.seed, &setup_.space},
                                        setup_.scheduler_options);
  std::int64_t begun_head = 0;
  {
    study::Study begun(study_.store_pointer(), study::Study::Depth::light);
    begun.sync();
    begun_head = begun.head();
    open_from_ = begun.size();
    // What runs then is still held, or has been given back meanwhile and waits. What others start later is
    // known by its start.
    for (const auto& held : begun.store().leases("trial/")) open_.insert(trial_of(held));
    begun.sync();
    open_.insert(begun.waiting().begin(), begun.waiting().end());
    check_continued(setup_, *scheduler_, begun);
    // Only where the space may have been another once: adopting costs what reading a trial does. A study
    // file's space was compared with the one before when it was revised.
    if (begun.header().text.empty())
      study_.adopt_with(strictly(setup_.space, study_.store().url()));
    else if (begun.revision() > 0)
      study_.adopt_with([space = setup_.space](const space::Config& config) { return space.adopt(config); });
  }
  search::Problem problem{setup_.space, setup_.objectives, setup_.seed};
  problem.limits = setup_.limits;
  problem.costs = study_.header().costs;
  problem.horizon = scheduler_->horizon();
  problem.rungs = scheduler_->rungs();
  problem.partial = problem.rungs.size() > 1 || !scheduler_->watched().empty();
  problem.max_trials = setup_.max_trials;
  problem.cost = setup_.cost;
  problem.prior = setup_.prior;
  problem.warm = study_.header().warm;
  problem.signature = signature();
  searcher_ = search::make_searcher(setup_.searcher, problem, setup_.searcher_options);
  study_.listen([this, begun_head](const study::Change& change) {
    if (!ready_ && change.kind == study::Change::Kind::started && study_.head() >= begun_head)
      open_.insert(change.trial->id);
    // The attempt has ended by it, or another one began without.
    if (change.kind == study::Change::Kind::started ||
        (change.trial->state != TrialState::running && change.trial->state != TrialState::waiting))
      verdicts_.erase(change.trial->id);
    // What comes after a revision is of another space or other limits; the next optimizer is told it.
    if (ready_ && outdated()) {
      if (change.kind == study::Change::Kind::created)
        revised_from_ = std::min(revised_from_, change.trial->id);
      return;
    }
    if (change.kind == study::Change::Kind::deleted) first_known_ = 0;  // it may be tried again
    cache_.update(change);
    // A replicate speaks through the trial that it repeats.
    if (change.trial->of < 0) {
      searcher_->update(change);
      scheduler_->update(change);
    }
    if (setup_.listener) setup_.listener(change);
  });
  study_.listen_to_reports(
      [this](const study::Trial& trial, std::int64_t fidelity) { judge(trial, fidelity); });
  study_.sync();
  // Only now, so that nothing is written where any of it was refused.
  raise_horizon();
  revision_ = setup_.revision.value_or(study_.revision());
  ready_ = true;
  open_.clear();
}

/// The study goes on with this setup's horizon where that is beyond its own. Of several that raise it at once
/// one writes so.
void Optimizer::raise_horizon() {
  if (!raises(setup_, *scheduler_, study_.header())) return;
  const auto lease = take_ask_lease();
  if (!lease) throw environment_error("interrupted before the study's largest fidelity was raised");
  try {
    study_.sync();
    const study::StudyRecord header = study_.header();
    const std::int64_t horizon = scheduler_->horizon();
    const std::string change = fmt::format("the largest fidelity: was {}, is {}", header.horizon, horizon);
    study::Store::Commit leases;
    leases.need = {*lease};
    if (raises(setup_, *scheduler_, header) && !study_.commit({study::RevisedRecord{header.file,
                                                                                    header.text,
                                                                                    header.limits,
                                                                                    header.replicates,
                                                                                    header.aggregate,
                                                                                    {change},
                                                                                    horizon}},
                                                              std::move(leases)))
      throw environment_error("raising the study's largest fidelity took longer than the lease for it");
    study_.store().release(*lease);
  } catch (...) {
    study_.store().release(*lease);
    throw;
  }
  check_continued(setup_, *scheduler_, study_);  // somebody may have raised it further meanwhile
}

std::optional<Job> Optimizer::ask() {
  auto jobs = ask_alike(1);
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
}

std::vector<Job> Optimizer::ask(std::int64_t n) {
  std::vector<Job> jobs;
  while (static_cast<std::int64_t>(jobs.size()) < n) {
    auto more = ask_alike(n - static_cast<std::int64_t>(jobs.size()));
    if (more.empty()) break;
    std::move(more.begin(), more.end(), std::back_inserter(jobs));
    // One that may kill its process takes no further ones along.
    const study::Trial& last = study_.trial(jobs.back().trial);
    if (last.lost > 0 || last.vanished > 0) break;
  }
  return jobs;
}

std::vector<Job> Optimizer::ask_alike(std::int64_t most) {
  for (int losses = 0; losses < kMaxLosses; ++losses)
    if (auto jobs = ask_once(std::max<std::int64_t>(1, most))) return std::move(*jobs);
  throw environment_error("asking took longer than its lease, again and again",
                          "use a cheaper searcher, or fewer candidates an ask");
}

/// nullopt: the ask lease was lost while deciding; nothing was written.
std::optional<std::vector<Job>> Optimizer::ask_once(std::int64_t most) {
  study_.sync();  // most of the reading is done before others wait for this
  const auto lease = take_ask_lease();
  if (!lease) return std::vector<Job>{};
  try {
    study_.sync();
    finished_ = false;
    if (outdated()) {
      study_.store().release(*lease);
      return std::vector<Job>{};
    }
    take_over_expired();
    if (!end_judged(*lease)) return std::nullopt;
    Plan plan;
    this->plan(most, plan);
    if (plan.starts.empty()) {
      finished_ = !(setup_.interrupted && setup_.interrupted()) && nothing_can_come();
      study_.store().release(*lease);
      return std::vector<Job>{};
    }
    study::Store::Commit leases;
    leases.need = {*lease};
    leases.release = {*lease};
    for (const study::Record& record : plan.records)
      if (const auto* started = std::get_if<study::StartRecord>(&record))
        leases.take.push_back({{lease_name(started->trial), started->attempt}, worker_, setup_.lease_s});
    if (!study_.commit(plan.records, std::move(leases))) return std::nullopt;
    std::vector<Job> jobs;
    for (const auto& [id, to] : plan.starts) {
      const study::Trial& trial = study_.trial(id);
      const study::Result* last = trial.last();
      jobs.push_back(
          {id, trial.config, trial.seed, last == nullptr ? 0 : last->fidelity, to, trial.attempts});
    }
    return jobs;
  } catch (...) {
    study_.store().release(*lease);
    throw;
  }
}

const study::Trial* Optimizer::best() const {
  const auto& members = study_.front().members();
  return members.empty() ? nullptr : &study_.trial(members.front().trial);
}

search::SignatureOf Optimizer::signature() {
  return [this](const space::Config& config) -> std::optional<Key> {
    const Key key = config.key();
    if (const study::Trial* trial = study_.find(key)) {
      if (!trial->keys.functional.none()) return trial->keys.functional;
      if (!trial->keys.structural.none()) return trial->keys.structural;
    }
    if (!setup_.signature) return std::nullopt;
    study::Keys keys;
    try {
      keys = setup_.signature(config);
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;  // no possible model: it is told so when it is proposed
    }
    if (!keys.functional.none()) return cache_.resolve({keys.functional, keys.near, 0});
    if (!keys.structural.none()) return keys.structural;
    return std::nullopt;
  };
}

}  // namespace hone::run
