#include "hone/run/optimizer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>

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
/// So many workers may die over one trial before it counts as failed.
constexpr std::int64_t kMaxDeaths = 3;

std::string lease_name(std::int64_t trial) { return fmt::format("trial/{}", trial); }

std::shared_ptr<study::Store> with_study(std::shared_ptr<study::Store> store, const Optimizer::Setup& setup) {
  if (setup.objectives.empty()) throw Error("a study needs at least one objective");
  if (study::Study::exists(*store)) return store;
  const auto scheduler =
      schedule::make_scheduler(setup.scheduler, {setup.objectives, setup.seed}, setup.scheduler_options);
  study::Study::create(*store,
                       {setup.name, "", "", setup.seed, setup.objectives, scheduler->horizon(), "", {}});
  return store;
}

}  // namespace

void give_back(study::Study& study, Blame blame, const std::function<bool(const study::HeldLease&)>& which) {
  study.sync();
  for (const auto& held : study.store().leases("ask"))
    if (which(held)) study.store().release(held.lease);
  for (const auto& held : study.store().leases("trial/")) {
    if (!which(held)) continue;
    const std::int64_t id = std::stoll(held.lease.name.substr(6));
    if (id >= study.size() || study.trial(id).state != TrialState::running) continue;
    const study::Trial& trial = study.trial(id);
    const bool lost = blame == Blame::trial;
    const bool give_up = lost && trial.lost + 1 >= kMaxDeaths;
    study::EndRecord end{id,
                         trial.attempts,
                         give_up ? TrialState::failed : TrialState::waiting,
                         give_up
                             ? fmt::format("its worker died {} times", trial.lost + 1)
                             : fmt::format("worker {} {}", held.holder, lost ? "was lost" : "was stopped"),
                         0.0,
                         -1,
                         {},
                         lost};
    study::Store::Commit leases;
    leases.need = {held.lease};
    leases.drop = {held.lease.name};
    study.commit({end}, std::move(leases));
  }
}

Optimizer::Optimizer(Setup setup) : Optimizer(std::move(setup), study::open_store("memory:")) {}

Optimizer::Optimizer(Setup setup, std::shared_ptr<study::Store> store)
    : setup_(std::move(setup)), study_(with_study(std::move(store), setup_)), worker_(setup_.worker) {
  if (study_.objectives() != setup_.objectives)
    throw Error("the store holds a study with other objectives", Place{study_.store().url(), 0, ""},
                "give this study a store of its own");
  searcher_ = search::make_searcher(setup_.searcher, {setup_.space, setup_.objectives, setup_.seed},
                                    setup_.searcher_options);
  scheduler_ =
      schedule::make_scheduler(setup_.scheduler, {setup_.objectives, setup_.seed}, setup_.scheduler_options);
  study_.listen([this](const study::Change& change) {
    searcher_->update(change);
    scheduler_->update(change);
    cache_.update(change);
  });
  study_.sync();
}

std::optional<Job> Optimizer::ask() {
  for (int losses = 0; losses < kMaxLosses; ++losses) {
    bool lost = false;
    if (auto job = ask_once(lost); job || !lost) return job;
  }
  throw environment_error("asking took longer than its lease, again and again",
                          "use a cheaper searcher, or fewer candidates an ask");
}

std::optional<Job> Optimizer::ask_once(bool& lost) {
  std::optional<study::Lease> lease;
  for (int tries = 0;; ++tries) {
    lease = study_.store().acquire("ask", worker_, kAskLease_s);
    if (lease) break;
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(20 * (tries + 1), 2000)));
  }
  try {
    study_.sync();
    take_over_expired();
    finished_ = false;

    if (!study_.waiting().empty()) {
      const study::Trial& trial = study_.trial(study_.waiting().front());
      std::int64_t to = trial.target;
      if (to == 0) {  // proposed, but its asker died before it began
        const auto rungs = scheduler_->rungs();
        to = rungs.front();
      }
      return start(trial.id, to, {}, *lease, lost);
    }

    const bool may_create = !exhausted_ && (!setup_.max_trials || study_.size() < *setup_.max_trials);
    auto next = scheduler_->next(may_create);
    if (next && next->trial >= 0) return start(next->trial, next->fidelity, {}, *lease, lost);
    if (next && may_create) {
      std::int64_t repeats = 0;
      if (auto config = propose(repeats)) {
        const std::int64_t id = study_.size();
        study::TrialRecord record{id, std::move(*config), setup_.searcher, setup_.seed, repeats};
        return start(id, next->fidelity, {std::move(record)}, *lease, lost);
      }
      exhausted_ = !(setup_.interrupted && setup_.interrupted());
      next = scheduler_->next(false);
      if (next && next->trial >= 0) return start(next->trial, next->fidelity, {}, *lease, lost);
    }
    // Nothing now. A running trial's result may allow a promotion; without one, all is done.
    finished_ = study_.count(TrialState::running) == 0 && !(setup_.interrupted && setup_.interrupted());
    study_.store().release(*lease);
    return std::nullopt;
  } catch (...) {
    study_.store().release(*lease);
    throw;
  }
}

