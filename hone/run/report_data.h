#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "hone/run/posterior.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// The document of the report page (see report.h). Reads all trials; what the document holds of them is
/// bounded (see report_trials), and so is the time that the analysis takes.
Json report_json(const study::Study& study, const StudyFile& file, const std::string& sample = {});

/// How many trials of a study the page holds: all up to this, fewer where there are many columns.
constexpr std::int64_t kReportTrials = 20000;
constexpr std::int64_t kReportCells = 800000;
constexpr std::int64_t kReportTrialsLeast = 2000;

/// The trials as columns (the "trials" member of the document). Where the study has more than fit: those in
/// `must`, the best `kReportBest` of every objective, and of the rest a uniform choice that depends on the
/// study's seed alone.
constexpr std::size_t kReportBest = 200;
Json report_trials(const Shown& shown, const StudyFile& file, const std::set<std::int64_t>& must);

/// Hypervolume as the front grew: [trials ended, seconds since the beginning, hypervolume], at every change
/// of the front or, where it changed often, at an even choice of them with the last one.
Json hypervolume_history(const study::Study& study);

/// Values as a packed column: null where all are null, {"c": value} where all are equal, {"k": texts, "v":
/// indices} where some are text or flags (-1: null), {"n": size, "i": rows, "v": values} where most are null,
/// else the list itself.
Json packed_column(const std::vector<Json>& values);

}  // namespace hone::run
