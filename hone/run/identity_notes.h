#pragma once

#include <string>
#include <vector>

#include "hone/run/study_file.h"

namespace hone::run {

/// What a study's identity policy goes by, a sentence each.
std::vector<std::string> identity_notes(const StudyFile& file);

}  // namespace hone::run
