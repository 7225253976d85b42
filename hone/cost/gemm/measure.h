#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hone/base/appended_file.h"
#include "hone/cost/energy.h"
#include "hone/cost/gemm/table.h"
#include "hone/cost/machine_lock.h"

namespace hone::cost {

struct GemmMeasureOptions {
  std::string type = "f32";      ///< f32 or f64
  std::int64_t least = 8;        ///< of m, n and k
  std::int64_t largest = 1024;   ///< likewise
  double most_flops = 5e8;       ///< of a shape, so that none takes all the time
  std::size_t configs = 20;      ///< a shape, the usual one (cpu_gemm_default) among them
  double seconds = 120.0;        ///< of wall clock to measure in
  std::size_t shapes = 0;        ///< only the first so many that the seed plans; 0: as time allows
  std::uint64_t seed = 1;        ///< of shapes and configurations
  int repeats = 5;               ///< timed calls, or groups of short ones, a configuration
  double sample_seconds = 3e-4;  ///< calls shorter than this are timed in groups of at least so long
  double power_seconds = 0.05;   ///< of calls over which power is measured, where it is
  EnergyOptions energy = {.nvml = false};  ///< RAPL's counters; a GPU does not compute these products
  bool quiet = true;                       ///< take the machine's lock while measuring
};

/// The i-th shape at a seed: m, n and k independent and uniform in their logarithms, every third of them
/// rounded to a multiple of 16, drawn anew while it has more than most_flops operations.
GemmShape planned_shape(const GemmMeasureOptions& options, std::size_t i);
/// Its configurations: the usual one, then others by chance, without repetition, of tiles that are powers of
/// two (16 to 256 rows, 16 to 512 columns, 32 to 512 deep) and of all registers; tiles beyond the shape that
/// would be the same as a smaller one are left out.
std::vector<GemmConfig> planned_configs(const GemmMeasureOptions& options, const GemmShape& shape,
                                        std::size_t i);

/// Products of matrices measured on this machine's CPU, appended to a table of hone's own, shape by shape. It
/// goes on where an earlier run with the same seed stopped: what stands in the table, a configuration of a
/// shape, is not measured again. Time is the calling thread's on a processor (CLOCK_THREAD_CPUTIME_ID),
/// the low quantile of repeats among which all configurations of a shape take turns; power is that of the
/// machine's counters, with all that runs on it, and never anything else. From its beginning until run() has
/// ended the file is its own: two that measure into one file would measure the same, twice.
class GemmMeasurement {
 public:
  /// Throws Error on a file that is no table of hone's own, that is of another device or type, that cannot be
  /// written or that another measurement writes; on impossible options. A last line without its end is taken
  /// away, the header's too.
  GemmMeasurement(const std::string& file, const GemmMeasureOptions& options);

  /// Whether power is measured; else why not: "there is none", ...
  bool power() const { return power_; }
  const std::string& without_power() const { return without_power_; }
  /// Rows that the file held at first.
  std::size_t earlier() const { return earlier_; }

  struct Progress {
    std::size_t shapes = 0, rows = 0;  ///< measured by this run; distinct ones
    double seconds = 0.0;              ///< since run() began
    GemmShape shape;                   ///< at hand
  };
  struct Outcome {
    std::size_t shapes = 0, rows = 0;
    std::size_t disturbed = 0;  ///< of the rows, whose repeats disagreed by more than a tenth
    bool interrupted = false;
    bool unfinished = false;  ///< the time was over amid a shape
    bool exhausted = false;   ///< planned shapes have long been nothing but known ones: there are no more
  };
  /// Measures, once, until the time is over, all shapes are there, there are no new ones, or `interrupted`;
  /// every shape's rows are in the file once it is finished, and one that was not leaves none. Throws Error
  /// (environment) where they cannot be written, which leaves none of them either.
  Outcome run(const std::function<void(const Progress&)>& progress, const Interrupted& interrupted);

 private:
  void append(AppendedFile& file, const std::vector<GemmRun>& runs) const;

  std::unique_ptr<AppendedFile> file_;  ///< until run()
  GemmMeasureOptions options_;
  EnergyMeter meter_;
  bool power_ = false;
  std::string without_power_, device_;
  std::size_t earlier_ = 0;
  std::set<std::pair<GemmShape, GemmConfig>> known_;  ///< all that the file has
};

/// Runs of one shape measured together, one a configuration; none where interrupted. Power is
/// measured where a meter is given.
std::vector<GemmRun> measure_gemm(const GemmShape& shape, const std::vector<GemmConfig>& configs,
                                  const GemmMeasureOptions& options, EnergyMeter* meter,
                                  const Interrupted& interrupted);

}  // namespace hone::cost
