#pragma once

#include <map>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// What a study shows of its trials. Under identity policy `average` functions have had different numbers of
/// noisy evaluations, and the best plain means are the luckiest: there the front is that of posterior means
/// (predict::posterior_means, objective by objective over the functions), and they are what is shown of a
/// trial. Otherwise, and of a light study, which has not read all trials, the front is the study's own and a
/// trial is what its evaluations make together. Under `average` it takes O(trials) to make. The study must
/// outlive it, and what comes meanwhile is not seen.
class Shown {
 public:
  /// Without posterior means, whatever the policy. Not explicit: a study is shown as it is.
  Shown(const study::Study& study) : study_(&study), front_(study.front()) {}
  Shown(const study::Study& study, const StudyFile& file);

  const study::Study& study() const { return *study_; }
  const study::Front& front() const { return front_; }
  bool on_front(std::int64_t trial) const;
  /// Whether objectives are posterior means.
  bool posterior() const { return posterior_; }
  /// A trial's measures at the horizon: of all its evaluations together (Study::outcome), the objectives as
  /// posterior means where they are. Empty where there is no result; plain means where it breaks a limit.
  study::Measures measures(std::int64_t trial) const;

 private:
  const study::Study* study_;
  study::Front front_;
  bool posterior_ = false;
  std::map<std::int64_t, std::vector<double>> points_;  // oriented; under `average`
};

/// The front that a study shows.
study::Front shown_front(const study::Study& study, const StudyFile& file);

}  // namespace hone::run
