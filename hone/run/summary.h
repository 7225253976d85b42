#pragma once

#include <string>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

// What is said of a study without reading all its trials: counts, the front's members, what was saved, the
// leases, and of failures those among the last kLookedBack trials. How the front grew is told from all of at
// most 20,000 trials. The report, which reads all, is report_data.h.

constexpr std::int64_t kLookedBack = 2000;

/// What `hone status` says, as one JSON document: counts by state, front, hypervolume and how it grew, saved
/// evaluations by kind, failures by cause, workers, pace, elapsed time, budget.
Json status_json(const study::Study& study, const StudyFile& file);
/// The same for people, some lines.
std::string status_text(const study::Study& study, const StudyFile& file);

/// Trials that have ended, in the order in which they did. Reads all.
struct Ended {
  double at_s = 0.0;  ///< the store's clock
  std::int64_t trial = 0;
  std::vector<double> values;  ///< where it lies (Study::point); empty: it has no place on the front
};
std::vector<Ended> ended_in_order(const study::Study& study);

/// Hypervolume of the front up to the study's reference point; 0 where there is none.
double front_hypervolume(const study::Study& study);

/// Seconds that sessions spent on the study: one that somebody works on counts up to now, one that was
/// killed up to its last event.
double elapsed_s(const study::Study& study);

/// Rows of equal length as aligned columns; numbers to the right. Columns beyond `width` (0: none is) follow
/// below in blocks of their own, the first column in each.
std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t width = 0);

/// "60 trials or 3:00"
std::string budget_text(const Budget& budget);

}  // namespace hone::run
