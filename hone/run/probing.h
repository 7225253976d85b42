#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/identity/signature.h"
#include "hone/run/study_file.h"

namespace hone::run {

/// What identifies one design of a study.
struct Probed {
  space::Config config;
  Key structural;                                 ///< none: the task has no graph
  std::optional<identity::Signature> functional;  ///< nullopt: unhashable, or the task has no probe
  std::string failure;  ///< why there is no functional key; "" where it has no probe
};

/// The failure of a design whose task turns out to have no probe (a program of one's own).
constexpr const char* kNoProbe = "its task has no probe";

/// Why these floats, the evaluator's last probe, have no signature.
std::string why_unhashable(const std::vector<double>& floats, const task::Evaluator& evaluator);

struct ProbingOptions {
  std::int64_t workers = 0;  ///< probes at once; 0: as many as cores allow
  identity::Quantisation quantisation = {};
  std::function<bool()> interrupted = {};
  std::function<void(std::size_t done, std::size_t total)> progress = {};
};

/// Whether the study's task can be probed at all; of a program of one's own, which only it knows, true.
bool has_probe(const StudyFile& file);

/// The keys of every config, in order; where it was interrupted, of the first ones. Probes run in this
/// process where the task needs no LibTorch and is not a program of one's own, else in processes of the
/// worker's program, which die with this one. A config at which such a process dies has a failure. Throws
/// Error where none can be started.
std::vector<Probed> probe_all(const StudyFile& file, const std::vector<space::Config>& configs,
                              const ProbingOptions& options);

/// What such a process does: PROGRAM probe FILE CONFIGS OUTPUT. Reads one config a line (JSON) from the file
/// `configs`, appends to `output` a line {"floats": [...], "literal": "..."} or {"failure": "..."} for each.
/// Throws Error.
void serve_probes(const std::string& study_file, const std::string& configs, const std::string& output);

}  // namespace hone::run
