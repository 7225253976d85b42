// Names that no trial reports, while a search runs. For the files of this room only.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// A number that grows whenever a trial gets further: results and settled trials.
std::int64_t progress_of(const study::Study& study);

/// Says what no trial reports, as soon as some have ended.
class NameWatch {
 public:
  /// Ended trials before a limit is called mistyped, and failed ones of this session before the search ends
  /// because its objective is.
  static constexpr std::int64_t kEnough = 3, kMostFailed = 5;

  NameWatch(const study::Study& study, const StudyFile& file, std::function<void(const std::string&)> say);

  /// Throws Error where every trial fails for want of an objective, or where as many have failed as
  /// [budget] failures says, none was completed, paused or pruned or has a result, and none that was begun
  /// before so many had failed is still to end.
  void look();

 private:
  std::int64_t failed() const;
  void look_for_failures();

  const study::Study& study_;
  const StudyFile& file_;
  std::function<void(const std::string&)> say_;
  std::int64_t failed_before_;      // for want of an objective
  std::int64_t all_failed_before_;  // for whatever reason
  std::int64_t looked_at_ = -1;
  std::int64_t failures_at_ = -1;
  bool all_seen_ = false;
  bool works_ = false;  // a trial was measured that breaks a limit
  std::set<std::string> told_;
};

}  // namespace hone::run
