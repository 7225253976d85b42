#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/task/benchmark.h"

namespace hone::task {

/// A test function made for a dimension and an instance. Everything it needs is captured in its functions,
/// which are pure and thread safe.
struct Function {
  space::Space space;
  std::vector<study::Objective> objectives = {{"value", true}};
  std::vector<study::Limit> limits = {};
  std::int64_t horizon = 1;
  std::optional<double> optimum = {};  ///< of a single objective, as it is
  /// x: the config's values in the space's order (numbers as they are, texts by their index, flags 0 or 1,
  /// NaN where it is not active);
  /// z: the fidelity as a share of the horizon, above 0 to 1. Gives the objectives' values in their order,
  /// then those of the limits; NaN first: the evaluation fails there.
  std::function<std::vector<double>(std::span<const double> x, double z)> evaluate;
  /// Seconds that an evaluation at z takes; not given: z.
  std::function<double(double z)> cost = {};
  std::vector<double> reference = {};                            ///< several objectives: oriented
  std::function<std::vector<std::vector<double>>()> front = {};  ///< several objectives: oriented
};

/// What the list of test functions says of one.
struct FunctionInfo {
  std::string name;            ///< "hartmann6"
  std::string suite;           ///< "classic", "bbob", "failing", "mixed", "conditional", "constrained",
                               ///< "several", "fidelity"
  std::string summary;         ///< one line: what is hard about it
  std::string source;          ///< where it comes from
  std::int64_t dimension = 0;  ///< of its space; 0: any from `least` on
  std::int64_t least = 1;
  std::function<Function(std::int64_t dimension, std::uint64_t instance)> make;
};

/// All test functions, suite by suite.
const std::vector<FunctionInfo>& test_functions();
/// One of them; throws Error (at `place`) with the name that was meant.
const FunctionInfo& test_function(const std::string& name, const Place& place = {});
/// As a benchmark. `dimension` 0: its own, or 5 (the least one where that is more) where it exists in any.
/// Throws Error where it does not exist in that dimension. Instances shift and turn the BBOB functions; the
/// others have but one.
std::shared_ptr<const Benchmark> make_function(const std::string& name, std::int64_t dimension = 0,
                                               std::uint64_t instance = 1);

// The groups, each in its own file.
void add_classic_functions(std::vector<FunctionInfo>& list);
void add_failing_functions(std::vector<FunctionInfo>& list);  ///< after the classic ones
void add_bbob_functions(std::vector<FunctionInfo>& list);
void add_mixed_functions(std::vector<FunctionInfo>& list);
void add_conditional_functions(std::vector<FunctionInfo>& list);
void add_constrained_functions(std::vector<FunctionInfo>& list);
void add_engineering_functions(std::vector<FunctionInfo>& list);
void add_zdt_functions(std::vector<FunctionInfo>& list);
void add_dtlz_functions(std::vector<FunctionInfo>& list);
void add_wfg_functions(std::vector<FunctionInfo>& list);
void add_fidelity_functions(std::vector<FunctionInfo>& list);

// What the groups share.

/// x1 to xN, real, all from low to high.
space::Space cube(std::int64_t dimension, double low, double high);
/// x1, x2, ..., real, each with its own range.
space::Space box(const std::vector<std::pair<double, double>>& ranges);
/// The points of a curve of two objectives, at 0 to 1 in 20,000 steps, that none of the others dominates.
std::vector<std::vector<double>> curve_front(const std::function<std::vector<double>(double)>& curve);
double hartmann(std::span<const double> x, std::size_t dimension, double off_alpha = 0.0);

/// Of a space of its own: `values` gives the objective, to be minimised, and then `n_limits` measures c1, c2,
/// ... that must not be above 0.
Function function_on(const space::Space& space, std::size_t n_limits, double optimum,
                     std::vector<double> (*values)(std::span<const double>));
/// Adds such a one to a suite.
void add_function(std::vector<FunctionInfo>& list, const std::string& suite, const std::string& name,
                  const std::string& summary, const std::string& source, const Function& function);
/// Adds one of the suite "constrained", as function_on makes it.
void add_limited_function(std::vector<FunctionInfo>& list, const std::string& name,
                          const std::string& summary, const std::string& source, const space::Space& space,
                          std::size_t n_limits, double optimum,
                          std::vector<double> (*values)(std::span<const double>));

inline double square(double x) { return x * x; }

}  // namespace hone::task
