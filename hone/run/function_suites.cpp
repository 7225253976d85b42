// The suites of built-in functions.
#include "hone/run/suite.h"
#include "hone/task/functions/function.h"

namespace hone::run {

std::vector<Suite> function_suites(std::int64_t dimension) {
  std::vector<Suite> suites{{"classic", "one objective, real parameters", {}},
                            {"failing", "classic ones of which some evaluations fail", {}},
                            {"bbob", "the 24 noiseless BBOB functions, instance 1", {}},
                            {"mixed", "integers and choices beside real parameters", {}},
                            {"conditional", "parameters that depend on others' values", {}},
                            {"constrained", "limits beside the objective", {}},
                            {"several", "two objectives with known fronts", {}},
                            {"fidelity", "functions with cheap approximations", {}}};
  for (const task::FunctionInfo& info : task::test_functions())
    for (Suite& suite : suites)
      if (suite.name == info.suite)
        suite.problems.emplace_back(
            task::make_function(info.name, info.dimension > 0 ? 0 : std::max(dimension, info.least)),
            suite.name);
  return suites;
}

}  // namespace hone::run
