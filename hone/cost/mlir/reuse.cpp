#include "hone/cost/mlir/reuse.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "hone/base/mix.h"
#include "hone/base/numbers.h"

namespace hone::cost::mlir {
namespace {

/// Of a cache: up to this part of it all that an iteration touches is there for the next, beyond the other
/// nothing is; sets that are full and what else runs blur it.
constexpr double kAllFits = 0.6, kNothingFits = 1.2;

/// What accesses of one group share.
std::uint64_t likeness(const Nest::Access& access) {
  std::uint64_t hash = mixed(mixed(mixed(1, access.loop), access.buffer), access.elements);
  for (const Nest::Index& index : access.indices) {
    hash = mixed(hash, index.indirect ? 7 : index.exact ? 3 : 5);
    hash = mixed(mixed(hash, index.unknown), index.offset);
    for (const auto& [loop, step] : index.terms) hash = mixed(mixed(hash, loop), step);
  }
  return hash;
}

}  // namespace

std::size_t Reuse::contiguous(const Nest::Buffer& buffer) const {
  if (buffer.strides.empty()) return buffer.shape.empty() ? 0 : buffer.shape.size() - 1;
  std::size_t best = buffer.strides.size() - 1;
  for (std::size_t k = 0; k < buffer.strides.size(); ++k)
    if (buffer.strides[k] != kDynamic && buffer.strides[k] < buffer.strides[best]) best = k;
  return best;
}

std::array<CacheSets, 2> cache_sets(const CodeTarget& target) {
  std::array<CacheSets, 2> sets;
  for (std::size_t c = 0; c < sets.size(); ++c)
    sets[c] = {static_cast<std::int64_t>(target.cache_bytes[c] / target.cache_ways[c]), target.cache_ways[c]};
  return sets;
}

Reuse::Reuse(const Nest& nest, double line, const CodeTarget& target)
    : nest_(nest),
      sets_(cache_sets(target)),
      line_(line),
      working_sets_(nest.loops.size() + 1, 0.0),
      iteration_sets_(working_sets_) {
  std::unordered_map<std::uint64_t, std::size_t> found;
  for (const Nest::Access& access : nest.accesses) {
    if (access.buffer < 0) continue;
    const auto [at, fresh] = found.try_emplace(likeness(access), groups_.size());
    if (fresh) {
      Group group;
      group.buffer = access.buffer;
      group.loop = access.loop;
      group.elements = access.elements;
      group.access = &access;
      for (const Nest::Index& index : access.indices) group.least.push_back(index.constant);
      group.most = group.least;
      groups_.push_back(std::move(group));
    }
    Group& group = groups_[at->second];
    ++group.members;
    group.count += access.count;
    group.stored = group.stored || access.store;
    for (std::size_t k = 0; k < access.indices.size() && k < group.least.size(); ++k) {
      group.least[k] = std::min(group.least[k], access.indices[k].constant);
      group.most[k] = std::max(group.most[k], access.indices[k].constant);
    }
  }
  std::unordered_map<std::uint64_t, double> touched, at_once;
  for (Group& group : groups_) {
    for (int loop = group.loop;; loop = nest.loops[static_cast<std::size_t>(loop)].parent) {
      group.lines.emplace_back(loop, lines(group, loop));
      add_lines(working_sets_, touched, loop, group, group.lines.back().second);
      add_lines(iteration_sets_, at_once, loop, group, lines(group, loop, true));
      if (loop < 0) break;
    }
    if (line_ == kLine) crowd(group);
  }
}

void Reuse::add_lines(std::vector<double>& sets, std::unordered_map<std::uint64_t, double>& touched, int loop,
                      const Group& group, double count) const {
  const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(group.buffer)];
  const double most = std::max(1.0, std::ceil(buffer.bytes / line_));  // what is more is the buffer
  double& sum =
      touched[static_cast<std::uint64_t>(loop + 1) << 32U | static_cast<std::uint64_t>(group.buffer)];
  const double before = std::min(sum, most);
  sum += count;
  sets[static_cast<std::size_t>(loop + 1)] += (std::min(sum, most) - before) * line_;
}

