#pragma once

#include <span>
#include <utility>

namespace hone::label {

/// Bytes that the last cache holds for one process, at most what the system tells of it (`told_bytes`): a
/// guest of a shared machine gets less than all, and what neighbours use is gone. Of copies within more and
/// more room, the size at which half of what they take more in the end has come; `told_bytes` where nothing
/// comes. Takes a few seconds and four times the cache of memory, 512 MiB at most.
double last_cache_bytes(double told_bytes);

/// Of copies' bytes, ascending by half a doubling, and seconds a byte: where half of what they take more in
/// the end has come, at most `told_bytes`, and that where the last takes no third more than the first.
double bend_of(std::span<const std::pair<double, double>> times, double told_bytes);

}  // namespace hone::label
