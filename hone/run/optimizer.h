#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

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

/// Whether a lost attempt speaks against its trial: a worker that died by itself (a crash, out of memory)
/// does, one that was stopped does not, and of one that is simply gone nobody knows.
enum class Blame { trial, nobody, unknown };

/// Gives back the running trials whose leases `which` picks (their workers are dead or gone), and the ask
/// lease where it picks that: the trials wait again. One that cost two workers their lives is quarantined
/// (failed, cause "crash"); one whose workers vanished twenty times is stale. `how`: how the worker ended, in
/// words.
void give_back(study::Study& study, Blame blame, const std::function<bool(const study::HeldLease&)>& which,
               const std::string& how = {});

/// What tells this process from every other one of this machine, before and after it: "PID-SPACE-START", the
/// space in which the number is one (that of a machine since its start, or of a container there) and when the
/// process began. Not kept over a fork.
std::string process_mark();
/// Whether a worker or asker named "NAME.MARK" was a process of this space and is no more. Of one
/// in another space (another machine, this one before it was restarted), or with any other name (a user's, an
/// older hone's), nobody can tell: false.
bool orphaned(const std::string& holder);
/// The seed of a config's k-th further evaluation (k = 1, 2, ...), `of` being the trial that it repeats.
std::uint64_t replicate_seed(std::uint64_t study_seed, std::int64_t of, std::int64_t k);
/// The seed of a trial's evaluation where each has its own (identity::Settings::own_seeds).
std::uint64_t evaluation_seed(std::uint64_t study_seed, std::int64_t trial);
/// "NAME.MARK" for this process.
std::string process_name(const std::string& name);

