#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

// What a user changes about single trials. Each works while searches run in other processes: it takes its
// turn with them (the ask lease), so that no trial is begun meanwhile.

/// Proposes configs, which wait to be run, with origin "user". All or none. Where `replicate`, a config that
/// is known is evaluated again with a seed of its own; else one that is known is refused with its trial's id.
/// own_seeds: so has every other one (identity::Settings::own_seeds). Wants a whole study. Returns the ids.
std::vector<std::int64_t> enqueue(study::Study& study, const std::vector<space::Config>& configs,
                                  bool replicate = false, bool own_seeds = false);

/// Trials and why nothing was done about them, in words.
struct Edited {
  std::vector<std::int64_t> done;
  std::vector<std::pair<std::int64_t, std::string>> refused;
};
/// Lets failed, stale, pruned and infeasible trials wait again; what they reached stays. Refuses the others,
/// and those that are infeasible by a limit: what was measured decides that, and running changes nothing.
Edited retry(study::Study& study, const std::vector<std::int64_t>& ids);
/// Takes trials out of the study, and removes their checkpoints and folders. Refuses running ones. A
/// checkpoint that a trial with the same result may need stays.
Edited remove(study::Study& study, const std::vector<std::int64_t>& ids);

}  // namespace hone::run
