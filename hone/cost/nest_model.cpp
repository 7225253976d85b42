#include "hone/cost/nest_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

namespace hone::cost {

namespace {

/// Whether a dependence, its loops in this order, never runs backwards.
bool forward(const std::vector<NestDistance>& distance, const std::vector<int>& order) {
  for (const int loop : order) {
    const NestDistance& one = distance[static_cast<std::size_t>(loop)];
    if (!one.low || *one.low < 0) return false;
    if (*one.low > 0) return true;
  }
  return true;
}

/// Whether the dependence is carried by a loop outside `position` of the order, for certain.
bool carried_outside(const std::vector<NestDistance>& distance, const std::vector<int>& order,
                     std::size_t position) {
  for (std::size_t i = 0; i < position; ++i) {
    const NestDistance& one = distance[static_cast<std::size_t>(order[i])];
    if (!one.low || *one.low < 0) return false;
    if (*one.low > 0) return true;
  }
  return false;
}

/// Whether the loops from `position` of the order on may be tiled and jammed: no distance is negative there.
bool permutable_from(const PerfectNest& nest, const std::vector<int>& order, std::size_t position) {
  for (const auto& distance : nest.dependences) {
    if (carried_outside(distance, order, position)) continue;
    for (std::size_t i = position; i < order.size(); ++i) {
      const NestDistance& one = distance[static_cast<std::size_t>(order[i])];
      if (!one.low || *one.low < 0) return false;
    }
  }
  return true;
}

/// Whether iterations of the innermost loop of the order depend on each other.
bool innermost_carries(const PerfectNest& nest, const std::vector<int>& order) {
  const std::size_t last = order.size() - 1;
  return std::any_of(nest.dependences.begin(), nest.dependences.end(), [&](const auto& distance) {
    if (carried_outside(distance, order, last)) return false;
    const NestDistance& one = distance[static_cast<std::size_t>(order[last])];
    return !one.low || !one.high || *one.low != 0 || *one.high != 0;
  });
}

/// Sums side by side that compilers make a vector of.
constexpr std::int64_t kBundle = 4;

// A core of today, roughly (Fog, "Instruction tables", 2025). Choices are ranked by it, so that what counts
// is how these figures stand to each other.
/// Instructions of a kind that begin in one cycle; of stores one does.
constexpr double kArithmeticAtOnce = 2.0, kLoadsAtOnce = 2.0, kIntegersAtOnce = 3.0;
/// Cycles of a quotient: of vectors, of single reals, and until the next of a chain can begin.
constexpr double kVectorDivide = 8.0, kDivide = 5.0, kChainedDivide = 10.0;
constexpr double kCall = 20.0;  // cycles of a function of a library, an element
/// Cycles until the next sum of a chain can begin, and how much later where it goes through memory.
constexpr double kSum = 4.0, kThroughMemory = 4.0;
/// Registers that loads share at most, and that nothing here accounts for; cycles of a value that finds none.
constexpr double kLoadRegisters = 4.0, kOtherRegisters = 2.0, kNoRegister = 0.7;
/// Cycles to enter the innermost loop, in vectors or not, and for each value that it does not move.
constexpr double kEnterVectors = 14.0, kEnter = 5.0, kEnterInvariant = 1.5;
constexpr double kVectorsABlock = 4.0;  // of a loop in vectors; what they leave over goes one by one ...
constexpr double kLeftOver = 2.0;       // ... so many iterations a cycle
constexpr double kLeastCycles = 0.5;    // of an iteration
/// Part of what runs beside something longer that comes on top of it all the same.
constexpr double kNotHidden = 0.25;
constexpr double kFillsCache = 0.7;         // part of a cache that data may take and stay
constexpr double kTransposedElement = 1.5;  // cycles

constexpr double kLineBytes = 64.0;

double lines_of(double elements, double stride, int bytes) {
  const double step = std::min(kLineBytes, std::abs(stride) * bytes);
  return std::max(1.0, elements * step / kLineBytes);
}

/// Elements between what an access touches in one iteration of a loop and the next, after the choice.
std::int64_t stride_of(const NestChoice& choice, const NestAccess& access, std::size_t loop) {
  if (std::find(choice.transposed.begin(), choice.transposed.end(), access.buffer) == choice.transposed.end())
    return access.strides[loop];
  return access.steps[1][loop] * access.shape[0] + access.steps[0][loop];
}

/// Iterations of the innermost loop each time that it is entered.
double innermost_trip(const PerfectNest& nest, const NestChoice& choice) {
  const auto inner = static_cast<std::size_t>(choice.order.back());
  return choice.tile[inner] != 0
             ? std::min<double>(nest.loops[inner].trip, static_cast<double>(choice.tile[inner]))
             : nest.loops[inner].trip;
}

/// Distinct addresses of the jammed body.
struct BodyAccesses {
  double invariants = 0, moving_loads = 0, moving_stores = 0;
  double gathered = 0;  ///< of those that move, with a stride
  double jammed = 0;    ///< loads of a row next to others
};

BodyAccesses accesses_of(const PerfectNest& nest, const NestChoice& choice) {
  const std::size_t count = nest.loops.size();
  const auto inner = static_cast<std::size_t>(choice.order.back());
  BodyAccesses body;
  std::set<std::vector<std::int64_t>> seen_loads, seen_stores;
  for (const auto& access : nest.accesses) {
    std::vector<std::int64_t> identity = {access.buffer, access.offset};
    double distinct = 1.0;
    for (std::size_t loop = 0; loop < count; ++loop) {
      identity.push_back(access.strides[loop]);
      if (access.strides[loop] != 0) distinct *= static_cast<double>(choice.jam[loop]);
    }
    if (!(access.store ? seen_stores : seen_loads).insert(identity).second) continue;
    const double stride = std::abs(static_cast<double>(stride_of(choice, access, inner)));
    if (stride == 0.0) {
      body.invariants += distinct;
    } else if (access.store) {
      body.moving_stores += distinct;
    } else {
      body.moving_loads += distinct;
    }
    if (stride > 1.0) body.gathered += distinct;
    if (access.store || stride == 0.0) continue;
    for (std::size_t loop = 0; loop < count; ++loop)
      if (loop != inner && choice.jam[loop] >= kBundle && std::abs(stride_of(choice, access, loop)) > 1) {
        body.jammed += distinct;
        break;
      }
  }
  return body;
}

struct BodyOperations {
  double arithmetic = 0, divides = 0, calls = 0, integers = 0;
};

/// Operations on what the innermost loop does not move are done outside it, those that a jammed loop does not
/// move once for all its copies.
BodyOperations operations_of(const PerfectNest& nest, const NestChoice& choice) {
  const auto inner = static_cast<std::size_t>(choice.order.back());
  BodyOperations body;
  for (const auto& operation : nest.operations) {
    if ((operation.loops >> inner & 1u) == 0) continue;
    double times = 1.0;
    for (std::size_t loop = 0; loop < nest.loops.size(); ++loop)
      if ((operation.loops >> loop & 1u) != 0) times *= static_cast<double>(choice.jam[loop]);
    switch (operation.kind) {
      case PerfectNest::Kind::arithmetic:
        body.arithmetic += times;
        break;
      case PerfectNest::Kind::divide:
        body.divides += times;
        break;
      case PerfectNest::Kind::call:
        body.calls += times;
        break;
      case PerfectNest::Kind::integer:
        body.integers += times;
        break;
    }
  }
  return body;
}

/// Chains of additions through memory or a register: jammed loops that move the target give independent ones.
struct BodyChains {
  double count = 1.0;
  double through_memory = 0.0;  ///< 1: they are
};

BodyChains chains_of(const PerfectNest& nest, const NestChoice& choice) {
  const auto inner = static_cast<std::size_t>(choice.order.back());
  BodyChains chains;
  for (const auto& access : nest.accesses) {
    if (!access.store) continue;
    double independent = 1.0;
    for (std::size_t loop = 0; loop < nest.loops.size(); ++loop)
      if (access.strides[loop] != 0 && loop != inner) independent *= static_cast<double>(choice.jam[loop]);
    chains.count = std::max(chains.count, independent);
    if (access.strides[inner] != 0) chains.through_memory = 1.0;
  }
  return chains;
}

/// Cycles of the loops as a compiler vectorises the innermost one, all data in the first cache.
double computing_cycles(const PerfectNest& nest, const NestChoice& choice, const NestMachine& machine) {
  const double lanes = std::max(1.0, static_cast<double>(machine.vector_bytes) / nest.element_bytes);
  double iterations = nest.around, copies = 1.0;
  for (std::size_t loop = 0; loop < nest.loops.size(); ++loop) {
    iterations *= nest.loops[loop].trip;
    copies *= static_cast<double>(choice.jam[loop]);
  }
  const double trip = innermost_trip(nest, choice);
  const BodyAccesses accesses = accesses_of(nest, choice);
  const bool carries = innermost_carries(nest, choice.order);
  const bool vector = !carries && trip >= lanes;
  const double width = vector ? lanes : 1.0;
  const BodyOperations operations = operations_of(nest, choice);
  const double most_busy = std::max({operations.arithmetic / kArithmeticAtOnce,
                                     accesses.moving_loads / kLoadsAtOnce, accesses.moving_stores});
  const double all_busy = operations.arithmetic / kArithmeticAtOnce + accesses.moving_loads / kLoadsAtOnce +
                          accesses.moving_stores;
  double cycles = most_busy + kNotHidden * (all_busy - most_busy);
  cycles += operations.divides * (vector ? kVectorDivide : kDivide) + operations.integers / kIntegersAtOnce;
  cycles += operations.calls * kCall * width;
  if (vector && accesses.gathered > 0.0) cycles += accesses.gathered * width * machine.strided_cycles;
  // More values than registers: some are loaded anew each time.
  const double registers =
      accesses.invariants + std::min(accesses.moving_loads, kLoadRegisters) + kOtherRegisters;
  if (registers > machine.vector_registers) cycles += (registers - machine.vector_registers) * kNoRegister;
  if (carries) {
    const BodyChains chains = chains_of(nest, choice);
    const double links = copies / chains.count;
    cycles = std::max(cycles, links * (kSum + kThroughMemory * chains.through_memory) +
                                  operations.divides * kChainedDivide);
    // Sums side by side are made a vector, and what they add is brought together from their rows.
    if (chains.count >= kBundle) cycles = std::max(cycles, accesses.jammed * machine.jammed_cycles);
  }
  // A short innermost loop pays for its set-up and its remainder.
  const double turns = std::max(1.0, trip / width);
  const double overhead = (vector ? kEnterVectors : kEnter) +
                          (vector ? std::fmod(trip, kVectorsABlock * lanes) / kLeftOver : 0.0);
  const double entries = iterations / copies / trip;
  return entries *
         (turns * std::max(cycles, kLeastCycles) + overhead + kEnterInvariant * accesses.invariants);
}

/// A loop as it stands after the choice: a tiled one is two.
struct LoopLevel {
  std::size_t loop;
  double trip;
};

/// Outermost first.
std::vector<LoopLevel> levels_of(const PerfectNest& nest, const NestChoice& choice) {
  std::vector<LoopLevel> levels;
  for (const int loop : choice.order)
    if (choice.tile[static_cast<std::size_t>(loop)] != 0) {
      const auto l = static_cast<std::size_t>(loop);
      levels.push_back({l, std::max(1.0, nest.loops[l].trip / static_cast<double>(choice.tile[l]))});
    }
  for (const int loop : choice.order) {
    const auto l = static_cast<std::size_t>(loop);
    levels.push_back({l, choice.tile[l] != 0
                             ? std::min(nest.loops[l].trip, static_cast<double>(choice.tile[l]))
                             : nest.loops[l].trip});
  }
  return levels;
}

/// Bytes touched by the loops from `from` inwards.
double touched(const PerfectNest& nest, const NestChoice& choice, const std::vector<LoopLevel>& levels,
               std::size_t from) {
  std::map<int, double> bytes;  // by buffer
  for (const auto& access : nest.accesses) {
    std::vector<double> extent(access.shape.size(), 1.0);
    double least = 1e18;
    for (std::size_t at = from; at < levels.size(); ++at) {
      for (std::size_t dim = 0; dim < access.steps.size(); ++dim)
        extent[dim] +=
            std::abs(static_cast<double>(access.steps[dim][levels[at].loop])) * (levels[at].trip - 1.0);
      const auto stride = std::abs(static_cast<double>(stride_of(choice, access, levels[at].loop)));
      if (stride > 0.0 && levels[at].trip > 1.0) least = std::min(least, stride);
    }
    double elements = 1.0;
    for (std::size_t dim = 0; dim < extent.size(); ++dim)
      elements *= std::min(extent[dim], std::max(1.0, static_cast<double>(access.shape[dim])));
    double& there = bytes[access.buffer];
    there =
        std::max(there, kLineBytes * lines_of(elements, least > 1e17 ? 16.0 : least, access.element_bytes));
  }
  double sum = 0.0;
  for (const auto& [buffer, size] : bytes) sum += size;
  return sum;
}

/// Cycles of the traffic from beyond one cache: the innermost loops whose data fits stay inside, all else is
/// fetched anew.
double moving_cycles(const PerfectNest& nest, const NestChoice& choice, const NestMachine& machine,
                     const std::vector<LoopLevel>& levels, std::size_t cache) {
  std::size_t fits = levels.size();
  while (fits > 0 && touched(nest, choice, levels, fits - 1) <= kFillsCache * machine.cache_bytes[cache])
    --fits;
  // What comes from beyond this cache: the data of the loop just outside, each time that it runs.
  const std::size_t from = fits == 0 ? 0 : fits - 1;
  double times = nest.around;
  for (std::size_t at = 0; at < from; ++at) times *= levels[at].trip;
  const double whole = touched(nest, choice, levels, from);
  const double bytes = fits == 0 ? whole : whole * times;
  return bytes / machine.bytes_per_cycle[cache + 1];
}

/// Cycles to copy a buffer transposed.
double transposing_cycles(const PerfectNest& nest, int buffer) {
  for (const auto& access : nest.accesses)
    if (access.buffer == buffer)
      return nest.around * static_cast<double>(access.shape[0] * access.shape[1]) * kTransposedElement;
  return 0.0;
}

}  // namespace

NestChoice NestChoice::none(const PerfectNest& nest) {
  NestChoice choice;
  choice.order.resize(nest.loops.size());
  std::iota(choice.order.begin(), choice.order.end(), 0);
  choice.tile.assign(nest.loops.size(), 0);
  choice.jam.assign(nest.loops.size(), 1);
  return choice;
}

std::string NestChoice::text() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (!std::is_sorted(order.begin(), order.end())) add(fmt::format("order {}", fmt::join(order, ",")));
  if (std::any_of(tile.begin(), tile.end(), [](auto size) { return size != 0; }))
    add(fmt::format("tile {}", fmt::join(tile, ",")));
  if (std::any_of(jam.begin(), jam.end(), [](auto factor) { return factor != 1; }))
    add(fmt::format("jam {}", fmt::join(jam, ",")));
  if (!transposed.empty()) add(fmt::format("transpose {}", fmt::join(transposed, ",")));
  return text;
}

