#include "hone/run/name_watch.h"

#include <fmt/format.h>

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
    : study_(study), file_(file), say_(std::move(say)), failed_before_(failed()) {}

void NameWatch::look() {
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

std::int64_t NameWatch::failed() const {
  const auto found = study_.causes().find("missing");
  return found == study_.causes().end() ? 0 : found->second;
}

}  // namespace hone::run
