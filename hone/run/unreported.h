#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// A name in a study file that no trial has reported: mistyped, most likely, where a task's measures are a
/// program's own business.
struct Unreported {
  enum class Role {
    objective,  ///< every trial fails
    limit,      ///< it limits nothing
    cost,       ///< [search] cost: what trials cost is not known
    spend,      ///< [budget] spend: that budget never ends
  };
  std::string name;
  Role role = Role::limit;
  std::int64_t trials = 0;                 ///< those that ended without it
  std::vector<std::string> reported = {};  ///< what they reported; empty where the journal does not say
  std::string unread = {};                 ///< why the first of them reported it in vain, where it did
  Place place = {};                        ///< in the study file

  /// What is wrong, with the nearest reported name, and what to do about it.
  Error error() const;
};
const char* role_name(Unreported::Role role);

/// Those of a study, where at least `least` trials have ended that should have reported them: at the horizon,
/// or failed for want of an objective. Looks at the first kLookedBack trials, and at no more of them than it
/// takes to have seen every name.
std::vector<Unreported> unreported(const study::Study& study, const StudyFile& file, std::int64_t least = 1);

}  // namespace hone::run
