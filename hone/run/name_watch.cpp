#include "hone/run/name_watch.h"

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/unreported.h"

namespace hone::run {

std::int64_t progress_of(const study::Study& study) {
  std::int64_t marks = 0;
  for (const auto state : {study::TrialState::paused, study::TrialState::completed, study::TrialState::pruned,
                           study::TrialState::infeasible, study::TrialState::failed})
    marks += study.count(state);
  return marks + study.size();
}

NameWatch::NameWatch(const study::Study& study, const StudyFile& file,
                     std::function<void(const std::string&)> say)
    : study_(study),
      file_(file),
      say_(std::move(say)),
      failed_before_(failed()),
      all_failed_before_(study.count(study::TrialState::failed)) {}

void NameWatch::look() {
  look_for_failures();
  const std::int64_t marks = progress_of(study_);
  if (all_seen_ || marks == looked_at_) return;
  looked_at_ = marks;
  const auto open = unreported(study_, file_, 0);
  all_seen_ = open.empty();
  for (const auto& one : open) {
    const bool objective = one.role == Unreported::Role::objective;
    if (objective && one.trials >= kMostFailed && failed() - failed_before_ >= kMostFailed) throw one.error();
    if (!objective && one.trials >= kEnough && told_.insert(one.name).second)
      say_(fmt::format("warning: {}", one.error().what()));
  }
}

/// What fails each time will fail the next time.
void NameWatch::look_for_failures() {
  using study::TrialState;
  const std::int64_t most = file_.budget.failures, failed = study_.count(TrialState::failed);
  if (most == 0 || works_ || failed - all_failed_before_ < most) return;
  for (const TrialState state : {TrialState::completed, TrialState::paused, TrialState::pruned})
    if (study_.count(state) > 0) return;
  const std::int64_t marks = progress_of(study_);
  if (marks == failures_at_) return;
  failures_at_ = marks;
  // Failures are quicker than what works: the trials begun before so many of them had failed come to an end
  // first. Later ones count where they have reported something by then.
  std::int64_t first = -1, seen = 0;
  for (std::int64_t id = 0; id < study_.size(); ++id) {
    const study::Trial& trial = study_.trial(id);
    const bool begun =
        trial.state == TrialState::running || (trial.state == TrialState::waiting && trial.attempts > 0);
    if (begun && (seen < all_failed_before_ + most || !trial.results.empty())) return;
    if (trial.state == TrialState::infeasible && !trial.results.empty()) {
      works_ = true;
      return;
    }
    if (trial.state != TrialState::failed) continue;
    if (seen++ == 0) first = id;
  }
  if (seen < all_failed_before_ + most) return;
  throw Error(
      fmt::format("{} trials failed, and none was completed; the first, trial {}: {}", failed, first,
                  study_.trial(first).reason),
      Place{file_.path, 0, "task"},
      "mend what they run, then: hone trial retry FILE --state failed; [budget] failures = 0 searches on");
}

std::int64_t NameWatch::failed() const {
  const auto found = study_.causes().find("missing");
  return found == study_.causes().end() ? 0 : found->second;
}

}  // namespace hone::run