double Reuse::lines(const Group& group, int loop, bool iteration) const {
  const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(group.buffer)];
  const std::size_t inner = contiguous(buffer), dimensions = group.access->indices.size();
  Strides strides(buffer, Nest::kUnknownTrips, Nest::kUnknownTrips);
  // From the contiguous dimension outwards: what lies within a line of what is there belongs to its run.
  double total = 1.0, run = buffer.element_bytes;
  for (std::size_t n = 0; n <= dimensions; ++n) {
    const std::size_t k = n == 0 ? inner : dimensions - n;
    if (k >= dimensions || (n > 0 && k == inner)) continue;
    const Nest::Index& index = group.access->indices[k];
    const double offsets = group.most[k] - group.least[k];
    double span = 1.0 + offsets, count = 1.0 + std::min(offsets, static_cast<double>(group.members - 1));
    bool moves = false;
    for (const auto& [at, step] : index.terms) {
      if (loop >= 0 && (!nest_.inside(at, loop) || (iteration && at == loop))) continue;
      const double trips = std::max(1.0, nest_.loops[static_cast<std::size_t>(at)].trips);
      span += std::abs(step) * (trips - 1.0);
      count *= trips;
      moves = true;
    }
    const double size = k < buffer.shape.size() && buffer.shape[k] != kDynamic
                            ? static_cast<double>(buffer.shape[k])
                            : static_cast<double>(Nest::kUnknownTrips);
    if (index.indirect) {  // anywhere, once an iteration of where it is computed
      double runs = 1.0;
      const int within = index.unknown == Nest::kNoValue ? group.loop : index.within;
      for (const auto& [at, step] : index.terms)
        if (at != within && nest_.inside(at, within) && (loop < 0 || nest_.inside(at, loop)) &&
            !(iteration && at == loop))
          runs *= std::max(1.0, nest_.loops[static_cast<std::size_t>(at)].trips);
      for (int around = within;
           around >= 0 && nest_.inside(around, loop < 0 ? around : loop) && !(iteration && around == loop);
           around = nest_.loops[static_cast<std::size_t>(around)].parent)
        runs *= std::max(1.0, nest_.loops[static_cast<std::size_t>(around)].trips);
      span = size;
      count = std::min(runs, size);
    } else if (!index.exact && moves) {
      span = std::max(span, count);
    }
    if (k == inner) span += group.elements - 1.0, count *= group.elements;
    const bool dense_known = k < buffer.shape.size() && buffer.shape[k] != kDynamic;
    if (dense_known) span = std::min(span, std::max(1.0, size));
    count = std::min(count, span);
    double unit = std::max(1.0, std::abs(strides.of(k)));
    if (k == inner && k < buffer.strides.size() && buffer.strides[k] == kDynamic) unit = 1.0;
    const double apart = count > 1.0 ? unit * buffer.element_bytes * (span - 1.0) / (count - 1.0) : 0.0;
    if (apart <= std::max(run, line_))
      run += apart * (count - 1.0);
    else
      total *= count;
  }
  total *= std::max(1.0, run / line_);
  // No more than accesses touch: dimensions that go along with each other, a diagonal, are no rectangle.
  double accesses = group.count * std::max(1.0, group.elements * buffer.element_bytes / line_);
  if (loop >= 0) {
    const Nest::Loop& around = nest_.loops[static_cast<std::size_t>(loop)];
    accesses /= std::max(1.0, around.entries * (iteration ? std::max(1.0, around.trips) : 1.0));
  }
  return std::min({total, std::max(1.0, accesses), std::max(1.0, buffer.bytes / line_)});
}

void Reuse::crowd(Group& group) const {
  constexpr std::size_t kMostMoves = 16;
  const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(group.buffer)];
  const auto small = [&](const CacheSets& cache) {
    return buffer.bytes <= static_cast<double>(cache.period) * cache.ways / 4.0;
  };
  if (small(sets_[0])) return;
  struct Move {
    double bytes, times;
    int loop;
  };
  std::array<Move, kMostMoves> moves;
  std::size_t count = 0;
  Strides strides(buffer, kNaN, Nest::kUnknownTrips);
  for (std::size_t k = group.access->indices.size(); k-- > 0;) {
    const Nest::Index& index = group.access->indices[k];
    const double unit = strides.of(k) * buffer.element_bytes;
    if (std::isnan(unit)) return;
    if (index.indirect) return;
    for (const auto& [at, step] : index.terms) {
      if (step == 0.0) continue;
      if (count == kMostMoves) return;
      moves[count++] = {std::abs(step * unit), std::max(1.0, nest_.loops[static_cast<std::size_t>(at)].trips),
                        at};
    }
  }
  std::sort(moves.begin(), moves.begin() + static_cast<std::ptrdiff_t>(count),
            [](const Move& a, const Move& b) { return a.bytes < b.bytes; });
  const auto in_loop = [&](const CacheSets& cache, int loop) {
    double run = std::max(kLine, group.elements * buffer.element_bytes), runs = 1.0, places = 1.0;
    for (std::size_t m = 0; m < count; ++m) {
      const Move& move = moves[m];
      if (move.loop == loop || (loop >= 0 && !nest_.inside(move.loop, loop))) continue;
      if (move.bytes <= run) {
        run += move.bytes * (move.times - 1.0);
        continue;
      }
      runs *= move.times;
      places *= std::min(move.times, cache.along(move.bytes));
    }
    const double most = static_cast<double>(cache.period) / kLine, lines = std::ceil(run / kLine);
    return lines * runs > cache.ways * std::min(most, places * lines);
  };
  for (std::size_t level = 0; level < group.lines.size(); ++level) {
    const int loop = group.lines[level].first;
    // What is crowded inside is so around.
    if (group.crowded_near == kNowhere && in_loop(sets_[0], loop)) group.crowded_near = level;
    if (group.crowded_far == kNowhere && !small(sets_[1]) && in_loop(sets_[1], loop))
      group.crowded_far = level;
  }
}

