#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "hone/identity/recent.h"
#include "hone/run/foresight.h"
#include "hone/run/optimizer.h"
#include "hone/run/study_file.h"

namespace hone::run {

// What is known of a candidate before it is trained: its keys, its costs, and whether its function is known.
// For the files of this room only.

/// Computes the keys of configs and remembers them, the last kMost: what a searcher asked about need not be
/// probed again when it is proposed. Not thread safe.
class Signer {
 public:
  static constexpr std::size_t kMost = 100'000;

  /// All must outlive it. It is to be told the study's changes (foresight()).
  Signer(const StudyFile& file, task::Evaluator& evaluator, task::Seat seat);

  struct Signed {
    study::Keys keys;             ///< none where there are none
    std::string unhashable = {};  ///< why its probe gave no functional key; "" where it did or was not asked
  };
  /// Throws Error where the config is no possible model. Valid until the next call.
  const Signed& sign(const space::Config& config);
  study::Keys keys(const space::Config& config) { return sign(config).keys; }
  /// The structural key alone, without probing: of the graph and of what its costs depend on beside it.
  Key structural(const space::Config& config) const;
  /// Which limits candidates will break.
  Foresight& foresight() { return foresight_; }
  /// Seconds of probing that no trial's record has yet.
  double unbilled_s() const { return unbilled_s_; }
  double bill_s() { return std::exchange(unbilled_s_, 0.0); }

 private:
  const StudyFile& file_;
  task::Evaluator& evaluator_;
  task::Seat seat_;
  std::int64_t schedule_horizon_;
  Foresight foresight_;
  identity::Recent<Signed> known_;         // by config key
  identity::Recent<Signed> by_structure_;  // by what decides a probe's floats, where a task says it
  Signed unknown_;                         // the last one, where it is not to be remembered
  double unbilled_s_ = 0.0;
};

/// The limits that are foreseen: those of costs, unless they say otherwise, and those that say so.
std::vector<Foreseen> foreseen_of(const StudyFile& file);

/// The first limit that the measures break, in words; "" where they keep all. Below the last fidelity only
/// costs count: quality may still come.
std::string broken_limit(const StudyFile& file, const study::Measures& measures, bool final);

/// Whether an objective or limit depends on how a candidate is built, in a way that only training shows: then
/// a known function is not enough to know the result. What is known before training is no such measure.
bool only_training_tells(const StudyFile& file);

/// Keys and costs of a new candidate, the limits, and what the identity policy says. True: the job is settled
/// without running it. `began_s`: when work on it began, by monotonic_s().
bool settle_without_running(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator,
                            Signer& signer, const Job& job, double began_s,
                            const std::function<bool()>& interrupted);

}  // namespace hone::run
