// The choices of a nest that are worth considering.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hone/cost/nest_model.h"

namespace hone::cost {

namespace {

/// Part of the nest's iterations that the elements of a buffer may be for a transposed copy to pay.
constexpr double kWorthCopying = 0.25;
constexpr std::int64_t kTileSizes[] = {32, 64, 128, 256};
constexpr std::int64_t kJamFactors[] = {1, 2, 4, 8};
constexpr std::int64_t kMostJammed = 32;  // copies of the body
constexpr std::size_t kMostOrdered = 6;   // loops of which all orders are gone through
constexpr std::size_t kFewOrders = 24;    // so few need not be ranked

/// The legal orders of the loops worth considering: all of up to six loops; of more, those with any three of
/// them innermost and the others as they were. Where there are many, what the model likes comes first: not
/// all of them may find room among the choices.
std::vector<std::vector<int>> orders_of(const PerfectNest& nest, const NestMachine& machine) {
  const std::size_t count = nest.loops.size();
  NestChoice choice = NestChoice::none(nest);
  const std::vector<int> given = choice.order;
  std::vector<std::vector<int>> orders;
  const auto add = [&](const std::vector<int>& order) {
    choice.order = order;
    if (legal(nest, choice)) orders.push_back(order);
  };
  if (count <= kMostOrdered) {
    std::vector<int> order = given;
    do {
      add(order);
    } while (std::next_permutation(order.begin(), order.end()));
  } else {
    for (const int third : given)
      for (const int second : given)
        for (const int inner : given) {
          if (third == second || third == inner || second == inner) continue;
          std::vector<int> order;
          for (const int loop : given)
            if (loop != third && loop != second && loop != inner) order.push_back(loop);
          order.insert(order.end(), {third, second, inner});
          add(order);
        }
  }
  if (orders.size() <= kFewOrders) return orders;
  std::vector<std::pair<double, std::vector<int>>> ranked;
  for (auto& order : orders) {
    choice.order = order;
    ranked.emplace_back(nest_cycles(nest, choice, machine), std::move(order));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  orders.clear();
  for (auto& [cycles, order] : ranked) orders.push_back(std::move(order));
  return orders;
}

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

std::vector<NestChoice> nest_choices(const PerfectNest& nest, const NestMachine& machine, std::size_t most) {
  std::vector<NestChoice> choices = {NestChoice::none(nest)};
  if (!nest.known || nest.loops.empty()) return choices;
  const std::vector<int> buffers = transposable(nest);
  NestChoice choice = NestChoice::none(nest);
  for (const auto& order : orders_of(nest, machine)) {
    choice.order = order;
    const auto tiles = tiles_for(nest, order), jams = jams_for(nest, order);
    for (const auto& copy : copies_for(nest, buffers, order.back()))
      for (const auto& tile : tiles)
        for (const auto& jam : jams) {
          choice.tile = tile;
          choice.jam = jam;
          choice.transposed = copy;
          if (choice == choices.front() || !legal(nest, choice)) continue;
          choices.push_back(choice);
          if (choices.size() >= most) return choices;
        }
  }
  return choices;
}

}  // namespace hone::cost