/// Ask/tell over one study: the searcher, the scheduler and the journal joined. Every process that works on a
/// study has its own; what decides is the journal, and asking is serialised by the ask lease.
///
///   Optimizer optimizer({.space = space, .objectives = {{"loss"}}});
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
    std::string searcher = "auto";
    Json searcher_options = Json::object();
    std::string scheduler = "fixed";
    Json scheduler_options = {{"steps", 1}};
    std::optional<std::int64_t> max_trials = {};  ///< new trials over the whole study, replicates included
    /// The same with the searcher's repeats of known configs, which become no trials.
    std::optional<std::int64_t> max_proposals = {};
    /// Resource units over the whole study (see study::Spending): a job starts only where all it may take is
    /// left, what runs counted in full.
    std::optional<std::int64_t> max_steps = {};
    /// Sums of measures over the whole study: no job starts once a sum, with what the running ones cost at
    /// the mean price so far, has reached its bound. What ran then may exceed it. A result's value that is no
    /// number of 0 or more tells nothing: it is taken at the mean price.
    study::Measures max_spend = {};
    std::vector<study::Limit> limits = {};  ///< what breaks one at the horizon is infeasible
    /// Evaluations that a config on the front gets, each with a seed of its own; and what they count
    /// together.
    std::int64_t replicates = 1;
    study::Aggregate aggregate = study::Aggregate::mean;
    /// The measure that says what an evaluation costs, for searchers that spare it; "": its seconds.
    std::string cost = {};
    search::Prior prior = {};  ///< where the user believes good values lie
    /// Tried before the searcher is asked; of the space (reals are rounded to its grid), feasible.
    std::vector<space::Config> first = {};
    /// Of a new study: earlier ones to learn from, with a finite value of each objective a result.
    std::vector<study::WarmStudy> warm = {};
    /// What is done with candidates whose function is known; by whoever tells keys and asks for verdicts.
    identity::Settings identity = {};
    /// A known function is not enough to know a result: what is measured of it depends on how it is built.
    bool by_structure = false;
    /// Is told every change of the study, from its beginning, after searcher and scheduler.
    study::Study::Listener listener = {};
    /// The keys of a config that need not be a trial: none() where it has none. A function of the config
    /// alone, in every process. Not given: a config's keys are not known before it is a trial.
    std::function<study::Keys(const space::Config&)> signature = {};
    bool try_default = true;  ///< the space's default config, where it has one, is the first trial
    /// Of the study when this setup was read from it; not given: as it is now.
    std::optional<std::int64_t> revision = {};
    std::string worker = "";  ///< this asker's name in the journal; "": "here.MARK"
    /// The search that this asker belongs to: its workers' names end in ".SEARCH". "": none, see finished().
    std::string search = "";
    double lease_s = 60.0;  ///< a trial whose lease was not renewed for so long is given back
    std::function<bool()> interrupted = {};  ///< gives up waiting for the ask lease
  };

  /// On a store of its own in memory. Throws Error where the setup is wrong.
  explicit Optimizer(Setup setup);
  /// On a given store: the study is created where the store is empty, else continued. Throws Error where the
  /// setup is wrong, or where the store holds a study whose results those of this setup cannot be compared
  /// with: with other objectives, limits or replicates, another horizon or aggregate, or, where no study file
  /// made it, trials that are none of this space (see Space::adopt). A later ask or tell throws it where
  /// somebody else's trials turn out to be none. A larger horizon is taken on, as a revision of the study
  /// that outdates its other optimizers, where the scheduler's may be raised (Scheduler::raisable) and no
  /// study file made the study; that results below it are the same with both is for the caller to know.
  Optimizer(Setup setup, std::shared_ptr<study::Store> store);
  /// It stays where it is: the study's listeners and the searcher know it.
  Optimizer(Optimizer&&) = delete;
  Optimizer& operator=(Optimizer&&) = delete;

  /// The next job. nullopt: see finished(): either all is done, or nothing can run until a running trial of
  /// another worker ends.
  std::optional<Job> ask();
  /// A batch of `n` jobs, to be evaluated side by side: each is asked for with those before it running, which
  /// searchers take into account. Fewer where no more can run now; none: as ask().
  std::vector<Job> ask(std::int64_t n);
  /// Up to `most` jobs in one transaction, for evaluations that take less time than asking does. More than
  /// one only of new trials that can be proposed together without loss (the searcher does not learn from
  /// results), or of waiting ones; and only where nothing that one comes to decides what the next is. So the
  /// size of batches does not change a study.
  std::vector<Job> ask_alike(std::int64_t most);
  /// Whether the last ask found nothing and nothing can come: no trial waits, none may be proposed (the
  /// budget of trials counts those of the whole study, whoever proposed them), none can be promoted, and
  /// none runs whose result might change that. Which running ones count: those of the asker's own search,
  /// since what another one's allow is that one's work; of an asker without a search all.
  bool finished() const { return finished_; }
  /// What a trial reported, with the costs that are known of it before training.
  study::Measures with_costs(const study::Trial& trial, const study::Measures& measures) const;
  /// What the job's result at job.to is once these measures are told with its end: what was reported there
  /// stands, they add what it lacks. Throws Error where this attempt reported another value of one of them.
  study::Measures whole_result(const Job& job, const study::Measures& measures) const;
  /// The study was revised since this optimizer was made (another process took a changed study file, or an
  /// optimizer raised the horizon): nothing is given out any more; make a new one from the study's header.
  bool outdated() const { return study_.revision() != revision_; }

  // What is told of a job throws Error, and nothing is written, where the study has no such trial, where
  // job.to is not what its attempt was begun for, or where seconds are no number of 0 or more.
  //
  // `took`, of tell, refuse, end and give_back: what this attempt took by itself, by measures that
  // `max_spend` may count. What is not said there counts as the trial's results say (what it cost so far),
  // which is too little where an attempt began anew and its results tell of it alone. Throws Error where a
  // value is no number of 0 or more.

  /// The job's result at job.to. false: the lease was lost meanwhile; the result was kept as late data. What
  /// was reported at job.to need not be told again: it stands. Throws Error where both together lack an
  /// objective, or where they contradict each other.
  bool tell(const Job& job, const study::Measures& measures, double spent_s = 0.0,
            const study::Curve& curve = {}, const study::Measures& took = {});
  /// The results of several jobs in one transaction. Returns how many were in time; of a trial that is there
  /// twice, the first. Where it throws Error, none was taken.
  struct Told {
    Job job;
    study::Measures measures;
    double spent_s = 0.0;
    study::Curve curve = {};
    study::Measures took = {};
  };
  std::size_t tell(const std::vector<Told>& told);
  /// A result that is outside a limit: kept, and the trial is infeasible. Throws Error where it contradicts
  /// what was reported.
  bool refuse(const Job& job, const study::Measures& measures, const std::string& violation,
              double spent_s = 0.0, const study::Curve& curve = {}, const study::Measures& took = {});
  /// An intermediate result, and what the scheduler says of it. That holds also where this process is gone
  /// before it acts on it: it is a function of the journal up to the report, so whoever asks next knows it
  /// and ends the trial. Of several at one fidelity the first that has a measure says what it is. One at
  /// job.to may be all that there is: where this process is gone before it tells the end, the trial ends by
  /// it, unless it breaks a limit, is not finite, or lacks an objective, or what a limit, `max_spend` or
  /// `cost` counts. Throws Error unless job.from < fidelity <= job.to.
  schedule::Scheduler::Verdict report(const Job& job, std::int64_t fidelity, const study::Measures& measures);
  /// The trial ended otherwise: failed, infeasible or pruned, and why; not running, and completed only where
  /// its result at job.to was reported (throws Error). untrained: before
  /// anything was spent on it. cause: see Trial::cause. reached: how far it got, where that is known. Else it
  /// counts in full against the budget; one that was pruned or paused after it reported, up to there. spent:
  /// what it cost by the measures that `max_spend` counts, with what the trial's last result says that it had
  /// cost; what is not said is taken at the mean price. Throws Error where one of them is no number of 0 or
  /// more; other measures may be anything.
  bool end(const Job& job, study::TrialState state, const std::string& reason, double spent_s = 0.0,
           const study::Curve& curve = {}, bool untrained = false, const std::string& cause = {},
           std::optional<std::int64_t> reached = {}, const study::Measures& spent = {},
           const study::Measures& took = {});
  /// Interrupted: the trial waits and will be run again from its checkpoint.
  bool give_back(const Job& job, double spent_s = 0.0, const study::Curve& curve = {},
                 const study::Measures& took = {});
  /// The candidate's keys and costs became known; how many seconds computing the functional one and measuring
  /// the costs took, and why it has no functional key where its probe gave none.
  bool keys(const Job& job, const study::Keys& keys, const study::Measures& costs, double probe_s = 0.0,
            double costs_s = 0.0, const std::string& unhashable = {});
  /// The trial is what `twin` is: it takes all the twin's results, present and future, with its own costs. It
  /// ends as the twin did where that failed or was pruned, else completed, or infeasible by its limits.
  /// Throws Error where there is no such twin, or it takes this trial's results.
  bool same(const Job& job, std::int64_t twin, double spent_s = 0.0);
  /// What the policy says of the job, by what the journal was when it was last read (study().sync()): see
  /// EquivalenceCache::verdict. Its keys must have been told.
  identity::Verdict verdict(const Job& job) const;
  /// The trial is evaluated as a further evaluation of the function of `first`: all that compute it have the
  /// mean from then on.
  bool join(const Job& job, std::int64_t first);
  /// Lets the trial wait until `other` has ended its run; then it takes its result, or its place. Throws
  /// Error where there is no such trial, or it waits for this one.
  bool wait_behind(const Job& job, std::int64_t other, double spent_s = 0.0);
  /// Keeps the job's lease for another lease_s. false: it is lost. Thread safe.
  bool renew(const Job& job);

  /// The best trial so far: the first of the front, sorted by the first objective. null: none has a result at
  /// the last fidelity. Valid until the next call that is not const.
  const study::Trial* best() const;

  study::Study& study() { return study_; }
  const study::Study& study() const { return study_; }
  const identity::EquivalenceCache& cache() const { return cache_; }
  std::int64_t horizon() const { return scheduler_->horizon(); }
  const schedule::Scheduler& scheduler() const { return *scheduler_; }

 private:
  /// What an ask has decided so far: records to write, and the jobs that they start.
  struct Plan {
    std::vector<study::Record> records;
    std::vector<std::pair<std::int64_t, std::int64_t>> starts;  // trial, fidelity
    std::int64_t units = 0;                                     // that they take
  };

  const study::Trial& checked(const Job& job) const;
  void catch_up(const Job& job);
  bool write(const Job& job, std::vector<study::Record> records, bool ends);
  std::optional<std::vector<study::Record>> result_records(const Told& told) const;
  void judge(const study::Trial& trial, std::int64_t fidelity);
  std::optional<study::EndRecord> due_end(const study::Trial& trial,
                                          schedule::Scheduler::Verdict verdict) const;
  bool end_judged(const study::Lease& ask);
  void take_over_expired();
  bool nothing_can_come();
  std::optional<study::Lease> take_ask_lease();
  void plan(std::int64_t most, Plan& plan);
  std::int64_t units_left(const Plan& plan) const;
  std::int64_t creatable() const;
  bool plan_replicate(Plan& plan);
  void start(Plan& plan, std::int64_t trial, std::int64_t to);
  std::optional<std::vector<Job>> ask_once(std::int64_t most);
  std::optional<space::Config> propose(std::int64_t number, const std::unordered_set<Key>& taken,
                                       std::int64_t most, std::int64_t& repeats, std::string& origin);
  search::SignatureOf signature();
  void raise_horizon();

  Setup setup_;
  study::Study study_;
  std::unique_ptr<search::Searcher> searcher_;
  std::unique_ptr<schedule::Scheduler> scheduler_;
  identity::EquivalenceCache cache_;
  bool finished_ = false;
  bool exhausted_ = false;
  double expiry_checked_s_ = 0.0;
  std::int64_t revision_ = 0;
  bool ready_ = false;
  std::string worker_;
  std::vector<Key> first_keys_;  // of setup_.first
  std::size_t first_known_ = 0;  // so many of them, from the beginning on, are trials
  /// What the scheduler said of the last report of a trial that waits or runs, as of that report, where the
  /// attempt has yet to end by it: not to go on, or to go on from its target, where it has arrived.
  std::unordered_map<std::int64_t, schedule::Scheduler::Verdict> verdicts_;
  /// While the journal is read for the first time: the trials that may have such a verdict at its end are
  /// these and those from the number on.
  std::unordered_set<std::int64_t> open_;
  std::int64_t open_from_ = 0;
  // The first trial after a revision: of a space that this scheduler need not know.
  std::int64_t revised_from_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace hone::run
