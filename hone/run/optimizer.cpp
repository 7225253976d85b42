#include "hone/run/optimizer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"

namespace hone::run {

using study::Record;
using study::TrialState;

namespace {

constexpr double kAskLease_s = 30.0;
/// So many proposals of known configs in a row, and the space is asked instead of the searcher.
constexpr int kMaxRepeats = 32;
/// So often the ask lease may be lost in a row (this machine slept, say).
constexpr int kMaxLosses = 5;
/// So many workers may die of one trial before it is quarantined.
constexpr std::int64_t kMaxDeaths = 2;
/// So many may vanish over it before it is stale. Many, since somebody may be killing workers at random.
constexpr std::int64_t kMaxVanished = 20;

std::string lease_name(std::int64_t trial) { return fmt::format("trial/{}", trial); }

/// The trial whose lease it is; -1: it is no trial's.
std::int64_t trial_of(const study::HeldLease& held) {
  const std::string& name = held.lease.name;
  return name.starts_with("trial/") ? std::atoll(name.c_str() + 6) : -1;
}

bool running(const study::Study& study, std::int64_t trial) {
  return trial >= 0 && trial < study.size() && study.trial(trial).state == TrialState::running;
}

std::shared_ptr<study::Store> with_study(std::shared_ptr<study::Store> store, const Optimizer::Setup& setup) {
  if (setup.objectives.empty()) throw Error("a study needs at least one objective");
  if (setup.replicates < 1) throw Error("replicates must be 1 or more");
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

/// What becomes of a running trial whose worker is gone.
study::EndRecord lost_attempt(const study::Trial& trial, Blame blame, const std::string& holder,
                              const std::string& how) {
  study::EndRecord end;
  end.trial = trial.id;
  end.attempt = trial.attempts;
  end.state = TrialState::waiting;
  end.lost = blame == Blame::trial;
  end.vanished = blame == Blame::unknown;
  const std::string what = how.empty() ? blame == Blame::nobody ? "was stopped" : "was lost" : how;
  end.reason = fmt::format("worker {} {}", holder, what);
  if (end.lost && trial.lost + 1 >= kMaxDeaths) {
    end.state = TrialState::failed;
    end.cause = "crash";
    end.reason =
        fmt::format("quarantined: it cost {} workers their lives (the last one {})", trial.lost + 1, what);
  } else if (end.vanished && trial.vanished + 1 >= kMaxVanished) {
    end.state = TrialState::stale;
    end.reason =
        fmt::format("its worker vanished {} times; hone trial retry runs it again", trial.vanished + 1);
  }
  return end;
}

}  // namespace

bool orphaned(const std::string& holder) {
  const std::size_t dot = holder.rfind('.');
  if (dot == std::string::npos) return false;
  const pid_t pid = std::atoi(holder.c_str() + dot + 1);
  return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

std::uint64_t replicate_seed(std::uint64_t study_seed, std::int64_t of, std::int64_t k) {
  return KeyBuilder()
             .text("replicate")
             .integer(static_cast<std::int64_t>(study_seed))
             .integer(of)
             .integer(k)
             .build()
             .low >>
         1;
}

std::string process_name(const std::string& name) { return fmt::format("{}.{}", name, ::getpid()); }

void give_back(study::Study& study, Blame blame, const std::function<bool(const study::HeldLease&)>& which,
               const std::string& how) {
  study.sync();
  for (const auto& held : study.store().leases("ask"))
    if (which(held)) study.store().release(held.lease);
  for (const auto& held : study.store().leases("trial/")) {
    if (!which(held)) continue;
    const std::int64_t id = trial_of(held);
    if (!running(study, id)) continue;
    study::Store::Commit leases;
    leases.need = {held.lease};
    leases.drop = {held.lease.name};
    study.commit({lost_attempt(study.trial(id), blame, held.holder, how)}, std::move(leases));
  }
}

Optimizer::Optimizer(Setup setup) : Optimizer(std::move(setup), study::open_store("memory:")) {}

Optimizer::Optimizer(Setup setup, std::shared_ptr<study::Store> store)
    : setup_(std::move(setup)), study_(with_study(std::move(store), setup_)), worker_(setup_.worker) {
  if (worker_.empty()) worker_ = process_name("here");
  if (study_.objectives() != setup_.objectives)
    throw Error("the store holds a study with other objectives", Place{study_.store().url(), 0, ""},
                "give this study a store of its own");
  scheduler_ = schedule::make_scheduler(setup_.scheduler, {setup_.objectives, setup_.seed, &setup_.space},
                                        setup_.scheduler_options);
  search::Problem problem{setup_.space, setup_.objectives, setup_.seed};
  problem.limits = setup_.limits;
  problem.costs = study_.header().costs;
  problem.horizon = scheduler_->horizon();
  problem.rungs = scheduler_->rungs();
  problem.max_trials = setup_.max_trials;
  problem.cost = setup_.cost;
  problem.prior = setup_.prior;
  problem.warm = study_.header().warm;
  searcher_ = search::make_searcher(setup_.searcher, problem, setup_.searcher_options);
  {
    // Only where the space may have been another once: adopting costs what reading a trial does.
    study::Study revised(study_.store_pointer(), study::Study::Depth::light);
    revised.sync();
    if (revised.revision() > 0)
      study_.adopt_with([space = setup_.space](const space::Config& config) { return space.adopt(config); });
  }
  study_.listen([this](const study::Change& change) {
    // What comes after a revision is of another space or other limits; the next optimizer is told it.
    if (ready_ && outdated()) return;
    cache_.update(change);
    // A replicate speaks through the trial that it repeats.
    if (change.trial->of >= 0) return;
    searcher_->update(change);
    scheduler_->update(change);
  });
  study_.sync();
  revision_ = setup_.revision.value_or(study_.revision());
  ready_ = true;
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

std::optional<study::Lease> Optimizer::take_ask_lease() {
  for (int tries = 0;; ++tries) {
    if (auto lease = study_.store().acquire("ask", worker_, kAskLease_s)) return lease;
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    // Whoever was killed while it asked does not come back.
    if (tries % 100 == 99)
      for (const auto& held : study_.store().leases("ask"))
        if (orphaned(held.holder)) study_.store().release(held.lease);
    // Whoever waits reads what the others write meanwhile.
    if (!study_.sync())
      std::this_thread::sleep_for(std::chrono::microseconds(std::min(20 * (tries + 1), 2000)));
  }
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

void Optimizer::start(Plan& plan, std::int64_t trial, std::int64_t to) {
  const std::int64_t attempt = trial < study_.size() ? study_.trial(trial).attempts + 1 : 1;
  const study::Result* last = trial < study_.size() ? study_.trial(trial).last() : nullptr;
  plan.units += std::max<std::int64_t>(0, to - (last == nullptr ? 0 : last->fidelity));
  plan.records.push_back(study::StartRecord{trial, attempt, worker_, to});
  plan.starts.emplace_back(trial, to);
}

/// Resource units that the budget leaves for a further job of this plan; 0 where a bound on spending is
/// reached.
std::int64_t Optimizer::units_left(const Plan& plan) const {
  const study::Spending& spending = study_.spending();
  const std::int64_t under_way = spending.running() + plan.units;
  for (const auto& [measure, bound] : setup_.max_spend.entries())
    // Before any price is known one job is begun at a time, not a batch.
    if (spending.total(measure) + spending.expected(measure, under_way) >= bound ||
        (plan.units > 0 && spending.expected(measure, 1) <= 0.0))
      return 0;
  if (!setup_.max_steps) return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(0, *setup_.max_steps - spending.units() - under_way);
}

void Optimizer::plan(std::int64_t most, Plan& plan) {
  for (const std::int64_t id : study_.waiting()) {
    const study::Trial& trial = study_.trial(id);
    // One that may kill its worker must not take others along.
    const bool dangerous = trial.lost > 0 || trial.vanished > 0;
    if (dangerous && !plan.starts.empty()) break;
    // No target: proposed or enqueued, and never begun. A replicate goes to the end at once.
    const std::int64_t to = trial.target > 0 ? trial.target
                            : trial.of >= 0  ? scheduler_->horizon()
                                             : scheduler_->rungs().front();
    if (to - (trial.last() == nullptr ? 0 : trial.last()->fidelity) > units_left(plan)) continue;
    start(plan, id, to);
    if (dangerous || static_cast<std::int64_t>(plan.starts.size()) >= most) return;
  }
  if (!plan.starts.empty()) return;

  const std::int64_t left = units_left(plan);
  if (left <= 0) return;
  scheduler_->allow(left);
  const auto may_create = [&] { return !setup_.max_trials || study_.size() < *setup_.max_trials; };
  if (may_create() && scheduler_->horizon() <= left && plan_replicate(plan)) return;
  auto next = scheduler_->next(may_create() && !exhausted_);
  if (next && next->trial < 0) {
    std::int64_t n = searcher_->learns() ? 1 : std::min(most, scheduler_->alike());
    if (setup_.max_trials) n = std::min(n, *setup_.max_trials - study_.size());
    std::vector<Key> taken;
    searcher_->aim_at(next->fidelity);
    for (std::int64_t i = 0; i < n && next->fidelity <= units_left(plan); ++i) {
      const std::int64_t id = study_.size() + i;
      study::TrialRecord record;
      auto config = propose(id, taken, record.repeats, record.origin);
      if (!config) {
        exhausted_ = exhausted_ || !(setup_.interrupted && setup_.interrupted());
        break;
      }
      if (n > 1) taken.push_back(config->key());
      record.trial = id;
      record.config = std::move(*config);
      record.seed = setup_.seed;
      plan.records.push_back(std::move(record));
      start(plan, id, next->fidelity);
    }
    if (!plan.starts.empty()) return;
    next = scheduler_->next(false);
  }
  if (!next || next->trial < 0) return;
  const study::Result* last = study_.trial(next->trial).last();
  if (next->fidelity - (last == nullptr ? 0 : last->fidelity) <= left)
    start(plan, next->trial, next->fidelity);
}

/// A further evaluation of the config on the front that has the fewest: only there does the noise of a single
/// one decide anything. What proves to be worse than it looked leaves the front and gets no more.
bool Optimizer::plan_replicate(Plan& plan) {
  const std::int64_t wanted = study_.header().replicates;
  if (wanted <= 1) return false;
  const study::Trial* least = nullptr;
  std::int64_t fewest = wanted - 1;
  for (const auto& member : study_.front().members()) {
    // One that takes another's results has that one's evaluations too, and that one is evaluated further.
    const auto together = study_.evaluated_with(member.trial);
    std::int64_t n = 0;
    for (const std::int64_t id : together) n += static_cast<std::int64_t>(study_.replicates(id).size());
    const std::int64_t first = together.back();
    if (n > fewest || (n == fewest && (least == nullptr ? n >= wanted - 1 : first >= least->id))) continue;
    least = &study_.trial(first);
    fewest = n;
  }
  if (least == nullptr) return false;
  study::TrialRecord record;
  record.trial = study_.size();
  record.config = least->config;
  record.origin = "replicate";
  record.of = least->id;
  record.replicate = static_cast<std::int64_t>(study_.replicates(least->id).size()) + 1;
  record.seed = replicate_seed(setup_.seed, record.of, record.replicate);
  plan.records.push_back(std::move(record));
  start(plan, study_.size(), scheduler_->horizon());
  return true;
}

std::optional<space::Config> Optimizer::propose(std::int64_t number, const std::vector<Key>& taken,
                                                std::int64_t& repeats, std::string& origin) {
  const auto known = [&](const space::Config& config) {
    const Key key = config.key();
    return study_.find(key) != nullptr || std::find(taken.begin(), taken.end(), key) != taken.end();
  };
  if (number == 0 && setup_.try_default) {
    auto config = setup_.space.default_config();
    if (config && setup_.space.feasible(*config)) {
      origin = "default";
      return config;
    }
  }
  for (const space::Config& config : setup_.first) {
    if (known(config)) continue;
    origin = "try";
    return config;
  }
  origin = setup_.searcher;
  for (int attempt = 0; attempt < kMaxRepeats; ++attempt) {
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    std::optional<space::Config> config;
    try {
      config = searcher_->ask(number, attempt);
    } catch (const Error& error) {
      // A constraint that admits next to nothing: what the study has already is not lost for it.
      if (error.fault() != Fault::input || study_.size() == 0) throw;
      return std::nullopt;
    }
    if (!config) return std::nullopt;
    if (!known(*config)) return config;
    ++repeats;
  }
  // Few are left, and chance does not find them: the space itself knows which.
  if (!setup_.space.is_enumerable()) return std::nullopt;
  Rng rng(setup_.seed, "unseen", static_cast<std::uint64_t>(number));
  return setup_.space.unseen(rng, known);
}

void Optimizer::take_over_expired() {
  const double now = study_.store().now_s();
  if (study_.count(TrialState::running) == 0 || now - expiry_checked_s_ < std::min(1.0, setup_.lease_s / 4))
    return;
  expiry_checked_s_ = now;
  run::give_back(study_, Blame::unknown,
                 [now](const study::HeldLease& held) { return held.expires_s <= now; });
}

/// Nothing can be started now. A running trial's result may allow a promotion, or it may come back.
bool Optimizer::nothing_can_come() {
  if (study_.count(TrialState::running) == 0) return true;
  if (setup_.search.empty()) return false;
  // Another search that was killed left its trials to whoever is still there.
  const std::size_t waiting = study_.waiting().size();
  const double now = study_.store().now_s();
  run::give_back(study_, Blame::unknown, [now](const study::HeldLease& held) {
    return trial_of(held) >= 0 && held.expires_s <= now;
  });
  run::give_back(study_, Blame::nobody,
                 [](const study::HeldLease& held) { return trial_of(held) >= 0 && orphaned(held.holder); });
  if (study_.waiting().size() > waiting) return false;
  const auto leases = study_.store().leases("trial/");
  return std::none_of(leases.begin(), leases.end(), [&](const study::HeldLease& held) {
    return held.holder.ends_with("." + setup_.search) && running(study_, trial_of(held));
  });
}

bool Optimizer::write(const Job& job, std::vector<Record> records, bool ends) {
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

/// The records of a result that is as it should be; nullopt where tell must look closer.
std::optional<std::vector<Record>> Optimizer::result_records(const Told& told) const {
  const study::Trial& trial = study_.trial(told.job.trial);
  study::Measures all = with_costs(trial, told.measures);
  for (const auto& objective : study_.objectives()) {
    const auto value = all.find(objective.name);
    if (!value || !std::isfinite(*value)) return std::nullopt;
  }
  if (told.job.to >= horizon())
    for (const study::Limit& limit : study_.header().limits)
      if (!limit.violation(all).empty()) return std::nullopt;
  study::EndRecord end;
  end.trial = told.job.trial;
  end.attempt = told.job.attempt;
  end.state = scheduler_->reached(trial, told.job.to);
  end.spent_s = told.spent_s;
  end.curve = told.curve;
  return std::vector<Record>{
      study::ResultRecord{told.job.trial, told.job.attempt, {told.job.to, std::move(all)}}, std::move(end)};
}

bool Optimizer::tell(const Job& job, const study::Measures& measures, double spent_s,
                     const study::Curve& curve) {
  if (auto records = result_records({job, measures, spent_s, curve}))
    return write(job, std::move(*records), true);
  const study::Measures all = with_costs(study_.trial(job.trial), measures);
  for (const auto& objective : study_.objectives()) {
    const auto value = all.find(objective.name);
    if (!value)
      throw Error(fmt::format("trial {}'s result lacks the objective '{}'", job.trial, objective.name));
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
      return write(job, {std::move(end)}, true);
    }
  }
  for (const study::Limit& limit : study_.header().limits)
    if (const std::string violation = limit.violation(all); !violation.empty())
      return refuse(job, measures, violation, spent_s, curve);
  throw internal_error("a result was neither taken nor refused");
}

std::size_t Optimizer::tell(const std::vector<Told>& told) {
  std::vector<Record> records;
  study::Store::Commit leases;
  std::vector<const Told*> apart;
  for (const Told& one : told) {
    auto own = result_records(one);
    if (!own) {
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
  for (const Told* one : apart) in_time += tell(one->job, one->measures, one->spent_s, one->curve) ? 1 : 0;
  return in_time;
}

bool Optimizer::refuse(const Job& job, const study::Measures& measures, const std::string& violation,
                       double spent_s, const study::Curve& curve) {
  study::EndRecord end;
  end.trial = job.trial;
  end.attempt = job.attempt;
  end.state = TrialState::infeasible;
  end.reason = violation;
  end.cause = "limit";
  end.spent_s = spent_s;
  end.curve = curve;
  const study::Measures all = with_costs(study_.trial(job.trial), measures);
  return write(job, {study::ResultRecord{job.trial, job.attempt, {job.to, all}}, std::move(end)}, true);
}

std::int64_t Optimizer::claimant(const Job& job) const {
  const std::int64_t other = cache_.claimant(study_.trial(job.trial).keys.functional, job.to, job.trial);
  return running(study_, other) ? other : -1;
}

bool Optimizer::wait_behind(const Job& job, std::int64_t other, double spent_s) {
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
  const study::Trial& trial = study_.trial(job.trial);
  if (!write(job, {study::ResultRecord{job.trial, job.attempt, {fidelity, with_costs(trial, measures)}}},
             false))
    return schedule::Scheduler::Verdict::stop;
  return scheduler_->judge(trial, fidelity);
}

bool Optimizer::end(const Job& job, TrialState state, const std::string& reason, double spent_s,
                    const study::Curve& curve, bool untrained, const std::string& cause,
                    std::optional<std::int64_t> reached) {
  study::EndRecord end{job.trial, job.attempt, state, reason, spent_s, -1, curve, false, untrained, cause};
  end.reached = reached;
  return write(job, {std::move(end)}, true);
}

bool Optimizer::give_back(const Job& job, double spent_s, const study::Curve& curve) {
  return write(
      job,
      {study::EndRecord{job.trial, job.attempt, TrialState::waiting, "", spent_s, -1, curve, false, false}},
      true);
}

bool Optimizer::keys(const Job& job, const study::Keys& keys, const study::Measures& costs) {
  return write(job, {study::KeysRecord{job.trial, keys, costs}}, false);
}

bool Optimizer::same(const Job& job, std::int64_t twin, double spent_s) {
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

const study::Trial* Optimizer::best() const {
  const auto& members = study_.front().members();
  return members.empty() ? nullptr : &study_.trial(members.front().trial);
}

bool Optimizer::renew(const Job& job) {
  return study_.store().renew({lease_name(job.trial), job.attempt}, setup_.lease_s);
}

}  // namespace hone::run
