#pragma once

#include <cstdint>
#include <string>

#include "hone/study/study.h"

namespace hone::run {

/// What went wrong among the trials numbered `from` and up: [{state, cause, reason, count, trial}], most
/// frequent first. Alike reasons count together; that of the newest trial stands for them.
Json recent_failures(const study::Study& study, std::int64_t from);
/// What status_json says of trials that did not work out, of so many, a line a reason; "" where all did.
std::string failures_text(const Json& status, std::int64_t trials);

/// A reason without its numbers, so that alike failures count together: "over # ms". Numbers that tell kinds
/// apart stay: those that belong to a name ("c1", "python3.11"), exit statuses and signals.
std::string kind_of_reason(const std::string& reason);

}  // namespace hone::run
