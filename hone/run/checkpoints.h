#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "hone/run/optimizer.h"
#include "hone/run/study_file.h"

namespace hone::run {

// What trials leave on the disk. For the files of this room only.

/// Where a task that keeps a folder of checkpoints (a program's own) has it.
std::string checkpoint_folder(const study::Store& store, std::int64_t trial);
/// The trials whose weights the front needs: its members and those whose results they took. Of the front that
/// the study shows, and of its own, whose members may come to be shown.
std::set<std::int64_t> models_of_front(const study::Study& study, const StudyFile& file);
/// Removes checkpoints that nothing will ask for: of trials that failed, or completed off the front. `own`:
/// trials that may have a folder of checkpoints, and those that still do afterwards.
void collect_checkpoints(const Optimizer& optimizer, const StudyFile& file, std::set<std::int64_t>& own);
/// The trials that have a folder of their own: what earlier workers may have left checkpoints in.
std::set<std::int64_t> trials_with_folder(const study::Study& study);

}  // namespace hone::run
