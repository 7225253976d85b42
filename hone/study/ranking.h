#pragma once

#include <cstddef>
#include <vector>

namespace hone::study {

/// The rows from the best to the worst (less is better, no NaN). One objective: by value. Several: by
/// non-dominated rank, then by crowding distance within it, larger first. Equal rows: the earlier first.
std::vector<std::size_t> best_first(const std::vector<std::vector<double>>& rows);

}  // namespace hone::study
