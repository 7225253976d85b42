#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/cost/machine_lock.h"

namespace hone::label {

struct LabelPlan {
  std::string path;  ///< the data set; what is there already is kept and not made again
  std::uint64_t seed = 1;
  std::uint64_t count = 1000;         ///< the generator's numbers 0 to count - 1
  std::vector<std::string> families;  ///< only these; empty: all
  int workers = 1;                    ///< processes that compile; timing is one at a time
  double kernel_seconds = 60.0;       ///< a kernel that takes longer is recorded as failed
  /// Where the repeats of a function disagree it is measured again, up to so often in all, when all others
  /// have been: neighbours of the machine may be gone then.
  int visits = 3;
  cost::Interrupted interrupted = {};
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
  std::function<void(std::uint64_t left)> visiting = {};  ///< progress of further visits
};

struct LabelSummary {
  std::uint64_t labelled = 0;    ///< in this run
  std::uint64_t duplicates = 0;  ///< left out: their structure is there already
  std::uint64_t failed = 0;
  std::uint64_t before = 0;  ///< labels that were there
  std::uint64_t visited_again = 0;
  std::uint64_t disturbed = 0;  ///< of all in the file, whose repeats disagree still
  double seconds = 0.0;
  bool interrupted = false;
};

/// Labels what is missing of the plan and appends it to the file, line by line. Kernels are compiled and run
/// in processes of their own: what crashes is recorded as failed and takes nothing else along. Call it from a
/// process with one thread. Throws Error where the file is of another machine, compiler, seed or generator.
LabelSummary make_labels(const LabelPlan& plan);

}  // namespace hone::label
