#pragma once

#include <map>
#include <string>
#include <vector>

#include "hone/base/document.h"
#include "hone/study/objective.h"
#include "hone/task/task.h"

namespace hone::run {

/// [limits] of a study file with a task of this kind; `predicts`: of a limit that says so, whether its
/// measure is predicted. Where `sensible`, a bound that every trial keeps (max = inf) or that none can (max =
/// "-5 s") is an error. Throws Error at the entry.
std::vector<study::Limit> read_limits(const Node& table, const task::Task& task, const std::string& kind,
                                      std::map<std::string, bool>& predicts, bool sensible);

}  // namespace hone::run
