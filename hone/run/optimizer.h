#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hone/identity/equivalence.h"
#include "hone/schedule/scheduler.h"
#include "hone/search/searcher.h"
#include "hone/study/study.h"

namespace hone::run {

/// A trial to evaluate: the config, from which fidelity to which. Its lease is held until tell, fail or
/// give_back.
struct Job {
  std::int64_t trial = -1;
  space::Config config;
  std::uint64_t seed = 0;
  std::int64_t from = 0;     ///< fidelity of its last result; 0: new
  std::int64_t to = 1;       ///< fidelity to reach
  std::int64_t attempt = 0;  ///< the lease's token
};

/// Whether a lost attempt speaks against its trial: a worker that died by itself does, one that was stopped
/// does not.
enum class Blame { trial, nobody };

/// Gives back the running trials whose leases `which` picks (their workers are dead or gone), and the ask
/// lease where it picks that: the trials wait again, or have failed where they cost several workers their
/// lives.
void give_back(study::Study& study, Blame blame, const std::function<bool(const study::HeldLease&)>& which);

/// Ask/tell over one study: the searcher, the scheduler and the journal joined. Every process that works on a
/// study has its own; what decides is the journal, and asking is serialised by the ask lease.
///
///   Optimizer optimizer({.space = space, .objectives = {{"loss"}}, .searcher = "tpe"});
///   while (auto job = optimizer.ask()) optimizer.tell(*job, {{"loss", train(job->config)}});
///
/// Not thread safe; several may share one Store.
class Optimizer {
 public:
  struct Setup {
    std::string name = "study";
    space::Space space;
    std::vector<study::Objective> objectives;
    std::uint64_t seed = 0;
    std::string searcher = "tpe";
    Json searcher_options = Json::object();
    std::string scheduler = "fixed";
    Json scheduler_options = {{"steps", 1}};
    std::optional<std::int64_t> max_trials = {};  ///< new trials over the whole study
    std::string worker = "here";                  ///< this asker's name in the journal
    double lease_s = 60.0;  ///< a trial whose lease was not renewed for so long is given back
    std::function<bool()> interrupted = {};  ///< gives up waiting for the ask lease
  };

  /// On a store of its own in memory.
  explicit Optimizer(Setup setup);
  /// On a given store: the study is created where the store is empty, else continued. Throws Error where the
  /// store holds a study with other objectives.
  Optimizer(Setup setup, std::shared_ptr<study::Store> store);

  /// The next job. nullopt: see finished(): either all is done, or nothing can run until a running trial of
  /// another worker ends.
  std::optional<Job> ask();
  bool finished() const { return finished_; }

  /// The job's result at job.to. false: the lease was lost meanwhile; the result was kept as late data.
  bool tell(const Job& job, const study::Measures& measures, double spent_s = 0.0,
            const study::Curve& curve = {});
  /// An intermediate result below job.to.
  schedule::Scheduler::Verdict report(const Job& job, std::int64_t fidelity, const study::Measures& measures);
  /// The trial ended otherwise: failed, infeasible or pruned, and why. untrained: before anything was spent
  /// on it. cause: see Trial::cause.
  bool end(const Job& job, study::TrialState state, const std::string& reason, double spent_s = 0.0,
           const study::Curve& curve = {}, bool untrained = false, const std::string& cause = {});
  /// Interrupted: the trial waits and will be run again from its checkpoint.
  bool give_back(const Job& job, double spent_s = 0.0, const study::Curve& curve = {});
  /// The candidate's keys and costs became known.
  bool keys(const Job& job, const study::Keys& keys, const study::Measures& costs);
  /// The trial is what `twin` is: it takes all the twin's results, present and future, with its own costs.
  bool same(const Job& job, std::int64_t twin, double spent_s = 0.0);
  /// Keeps the job's lease for another lease_s. false: it is lost. Thread safe.
  bool renew(const Job& job);

  /// The best trial so far: the first of the front, sorted by the first objective. null: none has a result at
  /// the last fidelity. Valid until the next call that is not const.
  const study::Trial* best() const;

  study::Study& study() { return study_; }
  const study::Study& study() const { return study_; }
  const identity::EquivalenceCache& cache() const { return cache_; }
  std::int64_t horizon() const { return scheduler_->horizon(); }
  void set_max_trials(std::optional<std::int64_t> max) { setup_.max_trials = max; }

 private:
  bool write(const Job& job, std::vector<study::Record> records, bool ends);
  void take_over_expired();
  std::optional<Job> start(std::int64_t trial, std::int64_t to, std::vector<study::Record> records,
                           const study::Lease& ask_lease, bool& lost);
  std::optional<Job> ask_once(bool& lost);
  std::optional<space::Config> propose(std::int64_t& repeats);
  study::Measures with_costs(const study::Trial& trial, const study::Measures& measures) const;

  Setup setup_;
  study::Study study_;
  std::unique_ptr<search::Searcher> searcher_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  identity::EquivalenceCache cache_;
  bool finished_ = false;
  bool exhausted_ = false;
  double expiry_checked_s_ = 0.0;
  std::string worker_;
};

}  // namespace hone::run
