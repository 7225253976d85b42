#pragma once

#include <functional>
#include <optional>

#include "hone/run/candidate.h"
#include "hone/run/worker.h"

namespace hone::run {

/// Everything about a job but asking for it: what is known of the candidate, and else its run. A plain result
/// is returned rather than told. For the files of this room only. Throws Error where the machine is at fault;
/// the job was given back then.
std::optional<Optimizer::Told> run_job(const StudyFile& file, Optimizer& optimizer,
                                       task::Evaluator& evaluator, Signer& signer, const Job& job,
                                       const WorkerOptions& options,
                                       const std::function<bool()>& interrupted);

}  // namespace hone::run
