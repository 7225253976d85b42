#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/run/landscape.h"
#include "hone/run/replay.h"

namespace hone::run {

/// What recognising functions is worth on recorded tables: the analyses of "Unified Functional Hashing in
/// Automatic Machine Learning", repeated on whatever tables there are.
struct IdentityStudyOptions {
  std::int64_t seeds = 5;
  std::int64_t proposals = 2000;
  std::function<bool()> interrupted = {};
  std::function<void(const std::string&)> progress = {};  ///< what runs now
};

/// Several searches with one setting, each with its own seed; and the same with policy "off".
struct IdentityRow {
  std::string
      analysis;  ///< "bits", "policies", "forget", "average", "probe", "population", "sample", "changes"
  std::string setting;  ///< "7 bits"
  double x = 0.0;       ///< the same as a number, for plots
  std::string searcher, policy, noise;
  double hit_rate = 0.0;     ///< proposals that took a known result
  double collisions = 0.0;   ///< of the hits, share whose function is another
  double evaluations = 0.0;  ///< paid, mean
  /// The metric of the design held for the best at the end, as it truly is: mean over the seeds, and the
  /// mean's standard error.
  double quality = 0.0, quality_error = 0.0;
  /// What the same search without a cache comes to, paying for every proposal.
  double quality_off = 0.0;
  /// Evaluations paid until the design held for the best was as good as the one without a cache is at its
  /// end, over the evaluations that this took there: median over seeds; infinite where most never were.
  double share_of_evaluations = 0.0;
  double seeds = 0.0;
};

/// What the hash itself does to a table.
struct HashRow {
  LandscapeProbe probe;
  std::size_t classes = 0;
  double a_key = 0.0;     ///< designs a key, mean
  double collided = 0.0;  ///< share of designs whose key holds more than one function
};

/// Whether a convention's classes agree in the metric: a collision meter that needs no function to be known.
struct AgreementRow {
  std::string convention;
  std::size_t classes = 0;
  double spread = 0.0;  ///< standard deviation of the metric within classes, pooled over the better half
};

struct TableStudy {
  std::string table, title, metric;
  bool maximize = false, computes = false;
  std::size_t designs = 0, functions = 0;
  double best = 0.0, seed_noise = 0.0;
  std::int64_t seeds = 0;  ///< recorded
  std::vector<AgreementRow> agreement;
  std::vector<HashRow> hashes;
  std::vector<IdentityRow> rows;
};

/// Front of quality and latency on one device.
struct GainRow {
  std::string table, device;
  double spread =
      0.0;  ///< of latency within a function's members: (most - least) / mean, median over functions
  /// Share of the best hypervolume, evaluations paid: every design evaluated; that many evaluations only as
  /// the caches paid; the first member of a function stands for all; its cheapest member does.
  double all = 0.0, all_at_equal = 0.0, first = 0.0, cheapest = 0.0;
  double evaluations_all = 0.0, evaluations = 0.0;
  double error = 0.0;  ///< standard error of (cheapest - all_at_equal)
};

struct IdentityStudy {
  std::int64_t seeds = 0, proposals = 0;
  std::vector<TableStudy> tables;
  std::vector<GainRow> gains;
  std::vector<std::string> notes;  ///< what was left out, and why
  bool interrupted = false;

  Json json() const;
  std::string text() const;
};

/// Over every recorded table of a folder (recorded_suites); tables with curves are left out. Throws Error
/// where the folder holds none.
IdentityStudy study_identity(const std::string& folder, const IdentityStudyOptions& options);
std::string identity_study_page(const IdentityStudy& study, const std::string& folder);

// ---- its parts ----------------------------------------------------------------------------------------

TableStudy study_table(const Landscape& landscape, const IdentityStudyOptions& options);
/// `device`: the table with the latencies beside it, as recorded_suites joins them.
GainRow study_gain(const Landscape& landscape, const task::Recorded& device,
                   const IdentityStudyOptions& options);

}  // namespace hone::run
