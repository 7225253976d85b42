#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/options.h"
#include "hone/base/registry.h"
#include "hone/graph/graph.h"
#include "hone/identity/signature.h"
#include "hone/space/space.h"
#include "hone/study/trial.h"

namespace hone::task {

/// One quantity that a task reports.
struct MeasureInfo {
  std::string name;  ///< with its unit: "latency_s"
  std::string summary;
  bool minimize = true;  ///< the usual direction
  bool timed = false;    ///< comes from a clock: differs from run to run
  bool before = false;   ///< known before training (a cost of the untrained candidate)
  bool unshared =
      false;  ///< depends on how the candidate is built, beyond what it computes (memory, seconds)
};

/// What a task is, without running it: enough to check study files, compute keys and predict costs. Made from
/// the [task] table's options. Free of Torch. Thread safe once made.
class Task {
 public:
  virtual ~Task() = default;

  virtual std::vector<MeasureInfo> measures() const = 0;
  virtual std::string fidelity_unit() const = 0;  ///< "steps"
  /// Whether a trial of fidelity 1 is a whole one, so that a study need not say how far trials run.
  virtual bool whole_at_one() const { return false; }
  /// Whether it may report measures beyond measures(), whose names only the study knows (a program's own).
  virtual bool any_measure() const { return false; }

  /// The measure that says what an evaluation cost, where that is not what the clock says; "": the clock
  /// does.
  virtual std::string cost_measure() const { return {}; }

  /// What one trial needs of the machine it runs on.
  struct Needs {
    int cores = 0;         ///< of its own, assigned to its worker; 0: one, which it shares as it may
    int gpus = 0;          ///< likewise
    double grace_s = 0.0;  ///< time to save when its worker is asked to end, beyond a worker's usual second
  };
  virtual Needs needs() const { return {}; }
  /// Whether its evaluator reports results on its way by itself. One that does not is stopped and measured
  /// where the scheduler wants to know.
  virtual bool reports() const { return true; }
  /// Options that cannot change what a trial's result is, only how it is got: a study may change them.
  virtual std::vector<std::string> neutral_options() const { return {}; }

  /// Checks that the space's parameters mean something to the task and have fitting kinds and ranges. Throws
  /// Error at the parameter's place, with the name that was meant.
  virtual void check(const space::Space& space) const = 0;
  /// The space that a study has which declares none; nullopt: it must declare one. May read data.
  virtual std::optional<space::Space> default_space() const { return std::nullopt; }
  /// The largest fidelity that a trial can reach; 0: any.
  virtual std::int64_t largest_fidelity() const { return 0; }
  /// Checks the fidelities at which the study's trials rest (ascending). Throws Error.
  virtual void check_rungs(const std::vector<std::int64_t>& /*rungs*/) const {}

  /// Reads what the task needs, so that it fails now rather than in a worker. Returns one line about it, for
  /// people; "" where there is nothing to say. Throws Error at the option that names it.
  virtual std::string prepare() const { return {}; }

  /// The program whose processes run this task's trials (absolute path); "": hone's own.
  virtual std::string program() const { return {}; }

  /// Identity of the data that results depend on; "" where there is none. May read it.
  virtual std::string data_identity() const { return {}; }

  /// The model that a config describes; nullopt where a task has no graph. Throws Error where the config is
  /// no possible model.
  virtual std::optional<graph::Graph> graph(const space::Config& /*config*/) const { return std::nullopt; }

  /// Costs that follow from the design alone (parameters, operations), without building it.
  virtual study::Measures design_costs(const space::Config& /*config*/) const { return {}; }

  /// What the costs of one structure depend on beside it (the window of a language model), as canonical text
  /// with a version of how they are taken; "": on nothing. Costs are known under both together.
  virtual std::string cost_terms(const space::Config& /*config*/) const { return {}; }

  /// The functional key's literal part: everything that decides a result and that the probe cannot see (data,
  /// task version, and the values of parameters such as decay or batch size), as canonical text. nullopt:
  /// this task has no probe, and a candidate is known by its config alone.
  virtual std::optional<std::string> unseen_by_probe(const space::Config& /*config*/) const {
    return std::nullopt;
  }

  /// What counts as the same float of a probe, where the study does not say. The usual: for what is computed
  /// in single precision of inputs of about 1.
  virtual identity::Quantisation rounding() const { return {}; }

