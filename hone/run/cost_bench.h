#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/predict/score.h"

namespace hone::run {

/// How near one cost model came on one target of one suite.
struct CostScore {
  std::string suite;   ///< "nasbench201_devices, 20 samples", "matmul held out"
  std::string target;  ///< what is predicted: "pixel3", "run_s"
  std::string model;   ///< "roofline", "linear", ...; "noise: ", "known: ": what models are held against
  predict::Accuracy accuracy;
  /// Figures that only this suite has, by name; shares.
  std::vector<std::pair<std::string, double>> more = {};
};

struct CostBenchOptions {
  std::int64_t seeds = 5;  ///< repetitions where samples are drawn; scores are means over them
  std::function<void(const std::string&)> progress;  ///< what is being done; may be empty
  std::function<bool()> interrupted;                 ///< may be empty
  /// Told of a file that gives no scores, and why: "llm/s.csv: ..."; may be empty.
  std::function<void(const std::string&)> skipped = {};
};

// The comparisons of cost models over a folder: each looks for what it knows there and gives no scores where
// there is none. Throw Error on files that are malformed.

/// `latency/`: designs measured on several devices. A device held out is met with few measurements.
std::vector<CostScore> device_scores(const std::string& folder, const CostBenchOptions& options);
/// `llm/`: per-token and per-prompt times of deployments.
std::vector<CostScore> llm_scores(const std::string& folder, const CostBenchOptions& options);
/// Tables with a cost (seconds of training; latencies on devices beside them), searched whole by random
/// search with a limit on the cost at its median: how near forecasts came, and in `more` the shares of all
/// designs that were evaluated and whose cost was measured before; of the evaluated ones that broke the limit
/// all the same; of the time that evaluating all takes; of the hypervolume of the front within the limit, and
/// of its points that were found (where known functions are reused a point stands for its whole function).
std::vector<CostScore> loop_scores(const std::string& folder, const CostBenchOptions& options);
/// What hone-label wrote: kernels, whole families of which are held out. For run times also what is said by
/// trees on what no text has: the counts of the compiled code.
std::vector<CostScore> kernel_scores(const std::string& folder, const CostBenchOptions& options);
/// `gemm/`: tables of measured matrix products; shapes are held out with all their configurations. In `more`
/// by how much of the best configuration's time the one that is chosen takes longer, and how much faster it
/// is than the middle one and than the one that was measured most often.
std::vector<CostScore> gemm_scores(const std::string& folder, const CostBenchOptions& options);
/// The suite's name of one of its files.
std::string kernel_suite(const std::string& labels);

/// [{"suite", "target", "model", "samples", "mape", "spearman", "r2"}] with `more`, null where a figure does
/// not exist.
Json scores_json(const std::vector<CostScore>& scores);
/// A table a suite, the best model of every target marked.
std::string scores_text(const std::vector<CostScore>& scores);

}  // namespace hone::run
