#pragma once

#include <string>

#include "hone/run/study_file.h"
#include "hone/study/journal.h"

namespace hone::run {

/// What an earlier study found, as far as `file`'s study can learn from it: its configs with a finite result
/// of every objective of `file` at that study's last fidelity within the limits of `file`, the best first
/// (of several objectives front by front, what lies far apart on it first), 1,000 at most. `source`: a study
/// file, a folder NAME.hone, an SQLite file or a store's URL; relative to file.folder. Throws Error
/// where there is no study, or where it reports none of the objectives.
study::WarmStudy warm_study(const std::string& source, const StudyFile& file);

/// What is lost of an earlier study in this space, a sentence: "0 of 40 results of 'old' have a place here
/// (they lack 'depth', which has no default)"; "": nothing.
std::string warm_loss(const study::WarmStudy& warm, const space::Space& space);

}  // namespace hone::run
