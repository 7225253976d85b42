// The choices of a nest that are worth considering.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "hone/cost/nest_model.h"

namespace hone::cost {

namespace {

/// Part of the nest's iterations that the elements of a buffer may be for a transposed copy to pay.
constexpr double kWorthCopying = 0.25;
constexpr std::int64_t kTileSizes[] = {32, 64, 128, 256};
constexpr std::int64_t kJamFactors[] = {1, 2, 4, 8};
constexpr std::int64_t kMostJammed = 32;  // copies of the body
constexpr std::size_t kMostOrdered = 6;   // loops of which all orders are gone through

/// Buffers that may be read from a transposed copy: only where the copy costs less than the nest.
std::vector<int> transposable(const PerfectNest& nest) {
  std::vector<int> buffers;
  double iterations = 1.0;
  for (const auto& loop : nest.loops) iterations *= loop.trip;
  for (const auto& access : nest.accesses) {
    if (access.shape.size() != 2 ||
        static_cast<double>(access.shape[0] * access.shape[1]) > kWorthCopying * iterations)
      continue;
    NestChoice only = NestChoice::none(nest);
    only.transposed = {access.buffer};
    if (std::find(buffers.begin(), buffers.end(), access.buffer) == buffers.end() && legal(nest, only))
      buffers.push_back(access.buffer);
  }
  return buffers;
}

/// Transposed copies of what the innermost loop would read by columns, or none.
std::vector<std::vector<int>> copies_for(const PerfectNest& nest, const std::vector<int>& buffers,
                                         int innermost) {
  std::vector<int> columns;
  for (const int buffer : buffers)
    for (const auto& access : nest.accesses)
      if (access.buffer == buffer && std::abs(access.strides[static_cast<std::size_t>(innermost)]) > 1 &&
          std::find(columns.begin(), columns.end(), buffer) == columns.end())
        columns.push_back(buffer);
  std::vector<std::vector<int>> copies = {{}};
  if (!columns.empty()) copies.push_back(columns);
  return copies;
}

/// Tiles, by loop, of the innermost loop alone and with the one before it, where there are at least two; or
/// none.
std::vector<std::vector<std::int64_t>> tiles_for(const PerfectNest& nest, const std::vector<int>& order) {
  const std::size_t count = order.size();
  std::vector<std::vector<std::int64_t>> tiles = {std::vector<std::int64_t>(count, 0)};
  if (count < 2) return tiles;
  for (const std::int64_t size : kTileSizes)
    for (const std::size_t depth : {std::size_t{1}, std::size_t{2}}) {
      std::vector<std::int64_t> tile(count, 0);
      bool useful = true;
      for (std::size_t at = count - depth; at < count; ++at) {
        const auto loop = static_cast<std::size_t>(order[at]);
        tile[loop] = size;
        useful = useful && nest.loops[loop].trip >= 2.0 * static_cast<double>(size);
      }
      if (useful) tiles.push_back(tile);
    }
  return tiles;
}

/// Jam factors, by loop, of the two loops next to the innermost, as far as those are long enough.
std::vector<std::vector<std::int64_t>> jams_for(const PerfectNest& nest, const std::vector<int>& order) {
  const std::size_t count = order.size();
  std::vector<std::vector<std::int64_t>> jams;
  for (const std::int64_t near : kJamFactors)
    for (const std::int64_t far : kJamFactors) {
      if ((count < 2 && near > 1) || (count < 3 && far > 1) || near * far > kMostJammed) continue;
      std::vector<std::int64_t> jam(count, 1);
      if (count >= 2) jam[static_cast<std::size_t>(order[count - 2])] = near;
      if (count >= 3) jam[static_cast<std::size_t>(order[count - 3])] = far;
      bool fits = true;
      for (std::size_t loop = 0; loop < count; ++loop)
        fits = fits && !(static_cast<double>(jam[loop]) > nest.loops[loop].trip);
      if (fits) jams.push_back(jam);
    }
  return jams;
}

}  // namespace

std::vector<NestChoice> nest_choices(const PerfectNest& nest, std::size_t most) {
  std::vector<NestChoice> choices = {NestChoice::none(nest)};
  const std::size_t count = nest.loops.size();
  if (!nest.known || count == 0) return choices;
  const std::vector<int> buffers = transposable(nest);
  NestChoice choice = NestChoice::none(nest);
  do {
    NestChoice base = NestChoice::none(nest);
    base.order = choice.order;
    if (!legal(nest, base)) continue;
    const auto tiles = tiles_for(nest, base.order), jams = jams_for(nest, base.order);
    for (const auto& copy : copies_for(nest, buffers, base.order.back()))
      for (const auto& tile : tiles)
        for (const auto& jam : jams) {
          choice.tile = tile;
          choice.jam = jam;
          choice.transposed = copy;
          if (choice == choices.front() || !legal(nest, choice)) continue;
          choices.push_back(choice);
          if (choices.size() >= most) return choices;
        }
  } while (std::next_permutation(choice.order.begin(), choice.order.end()) && count <= kMostOrdered);
  return choices;
}

}  // namespace hone::cost