std::optional<space::Config> Optimizer::propose(std::int64_t& repeats) {
  const auto known = [&](const space::Config& config) { return study_.find(config.key()) != nullptr; };
  for (int attempt = 0; attempt < kMaxRepeats; ++attempt) {
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    std::optional<space::Config> config;
    try {
      config = searcher_->ask(study_.size(), attempt);
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
  Rng rng(setup_.seed, "unseen", static_cast<std::uint64_t>(study_.size()));
  return setup_.space.unseen(rng, known);
}

std::optional<Job> Optimizer::start(std::int64_t trial, std::int64_t to, std::vector<Record> records,
                                    const study::Lease& ask_lease, bool& lost) {
  const std::int64_t attempt = trial < study_.size() ? study_.trial(trial).attempts + 1 : 1;
  records.push_back(study::StartRecord{trial, attempt, worker_, to});
  study::Store::Commit leases;
  leases.need = {ask_lease};
  leases.release = {ask_lease};
  leases.take = {{{lease_name(trial), attempt}, worker_, setup_.lease_s}};
  if (!study_.commit(records, std::move(leases))) {
    lost = true;  // another worker took the ask lease meanwhile; nothing was written
    return std::nullopt;
  }
  const study::Trial& started = study_.trial(trial);
  const study::Result* last = started.last();
  return Job{trial, started.config, started.seed, last == nullptr ? 0 : last->fidelity, to, attempt};
}

void Optimizer::take_over_expired() {
  const double now = study_.store().now_s();
  if (study_.count(TrialState::running) == 0 || now - expiry_checked_s_ < std::min(1.0, setup_.lease_s / 4))
    return;
  expiry_checked_s_ = now;
  run::give_back(study_, Blame::trial, [now](const study::HeldLease& held) { return held.expires_s <= now; });
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
  all.merge(trial.costs);
  return all;
}

bool Optimizer::tell(const Job& job, const study::Measures& measures, double spent_s,
                     const study::Curve& curve) {
  const study::Trial& trial = study_.trial(job.trial);
  const study::Measures all = with_costs(trial, measures);
  for (const auto& objective : study_.objectives()) {
    const auto value = all.find(objective.name);
    if (!value)
      throw Error(fmt::format("trial {}'s result lacks the objective '{}'", job.trial, objective.name));
    if (!std::isfinite(*value))
      return end(job, TrialState::failed, fmt::format("{} is {}", objective.name, *value), spent_s, curve,
                 false, "nan");
  }
  std::vector<Record> records{study::ResultRecord{job.trial, job.attempt, {job.to, all}}};
  records.push_back(study::EndRecord{job.trial, job.attempt, scheduler_->reached(trial, job.to), "", spent_s,
                                     -1, curve, false, false});
  return write(job, std::move(records), true);
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
                    const study::Curve& curve, bool untrained, const std::string& cause) {
  return write(
      job,
      {study::EndRecord{job.trial, job.attempt, state, reason, spent_s, -1, curve, false, untrained, cause}},
      true);
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
  return write(
      job,
      {study::EndRecord{job.trial, job.attempt, TrialState::completed, "", spent_s, twin, {}, false, false}},
      true);
}

const study::Trial* Optimizer::best() const {
  const auto& members = study_.front().members();
  return members.empty() ? nullptr : &study_.trial(members.front().trial);
}

bool Optimizer::renew(const Job& job) {
  return study_.store().renew({lease_name(job.trial), job.attempt}, setup_.lease_s);
}

}  // namespace hone::run
