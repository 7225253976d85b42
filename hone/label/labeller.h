#pragma once

#include <map>
#include <string>

#include "hone/cost/kernels/generator.h"
#include "hone/cost/labels.h"
#include "hone/label/backend.h"
#include "hone/label/frontend.h"
#include "hone/label/runner.h"

namespace hone::label {

/// This machine's own rates, as compiled code reaches them: "f32_flops_per_s", "f64_flops_per_s" (fused
/// multiply-add counts two), "i32_ops_per_s", "bytes_per_s" (a sum of two arrays far larger than the caches,
/// reads and writes). Takes about a second, under the machine's lock.
std::map<std::string, double> measure_yardsticks(const Backend& backend);

/// What a gather takes on this machine, in cycles from the first cache: gather_cycles and
/// gathered_lane_cycles of the target. Left as they are where there is none.
void measure_gathers(const Backend& backend, cost::mlir::CodeTarget& target);

/// Compiles a function, looks at its code and runs it. Not thread safe.
class Labeller {
 public:
  /// `measured`: what measure_yardsticks gave; empty: no utilisation among the targets.
  explicit Labeller(std::map<std::string, double> measured = {}) : measured_(std::move(measured)) {}

  /// All but the targets, quickly: the schedule applied, the structure's key. Throws Error where the
  /// schedule's passes fail.
  cost::Label prepare(const cost::GeneratedKernel& kernel) const;
  /// Fills targets, spread and disturbed. Throws Error where the text cannot be compiled.
  void measure(cost::Label& label, const RunOptions& options = {}) const;

  const Frontend& frontend() const { return frontend_; }
  const Backend& backend() const { return backend_; }

 private:
  std::map<std::string, double> measured_;
  Frontend frontend_;
  Backend backend_;
};

/// What a target is and in which unit, for people: name and description.
const std::vector<std::pair<std::string, std::string>>& target_names();

}  // namespace hone::label