  /// What decides the probe's floats beside the model's structure and what it cannot see, as canonical text:
  /// candidates of one structural key that agree in both are probed once. nullopt: each is probed itself.
  virtual std::optional<std::string> seen_by_probe(const space::Config& /*config*/) const {
    return std::nullopt;
  }
};

/// What decides a probe's floats, as a key: the structure, and what the task says of seen_by_probe and
/// unseen_by_probe. nullopt: the config must be probed itself.
std::optional<Key> probed_as(const Task& task, const space::Config& config, Key structural);

/// Kind "task" in the registry: options (the [task] table without kind) to task. The folder of the study
/// file, against which relative paths are resolved, comes along.
using MakeTask = std::function<std::shared_ptr<const Task>(const Options&, const std::string& folder)>;

std::shared_ptr<const Task> make_task(const std::string& kind, const Options& options,
                                      const std::string& folder, const Place& place = {});

// ---- running ------------------------------------------------------------------------------------------

/// One run of a trial: from the fidelity it has reached (its checkpoint, where the folder has one) to `to`.
struct Assignment {
  study::Trial trial;
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t horizon = 0;  ///< the study's largest fidelity: what learning-rate schedules decay to
  std::string checkpoint;    ///< file that holds or will hold this trial's checkpoint
  /// The trial's own folder, for what it prints and keeps (STUDY.hone/trials/N); may not exist yet. "" for a
  /// store in memory.
  std::string folder = {};
  std::vector<int> cores = {};         ///< cores assigned to this worker; empty: any
  std::vector<std::string> gpus = {};  ///< GPUs assigned to this worker, as CUDA_VISIBLE_DEVICES names them
};

enum class Ending {
  reached,      ///< at `to`; checkpoint written
  stopped,      ///< the reporter said so; checkpoint written
  interrupted,  ///< the reporter's interrupted() became true; checkpoint written
  paused,       ///< the reporter said so; checkpoint written, and it may be promoted later
  failed,       ///< reason says why: "diverged: loss is nan at step 17"
};

/// Measures that were reported in vain, (name, why): "its report line 1 is not valid JSON: {'loss': 0.5}".
/// Without a name: whatever the measure.
using Unread = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  Ending ending = Ending::reached;
  std::string reason = {};
  /// Reached; 0: not said. A run with ending reached that says another one than it was to reach has failed.
  std::int64_t fidelity = 0;
  study::Measures measures = {};  ///< at that fidelity; empty for interrupted; failed: what it told it cost
  study::Curve curve = {};        ///< of this run only: (fidelity, training loss)
  std::string cause = {};         ///< of failed: see study::Trial::cause
  Unread unread = {};
  /// However it ended: what this run took by itself, of measures that add up over a trial's runs. Of others
  /// what they say together in the trial's results is what it cost.
  study::Measures took = {};
};

/// Why a run without the measure `name` failed: "it did not report los; it reported loss, seconds", and after
/// " | " why it may have been reported in vain.
std::string missing_reason(const std::string& name, const study::Measures& reported,
                           const Unread& unread = {});
/// What such a reason says after " | "; "": nothing, or it is no such reason.
std::string unread_by(const std::string& reason);
/// The names that such a reason lists; nullopt where it is none, or of another measure.
std::optional<std::vector<std::string>> reported_by(const std::string& reason, const std::string& name);

/// How a running evaluation talks to the engine.
class Reporter {
 public:
  enum class Verdict { go_on, pause, stop };
  virtual ~Reporter() = default;
  /// An intermediate result.
  virtual Verdict report(std::int64_t fidelity, const study::Measures& measures) = 0;
  /// Whether to save and return soon (within half a second). Cheap; ask at every step.
  virtual bool interrupted() = 0;
};

/// What belongs to a worker, whatever it evaluates.
struct Seat {
  std::vector<int> cores = {};             ///< as in an Assignment
  std::vector<std::string> gpus = {};      ///< likewise
  std::function<bool()> interrupted = {};  ///< as a Reporter's; may be empty
};

/// Runs a task's trials in a worker process; alive over many trials. Not thread safe.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// Costs of the untrained candidate (every measure with `before`), measured on this machine. Asked once per
  /// structural key. Empty where the task has none.
  /// `interrupted` true: returns what it has.
  virtual study::Measures costs(const space::Config& /*config*/,
                                const std::function<bool()>& /*interrupted*/) {
    return {};
  }
  /// The floats of the functional signature: what the candidate computes on the canonical batch over a few
  /// steps, every random source reset. Empty: no probe. NaN or infinity inside: unhashable.
  virtual std::vector<double> probe(const space::Config& /*config*/) { return {}; }
  /// The same with what the worker may use and whether to end early (then it returns what it likes: the
  /// trial is given back). What hone calls; a probe that starts processes or takes long wants to know.
  virtual std::vector<double> probe_at(const space::Config& config, const Seat& /*seat*/) {
    return probe(config);
  }
  /// Why the last probe gave no floats: "the probe failed: exit status 1"; "" where it gave some, or where
  /// nothing is to be said.
  virtual std::string probe_note() const { return {}; }
  virtual Outcome run(const Assignment& assignment, Reporter& reporter) = 0;
};

/// Kind "evaluator" in the registry, under the task's name.
using MakeEvaluator = std::function<std::unique_ptr<Evaluator>(std::shared_ptr<const Task>, const Options&,
                                                               const std::string& folder)>;

}  // namespace hone::task