bool legal(const PerfectNest& nest, const NestChoice& choice) {
  if (choice == NestChoice::none(nest)) return true;
  if (!nest.known) return false;
  const std::size_t count = nest.loops.size();
  std::vector<std::size_t> place(count);
  for (std::size_t i = 0; i < count; ++i) place[static_cast<std::size_t>(choice.order[i])] = i;
  for (std::size_t loop = 0; loop < count; ++loop)
    for (const int other : nest.loops[loop].bounds_depend)
      if (place[static_cast<std::size_t>(other)] > place[loop]) return false;
  for (const auto& distance : nest.dependences)
    if (!forward(distance, choice.order)) return false;

  std::size_t first = count;  // the outermost loop that is tiled or jammed
  bool tiles = false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto loop = static_cast<std::size_t>(choice.order[i]);
    if (choice.tile[loop] != 0) {
      first = 0;  // tile loops go outermost
      tiles = true;
    } else if (choice.jam[loop] > 1) {
      first = std::min(first, i);
    }
    if (choice.jam[loop] > 1 && i + 1 == count)
      return false;  // unrolling the innermost loop is the compiler's own
    // A jammed or tiled loop's variable may not appear in bounds of loops inside it.
    if (choice.jam[loop] > 1 || choice.tile[loop] != 0)
      for (const auto& other : nest.loops)
        if (std::find(other.bounds_depend.begin(), other.bounds_depend.end(), choice.order[i]) !=
            other.bounds_depend.end())
          return false;
  }
  if (tiles &&
      !std::all_of(nest.loops.begin(), nest.loops.end(), [](const auto& loop) { return loop.fixed; }))
    return false;
  // Blocks of a tiled loop are jammed only where all of them are whole.
  for (std::size_t loop = 0; loop < count; ++loop)
    if (choice.tile[loop] != 0 && choice.jam[loop] > 1 &&
        (std::fmod(nest.loops[loop].trip, static_cast<double>(choice.tile[loop])) != 0.0 ||
         choice.tile[loop] % choice.jam[loop] != 0))
      return false;
  if (first < count && !permutable_from(nest, choice.order, first)) return false;
  for (const int buffer : choice.transposed)
    for (const auto& access : nest.accesses)
      if (access.buffer == buffer && (access.store || access.shape.size() != 2)) return false;
  return true;
}

double nest_cycles(const PerfectNest& nest, const NestChoice& choice, const NestMachine& machine) {
  double total = computing_cycles(nest, choice, machine);
  const std::vector<LoopLevel> levels = levels_of(nest, choice);
  for (std::size_t cache = 0; cache < machine.cache_bytes.size(); ++cache) {
    const double moving = moving_cycles(nest, choice, machine, levels, cache);
    total = std::max(total, moving) + kNotHidden * std::min(total, moving);
  }
  for (const int buffer : choice.transposed) total += transposing_cycles(nest, buffer);
  return total;
}

}  // namespace hone::cost
