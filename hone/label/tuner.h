#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/cost/machine_lock.h"
#include "hone/label/backend.h"
#include "hone/label/loops.h"
#include "hone/label/runner.h"

namespace hone::label {

struct TuneOptions {
  int compilations = 20;   ///< functions compiled and run at most, the original among them
  double tolerance = 0.0;  ///< largest relative difference of any output element; 0: bit for bit the same
  bool guided = true;      ///< false: candidates at random, for comparison
  std::uint64_t seed = 1;  ///< of the random inputs, and of random candidates
  bool quiet = true;       ///< take the machine's lock while timing
  double call_seconds = kCallSeconds;  ///< longest call of the original
  /// Seconds predicted from a candidate's text; empty: the analytic model alone ranks. NaN: it cannot tell.
  std::function<double(const std::string& text)> predict = {};
  std::optional<cost::NestMachine> machine;  ///< what the analytic model knows of it; empty: measured first
  cost::Interrupted interrupted = {};
  std::function<void(const std::string& what)> progress = {};
};

/// One candidate that was compiled and run.
struct TuneTrial {
  std::string recipe;       ///< what was done, in words; "" is the original
  double predicted = 0.0;   ///< cycles by the analytic model
  double seconds = 0.0;     ///< of a processor, a call; NaN where it was not timed
  double difference = 0.0;  ///< of its outputs from the original's
  std::string failed;       ///< why it does not count; "" where it does
};

struct TuneResult {
  std::string text;    ///< the winner: MLIR of affine loops; the original where nothing was better
  std::string recipe;  ///< "" where it is the original
  double original_s = 0.0, tuned_s = 0.0;  ///< of a processor, a call
  double speedup = 1.0;                    ///< median over pairs of calls of both, next to each other in time
  double spread = 0.0;                     ///< of that ratio over the pairs, (q80 - q20) / q20
  std::vector<TuneTrial> trials;           ///< the original first; empty: interrupted before it was timed
  std::string note;  ///< why no loop could be transformed, or why what seemed faster is not returned; or ""
  std::string extents;  ///< what scalars that bound loops were given: "argument 1 is 1500"; or ""
  bool interrupted = false;
};

/// Chooses distribution, fusion, loop order, tiling, unroll-and-jam and transposed copies for a function of
/// affine loops (or of linalg, made to loops) by search over the compiler's own transformations, after
/// "LOOPer: A Learned Automatic Code Optimizer For Polyhedral Compilers": a model ranks, the best are
/// compiled, run and compared on random inputs. Its beam search over sequences is here Bayesian optimisation
/// around the analytic model: of the changes of one nest of the best so far, and of some points at random,
/// the one of the largest expected improvement. What is different is never returned, nor what compiles to the
/// same code as the original, nor what is not at least 2% faster by a sign test over pairs of calls (see
/// cost::compare_pairs and Finalists). Throws Error where the function cannot be compiled or called, or the
/// tolerance is no number of 0 or more.
TuneResult tune(const Frontend& frontend, const Backend& backend, const std::string& text,
                const std::string& file, const TuneOptions& options = {});

}  // namespace hone::label
