#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/run/peer.h"
#include "hone/run/ranks.h"
#include "hone/run/suite.h"

namespace hone::run {

/// What is compared: one of hone's searchers under one of its schedulers, or a peer.
struct Contender {
  std::string name;  ///< "tpe", "tpe+asha", "peer:optuna_tpe"
  std::string summary = {};
  std::string searcher = {};                                                   ///< hone's
  std::string scheduler = "fixed";                                             ///< hone's
  Json searcher_options = Json::object(), scheduler_options = Json::object();  ///< hone's
  std::vector<PeerMethod> peer = {};  ///< the one peer; empty: hone's
  std::string version = {};           ///< results of another version are no results of this
  /// What runs, whatever it is called: searcher and scheduler with their options, or the peer's method.
  std::string method() const;
  bool fidelity() const { return peer.empty() ? scheduler != "fixed" : peer.front().fidelity; }
};

/// What is run. With one worker, evaluations follow each other and are counted; with several, a virtual clock
/// runs (simulator.h), and a budget of n trials is the time in which the workers would finish n evaluations
/// of mean length at the largest fidelity.
struct Comparison {
  std::vector<Problem> problems;
  std::vector<Contender> contenders;
  std::int64_t trials = 100;
  std::int64_t seeds = 5;
  std::int64_t workers = 1;
};

/// One run of a contender on a problem with a seed.
struct ComparisonRun {
  std::string problem, contender, version;
  std::string of;            ///< what identifies the problem's space and values
  std::string method = {};   ///< Contender::method()
  std::string library = {};  ///< of a peer: the version that it said it has
  std::uint64_t seed = 0;
  std::int64_t trials = 0, workers = 1;
  /// (evaluations, or their worth of time; regret) at each improvement. Regret: see
  /// Problem::normalised_regret; of several objectives the share of the best hypervolume that is missing.
  std::vector<std::pair<double, double>> best;
  std::int64_t evaluations = 0;
  std::vector<double> ms;  ///< of each ask with its tell; under the clock their mean alone
  /// Where a peer broke, on the scale of `best`: what it would have found from there on nobody knows.
  /// Infinite: it did not. Not in json().
  double broke_at = kInfinity;

  /// The regret after so many evaluations; infinite where nothing was found by then.
  double regret_at(double n) const;
  Json json() const;
  static ComparisonRun from_json(const Json& json);  ///< throws Error
};

/// A run that was not made to its end, and why.
struct ComparisonSkip {
  std::string problem, contender, why;
  std::string reached = {};  ///< how far it came, of one that broke: "after 2 of 100 evaluations"
};

/// A peer broke in the midst of a run: what went wrong, and the run up to there.
class BrokenRun : public Error {
 public:
  BrokenRun(const Error& error, ComparisonRun run)
      : Error(error), run_(std::move(run)), hung_(dynamic_cast<const PeerHung*>(&error) != nullptr) {}
  const ComparisonRun& run() const { return run_; }
  bool hung() const { return hung_; }  ///< it gave no answer in time
  std::string reached() const;         ///< ComparisonSkip::reached

 private:
  ComparisonRun run_;
  bool hung_;
};

struct ComparisonResults {
  std::vector<ComparisonRun> runs;
  std::vector<ComparisonSkip> skips;
  bool interrupted = false;  ///< what is there is saved, the rest was not run
  /// What peers had done when they broke: figures up to there, and no rank. Tried anew the next time.
  std::vector<ComparisonRun> broken = {};
};

struct ComparisonHooks {
  std::function<bool()> interrupted = {};
  /// Runs finished, of how many, and what runs now.
  std::function<void(std::size_t, std::size_t, const std::string&)> progress = {};
};

/// Runs what the file `cache` does not hold yet and adds it there, line by line: stopped at any time, the
/// same call goes on. A line that was cut off by a crash is ignored. "": no cache. A contender that breaks or
/// refuses gets no other seed of that problem, and a peer that gave no answer on two problems no other run.
/// Throws Error where the file cannot be written.
ComparisonResults compare(const Comparison& comparison, const std::string& cache,
                          const ComparisonHooks& hooks = {});

/// One run, no cache. Throws PeerUnable or Error where the contender cannot do it, BrokenRun where a peer
/// breaks after its first evaluation. A run in which it evaluated every config of the space is whole, however
/// it ends, and so is one after which it has nothing more to propose. A peer's process goes into `kept` and
/// is taken from there for its next run, where it is given; after an error it must be reset.
ComparisonRun compare_one(const Problem& problem, const Contender& contender, std::uint64_t seed,
                          std::int64_t trials, std::int64_t workers,
                          const std::function<bool()>& interrupted = {},
                          std::unique_ptr<Peer>* kept = nullptr);

/// Whether a problem can be measured: its optimum (or best hypervolume) is known.
bool measurable(const Problem& problem);
/// Whether evaluations take any time, so that workers can be compared by it.
bool takes_time(const Problem& problem);
/// What identifies a problem's space and values: recorded ones by all of them.
std::string problem_key(const Problem& problem);
/// Of this program: hone's version and the hash of the running file.
std::string program_version();

/// What the runs say together.
struct ComparisonSummary {
  struct Cell {
    std::vector<double> regret;  ///< mean over the seeds at each of `at`; infinite: none had found anything
    std::vector<std::size_t> found;  ///< seeds that had found something, at each of `at`
    double nothing = 1.0;            ///< what one that had not counts as, beside others that had
    std::vector<double> error;       ///< the mean's standard error
    std::vector<double>
        reached;  ///< for each of `targets` the median over seeds; infinite: more than half never
    std::vector<std::pair<double, double>> curve;  ///< mean regret, thinned
    std::size_t seeds = 0;                         ///< 0: not run
    double ms = 0.0;                               ///< median over all asks
    std::string library;                           ///< ComparisonRun::library, of the last run
  };
  std::vector<double> at;       ///< evaluations: 25, 50, 100, ... and the budget
  std::vector<double> targets;  ///< regrets: 0.1, 0.03, 0.01
  std::map<std::pair<std::string, std::string>, Cell> cells;  ///< by problem and contender
  std::vector<std::string> ranked;                            ///< contenders with results on all problems
  std::vector<std::string> unranked;
  /// Seeds that ranked contenders lack (one that was stopped, broke, or is slow): on that problem
  /// their rank and means are over those that they have, and nobody else's change.
  std::vector<ComparisonSkip> lacks;
  std::vector<RankTest> ranks;  ///< at each of `at`, of `ranked` in their order; empty: fewer than two
  /// Means over the problems, of those ranked: regret at each of `at`, milliseconds.
  std::map<std::string, std::vector<double>> mean_regret;
  std::map<std::string, double> ms;
};
ComparisonSummary summarise(const Comparison& comparison, const ComparisonResults& results);

/// What was left out and why, a line a reason.
std::vector<std::string> left_out_lines(const ComparisonResults& results, const ComparisonSummary& summary);
/// For people: ranks, regrets, times, what was left out and why.
std::string comparison_text(const Comparison& comparison, const ComparisonResults& results,
                            const ComparisonSummary& summary);
/// A list of {table, suite, searcher, version, library (of a peer), seeds, n, regret, found, error,
/// targets, reached, ms_per_ask}. Where nothing was found regret is what that counts as; other infinite
/// numbers are null.
Json comparison_json(const Comparison& comparison, const ComparisonSummary& summary);
/// A self-contained HTML page: see report_page.
std::string comparison_page(const Comparison& comparison, const ComparisonResults& results,
                            const ComparisonSummary& summary, const std::string& title);

}  // namespace hone::run
