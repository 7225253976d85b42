#pragma once

#include <string>

#include "hone/study/trial.h"

namespace hone::task {

/// What the runs took that a program's checkpoint comes of, as far as is known: those of its trial since it
/// last began without one. Kept in the trial's folder beside the checkpoint, since it means nothing without
/// that: the file is written when a run has ended, so that what a run took whose worker died is not in it.
class CommandParts {
 public:
  /// A run of the trial begins. folder: the trial's own, "" for none. goes_on: from a checkpoint. Where
  /// there is no such file (an earlier hone wrote none) the trial's last result that has them says it.
  CommandParts(std::string folder, bool goes_on, const study::Trial& trial);

  /// The run has ended, with a checkpoint or without. Returns why what it took could not be kept; "" where
  /// that is well.
  std::string end(double seconds, double cpu_s, bool has_checkpoint);

  double seconds() const { return seconds_; }  ///< of all of them
  double cpu_s() const { return cpu_s_; }      ///< likewise

 private:
  std::string write() const;

  std::string path_;
  double seconds_ = 0.0;
  double cpu_s_ = 0.0;
};

}  // namespace hone::task
