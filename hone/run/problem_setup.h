#pragma once

#include "hone/run/optimizer.h"
#include "hone/run/suite.h"

namespace hone::run {

/// What a study of the problem is of; how it is searched is the caller's.
inline Optimizer::Setup setup_of(const Problem& problem) {
  Optimizer::Setup setup;
  setup.name = problem.name();
  setup.space = problem.space();
  setup.objectives = problem.objectives();
  setup.limits = problem.limits();
  return setup;
}

}  // namespace hone::run
