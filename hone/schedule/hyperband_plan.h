#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/schedule/brackets.h"

namespace hone::schedule {

/// The options `steps` and `eta` of methods with rungs. `steps` as in asha: two values are the smallest and
/// the largest fidelity, more are the rungs themselves.
std::vector<OptionSpec> rung_options(std::int64_t eta);
/// What asha does beyond its paper: eager, measured, distinct.
std::vector<OptionSpec> beyond_options();

/// What a method made of Brackets is registered with: the options of its rungs (`eta` by default), and what
/// Hyperband's brackets can do.
MethodInfo bracket_method(const std::string& name, const std::string& summary, const std::string& paper,
                          std::int64_t eta = 3);

/// The option `steps` as the user wrote it. Throws Error, `method` being who asks, where there are fewer than
/// two values or they do not ascend.
std::vector<std::int64_t> ascending_steps(const Options& options, const char* method);

/// The rungs of Hyperband, ascending: largest * eta^-s, rounded, as long as that is no smaller than the
/// smallest; more than two steps are taken as they are. Throws Error, `method` being who asks.
std::vector<std::int64_t> rungs_from_top(const Options& options, const char* method);

/// n, floor(n / eta), floor(n / eta^2), ... trials, at least one, at the last s + 1 rungs.
std::vector<Brackets::Stage> halved(const std::vector<std::int64_t>& rungs, std::int64_t eta, std::int64_t s,
                                    std::int64_t n);

/// Bracket s of Hyperband over these rungs (Li et al., algorithm 1): halved with n = ceil((s_max + 1) / (s +
/// 1) * eta^s) and s_max = rungs - 1.
std::vector<Brackets::Stage> hyperband_bracket(const std::vector<std::int64_t>& rungs, std::int64_t eta,
                                               std::int64_t s);

/// Brackets s_max, ..., 0, again and again.
Brackets::Plan hyperband_plan(std::vector<std::int64_t> rungs, std::int64_t eta);

}  // namespace hone::schedule