double Reuse::traffic(double cache_bytes) const {
  double bytes = 0.0;
  for (const double part : traffic_by_loop(cache_bytes)) bytes += part;
  return std::min(bytes, Nest::kMost);
}

std::vector<double> Reuse::traffic_by_loop(double cache_bytes, std::span<const AtOnce> at_once) const {
  std::vector<double> bytes(nest_.loops.size() + 1, 0.0);
  for (const Group& group : groups_)
    bytes[static_cast<std::size_t>(group.loop + 1)] +=
        std::min(Nest::kMost, fetched(group, cache_bytes, at_once) * line_ * (group.stored ? 2.0 : 1.0));
  return bytes;
}

std::vector<double> Reuse::fetched_by_loop(double cache_bytes) const {
  std::vector<double> lines(nest_.loops.size() + 1, 0.0);
  for (const Group& group : groups_)
    lines[static_cast<std::size_t>(group.loop + 1)] += std::min(Nest::kMost, fetched(group, cache_bytes, {}));
  return lines;
}

double Reuse::fetched(const Group& group, double cache_bytes, std::span<const AtOnce> at_once) const {
  // Pages of what is gathered anywhere are not counted: times say nothing of them.
  if (anywhere(group)) return line_ == kLine ? at_random(group, cache_bytes) : 0.0;
  const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(group.buffer)];
  double most = 1e18;  // of iterations that run at once
  // Lines an access, one after the other along a loop.
  const auto along = [&](double step) {
    return std::isnan(step) ? 1.0
                            : std::min(1.0, std::max(std::abs(step), step == 0.0 ? 0.0 : group.elements) *
                                                buffer.element_bytes / line_);
  };
  // Where no iteration of a loop fits: line by line as the accesses come.
  double moved = group.count / std::max(1, group.members) * along(stride(*group.access));
  if (!at_once.empty() && group.loop >= 0) {
    const AtOnce& block = at_once[static_cast<std::size_t>(group.loop)];
    if (block.iterations > 1.0)
      most = group.count * std::max(1.0 / block.iterations, along(stride(*group.access, block.loop)));
  }
  // The last cache's sets are chosen by a hash of the address.
  const std::size_t crowded = cache_bytes <= 65536.0 ? group.crowded_near
                              : cache_bytes <= 4e6   ? group.crowded_far
                                                     : kNowhere;
  for (std::size_t level = 0; level < std::min(crowded, group.lines.size()); ++level) {
    const auto& [loop, count] = group.lines[level];
    const double fits =
        std::clamp((kNothingFits - iteration_set(loop) / cache_bytes) / (kNothingFits - kAllFits), 0.0, 1.0);
    if (fits == 0.0) break;
    const double runs = loop < 0 ? 1.0 : nest_.loops[static_cast<std::size_t>(loop)].entries;
    moved = fits * count * runs + (1.0 - fits) * moved;
  }
  return std::min(moved, most);
}

bool Reuse::anywhere(const Group& group) const {
  return std::any_of(
      group.access->indices.begin(), group.access->indices.end(),
      [&](const Nest::Index& index) { return index.indirect && !nest_.told(index, group.loop); });
}

/// What one iteration touches says nothing of the next: a line is there if all that a loop touches fits, or
/// by chance.
double Reuse::at_random(const Group& group, double cache_bytes) const {
  const double touched = group.lines.back().second;
  double moved = group.count * std::max(0.0, 1.0 - cache_bytes / (touched * line_));
  for (const auto& [loop, count] : group.lines)
    if (working_set(loop) <= cache_bytes)
      moved = std::min(moved, count * (loop < 0 ? 1.0 : nest_.loops[static_cast<std::size_t>(loop)].entries));
  return std::max(moved, std::min(touched, group.count));
}

double Reuse::stride(const Nest::Access& access) const { return stride(access, access.loop); }

double Reuse::stride(const Nest::Access& access, int along) const {
  Strides strides(nest_.buffers[static_cast<std::size_t>(access.buffer)], kNaN, Nest::kUnknownTrips);
  double total = 0.0;
  for (std::size_t k = access.indices.size(); k-- > 0;) {
    const Nest::Index& index = access.indices[k];
    const double stride = strides.of(k);
    if (index.indirect && !nest_.told(index, access.loop)) return kNaN;
    for (const auto& [loop, step] : index.terms)
      if (loop == along) total += step * stride;
  }
  return total;
}

}  // namespace hone::cost::mlir
