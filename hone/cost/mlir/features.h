#pragma once

#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/mlir/loop_features.h"
#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

/// One loop as it is reported.
struct LoopFeatures {
  int depth = 1;
  double trips = 0.0, entries = 0.0;
  double working_set_bytes = 0.0;  ///< touched in one run of it
  bool innermost = false, parallel = false, known = true, implied = false;
  bool reduces = false;  ///< a value, or an element that stays where it is, goes from iteration to iteration
  double unit = 0.0, still = 0.0, strided = 0.0, indirect = 0.0;  ///< accesses an iteration, by their stride
};

/// What costs depend on, from the text alone, in a third of a millisecond as a rule, in several where the
/// text is long. Counts are dynamic (weighted by trip counts, mlir/nest.h) unless their names begin with
/// `static_`.
struct Features {
  std::string function;        ///< its symbol
  std::vector<double> values;  ///< by feature_names()
  std::vector<LoopFeatures> loops;
  LoopRows rows;  ///< of the loops that work directly

  double at(const std::string& name) const;  ///< throws Error where there is no such feature
};

/// Names in the order of Features::values; they only grow, at the end, so that a model that knows fewer can
/// be used on.
const std::vector<std::string>& feature_names();

/// Of one operation of Module::functions(). `target`: the machine whose costs are asked for, on which the
/// rows depend.
Features features(const Module& module, int function, const CodeTarget& target = {});

/// {"function", "features": {name: value}, "loops": [...]}.
Json features_json(const Features& features);

/// Registers that the function would like to have at once: values alive together that are computed before
/// and used after some operation, each as many as 32-byte vectors take; by the order of the text.
struct Pressure {
  double real = 0.0;     ///< scalars and vectors of reals
  double integer = 0.0;  ///< integers, indices, addresses
};
Pressure register_pressure(const Module& module, int function);

}  // namespace hone::cost::mlir
