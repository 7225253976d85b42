#include "hone/cost/mlir/loop_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "hone/cost/mlir/loop_body.h"
#include "hone/cost/mlir/loop_run.h"
#include "hone/cost/mlir/price.h"

namespace hone::cost::mlir {
namespace {

// Factors that no rule of the compiler gives are estimates, on which what is learned from these rows
// improves.

/// Added to what may be nothing before its logarithm is taken.
constexpr double kLeast = 1e-3;
/// In the columns of traffic: so that few bytes an iteration do not vanish in log1p.
constexpr double kTrafficUnit = 16.0;

/// Instructions each time that a loop goes round, by kind: counter and comparison; a jump.
constexpr double kLapIntegers = 2.0, kLapBranches = 1.0;
/// Of those that enter a loop the part on whole numbers; and jumps an entry, however it goes on.
constexpr double kEntryIntegers = 0.25, kEntryBranches = 0.3;

/// Instructions that move values to the stack and back beyond those that registers are counted for: one a
/// loop, a part of an innermost body's, as far as it goes on.
constexpr double kFewSpills = 1.0, kSpillsOfCode = 0.05;
constexpr double kLongCode = 2000.0;  // instructions
/// ... of each value beyond the registers, be it of those alive, of places that addresses are kept for, or of
/// those that a call takes.
constexpr double kSpillsOfCrowd = 0.1;
constexpr double kPlaceRegisters = 12.0;  // of whole numbers, for places
/// Moves besides, each time that the code is gone through and in all.
constexpr double kMovesOfPass = 0.02, kFewMoves = 0.05;
constexpr double kEntryCode = 0.5;  // part of an entry's instructions that is code of the loop's own

/// Parts of a loop's instructions that are of each kind beside those expected, by InstructionKind: what runs
/// in lanes, or not, against expectation; addresses, counters and jumps that the text does not show.
constexpr InstructionMix kUnseen = {0.0, 0.0, 0.001, 0.001, 0.005, 0.001};
constexpr double kFew = 0.1;  // instructions that nothing here accounts for

struct Columns {
  std::vector<std::string>* names = nullptr;
  std::vector<double>* values = nullptr;
  void put(const std::string& name, double value) {
    if (names != nullptr) names->push_back(name);
    if (values != nullptr) values->push_back(std::isfinite(value) ? value : 0.0);
  }
};

/// Cycles to find the place of a page that is in no table (of the second level; what the first lacks is
/// hidden by other work).
constexpr double kPage = 4096.0, kWalk = 30.0;

/// How much of what a function needs is gone when it runs again, of a cache of such a size.
double gone(double working_set, double cache) {
  // Not all of a cache is the function's, and what is a little too large is gone only in part.
  constexpr double kFits = 0.8, kPartly = 0.4;  // of the cache: what stays, and how much more is all gone
  return std::clamp((working_set / cache - kFits) / kPartly, 0.0, 1.0);
}

/// Part of the moves to the stack and back that come back: what is stored once is loaded again about twice.
constexpr double kReloaded = 0.65;

double logs(double value) { return std::log1p(std::max(0.0, value)); }

class Rows {
 public:
  Rows(const Nest& nest, const Reuse& reuse, const Lowered& lowered)
      : nest_(nest),
        reuse_(reuse),
        lowered_(lowered),
        bodies_(loop_bodies(nest, lowered)),
        inner_(nest.loops.size() + 1, 0) {
    for (std::size_t i = 0; i < nest.loops.size(); ++i)
      if (lowered.bodies[i + 1].left) ++inner_[static_cast<std::size_t>(around(static_cast<int>(i)) + 1)];
    const std::vector<Reuse::AtOnce> at_once = blocks();
    for (const double cache : lowered.target.cache_bytes) {
      traffic_.push_back(by_home(reuse.traffic_by_loop(cache, at_once)));
      gone_.push_back(gone(reuse.working_set(-1), cache));
    }
    walks_.assign(nest.loops.size() + 1, 0.0);
    // There are no more pages than lines.
    const double translated = lowered.target.translated_pages;
    if (gone(reuse.working_set(-1) / Reuse::kLine, translated) == 0.0) return;
    const Reuse pages(nest, kPage);
    const double again = gone(pages.working_set(-1), translated * kPage);
    if (again == 0.0) return;
    walks_ = by_home(pages.fetched_by_loop(translated * kPage));
    for (double& walks : walks_) walks *= again * kWalk;
  }

  void row(int loop, Columns& columns, LoopRows& rows) const {
    const LoopRun run = loop_run(nest_, lowered_, loop, bodies_[static_cast<std::size_t>(loop + 1)]);
    const LoopDemand demand = demand_of(run);
    put_place(run, columns);
    put_body(run.body, columns);
    put_code(run.left, run.body, columns);
    put_memory(run, columns);
    put_split(run, columns);
    put_price(run, demand, columns);
    add_targets(run, demand, rows);
    add_mix(run, rows);
    add_code(run, rows);
  }

  bool works(int loop) const {
    const LoopBody& body = bodies_[static_cast<std::size_t>(loop + 1)];
    return loop < 0 || (lowered_.body(loop).left && (body.steps + body.loads + body.stores > 0.0 ||
                                                     inner_[static_cast<std::size_t>(loop + 1)] > 0.0));
  }

 private:
  int around(int loop) const { return left_around(nest_, lowered_, loop); }

  void put_place(const LoopRun& run, Columns& columns) const {
    const int loop = run.loop, parent = around(loop), grand = around(parent);
    const Nest::Loop &one = run.one, &outer = loop_of(nest_, parent), &beyond = loop_of(nest_, grand);
    columns.put("log_iterations", std::log(run.iterations));
    columns.put("log_entries", std::log(std::max(1e-9, one.entries)));
    columns.put("log_trips", std::log(std::max(1e-3, one.trips)));
    columns.put("parent_log_trips", parent < 0 ? -1.0 : std::log(std::max(1e-3, outer.trips)));
    columns.put("grandparent_log_trips", grand < 0 ? -1.0 : std::log(std::max(1e-3, beyond.trips)));
    columns.put("outside", loop < 0 ? 1.0 : 0.0);
    columns.put("inner_loops", inner_[static_cast<std::size_t>(loop + 1)]);
    columns.put("parent_inner_loops", inner_[static_cast<std::size_t>(parent + 1)]);
    columns.put("crowded_near", logs(run.body.crowded_near));
    columns.put("crowded_far", logs(run.body.crowded_far));
    columns.put("parallel", one.parallel ? 1.0 : 0.0);
    columns.put("known", one.known ? 1.0 : 0.0);
    columns.put("fixed", run.left.fixed ? 1.0 : 0.0);
    columns.put("implied", one.implied ? 1.0 : 0.0);
  }

  static void put_body(const LoopBody& body, Columns& columns) {
    for (int i = 0; i < kWorks; ++i) {
      const auto work = static_cast<Work>(i);
      if (work != Work::none && work != Work::copy && work != Work::pooling && work != Work::unknown)
        columns.put(work_name(work), logs(body.work[i]));
    }
    columns.put("steps", logs(body.steps));
    columns.put("extrema", logs(body.extrema));
    columns.put("real_share", body.steps > 0.0 ? body.real / body.steps : 0.0);
    columns.put("elements", body.steps > 0.0 ? body.wide / body.steps : 0.0);
    columns.put("element_bytes", body.element_bytes);
    columns.put("loads", logs(body.loads));
    columns.put("stores", logs(body.stores));
    columns.put("vector_elements", body.vector_elements);
    columns.put("unit", logs(body.unit));
    columns.put("still", logs(body.still));
    columns.put("near", logs(body.near));
    columns.put("far", logs(body.far));
    columns.put("indirect", logs(body.indirect));
    columns.put("unit_stores", logs(body.unit_stores));
    columns.put("apart", logs(body.apart));
    columns.put("switched", logs(body.switched));
    columns.put("promoted", logs(body.promoted));
    columns.put("gathers", logs(body.gathers));
    columns.put("scatters", logs(body.scatters));
  }

  void put_code(const Lowered::Body& left, const LoopBody& body, Columns& columns) const {
    columns.put("size", logs(left.size));
    columns.put("replicas", logs(left.replicas));
    columns.put("places", logs(body.places));
    columns.put("lanes", left.lanes);
    columns.put("interleave", left.interleave);
    columns.put("unrolled", logs(left.unrolled));
    columns.put("rest_unrolled", logs(left.rest_unrolled));
    columns.put("code", logs(left.code));
    columns.put("spilled", logs(left.spills));
    columns.put("side_by_side", body.side_by_side);
    columns.put("chain", logs(left.chain.cycles));
    columns.put("link", logs(left.link));
    columns.put("chains", logs(left.chains));
    columns.put("real_chain", left.real_chain ? 1.0 : 0.0);
    columns.put("recurrence", left.recurrence || left.safe_lanes > 0.0 ? 1.0 : 0.0);
    columns.put("checks", left.checks ? 1.0 : 0.0);
    columns.put("calls", logs(left.calls));
    columns.put("held", logs(left.held));
    columns.put("alive", logs(left.alive));
    columns.put("crowded_registers", logs(left.alive - lowered_.target.vector_registers));
  }

  void put_memory(const LoopRun& run, Columns& columns) const {
    const int loop = run.loop, parent = around(loop), grand = around(parent);
    columns.put("log_working_set", logs(reuse_.working_set(loop)));
    columns.put("parent_log_working_set", logs(reuse_.working_set(parent)));
    columns.put("grandparent_log_working_set", logs(reuse_.working_set(grand)));
    columns.put("function_log_working_set", logs(reuse_.working_set(-1)));
    static constexpr const char* kTraffic[] = {"first_traffic", "second_traffic", "last_traffic"};
    for (std::size_t c = 0; c < std::size(kTraffic); ++c)
      columns.put(kTraffic[c],
                  logs(kTrafficUnit * traffic_[c][static_cast<std::size_t>(loop + 1)] / run.iterations));
    const double walks = walks_[static_cast<std::size_t>(loop + 1)];
    columns.put("walks", logs(kTrafficUnit * walks / run.iterations));
    columns.put("function_loops", logs(static_cast<double>(nest_.loops.size())));
    columns.put("function_buffers", static_cast<double>(nest_.buffers.size()));
  }

  static void put_split(const LoopRun& run, Columns& columns) {
    const LoopRun::Split& split = run.split;
    columns.put("idiom", run.left.idiom ? 1.0 : 0.0);
    columns.put("masked", run.left.masked ? 1.0 : 0.0);
    columns.put("address", logs(run.left.address));
    columns.put("log_main", std::log(split.blocks * split.block / split.trips + 1e-2));
    columns.put("log_rest", std::log((split.rest + split.halves) / split.trips + kLeast));
    columns.put("log_blocks", logs(split.blocks));
  }

  static void put_price(const LoopRun& run, const LoopDemand& demand, Columns& columns) {
    const double trips = run.split.trips;
    const double busy = plain().busy(demand), memory = plain().memory(demand);
    columns.put("log_cycles", std::log(busy / (run.entries * trips)));
    columns.put("log_instructions", std::log((run.instructions + run.entry) / trips));
    columns.put("log_wide_cycles", std::log(run.wide.cycles / run.left.lanes + kLeast));
    columns.put("log_single_cycles", std::log(run.single.cycles + kLeast));
    columns.put("memory_share", std::log((memory + kLeast) / (busy + kLeast)));
    columns.put("gather_share", std::log((demand.gathers + kLeast) / (busy + kLeast)));
  }

  LoopDemand demand_of(const LoopRun& run) const {
    const Lowered::Body& left = run.left;
    const LoopRun::Split& split = run.split;
    const ShortCopy& copy = run.copy;
    LoopDemand demand{
        .entries = run.entries,
        .iterations = run.iterations,
        .block = run.wide.ports.times(left.interleave),
        .half = run.narrow.ports,
        .single = run.single.ports,
        .blocks = split.blocks,
        .halves = split.halves,
        .rest = split.rest,
        .path = left.path,
        .chain = left.chain,
        .length = left.alone ? split.trips * (run.single.instructions + kCountAndJump) : 0.0,
        .waiting_in_block = left.safe_lanes > 0.0 ? split.block : 0.0,
        .entry = run.entry,
        .outside = run.loop < 0,
        .fixed = left.fixed,
        .bytes = fetched(run.loop),
        .apart = run.body.lines_apart(),
        .walks = walks_[static_cast<std::size_t>(run.loop + 1)],
        .gathers = run.entries * (split.blocks * run.wide.gathers * left.interleave +
                                  split.halves * run.narrow.gathers + split.rest * run.single.gathers),
        .moves = run.moves};
    // A library's copy leaves no element over, nor does a short one that is no call.
    if (left.idiom) {
      demand.blocks = copy.stores > 0.0 ? 0.0 : split.trips / split.block;
      demand.halves = 0.0;
      demand.rest = copy.stores > 0.0 ? 1.0 : 0.0;
      demand.single = {.loads = copy.loads, .stores = copy.stores, .instructions = copy.loads + copy.stores};
    }
    return demand;
  }

  void add_targets(const LoopRun& run, const LoopDemand& demand, LoopRows& rows) const {
    rows.estimates.push_back(std::log(plain().cycles(demand)));
    rows.core.push_back(std::log(plain().busy(demand)));
    rows.demands.push_back(demand);
    rows.instructions.push_back(std::log(run.entries * (run.instructions + run.entry)));
    rows.reals.push_back(std::log(run.iterations * run.body.reals + kLeast));
    rows.integers.push_back(std::log(run.iterations * run.body.integers + kLeast));
    rows.loaded.push_back(std::log(run.iterations * run.body.loaded + kLeast));
    rows.stored.push_back(std::log(run.iterations * run.body.stored + kLeast));
    rows.arguments.push_back(std::log((run.loop < 0 ? argument_bytes() : 0.0) + kLeast));
  }

  static void add_mix(const LoopRun& run, LoopRows& rows) {
    const double moved = run.moves / run.entries;  // an entry
    for (std::size_t k = 0; k < kInstructionKinds; ++k) {
      const auto kind = static_cast<InstructionKind>(k);
      const bool integer = kind == InstructionKind::integer, branch = kind == InstructionKind::branch;
      double count = kUnseen[k] * run.instructions + (integer  ? kEntryIntegers * run.entry
                                                      : branch ? kEntryBranches
                                                               : 0.0);
      if (kind == InstructionKind::load) count += run.copy.loads + kReloaded * moved;
      if (kind == InstructionKind::store) count += run.copy.stores + (1.0 - kReloaded) * moved;
      if (kind == InstructionKind::vector)
        count += run.copy.vectors + (run.left.calls > 0.0 && run.left.lanes > 1.0 ? moved : 0.0);
      if (!run.left.idiom)
        count += run.executed(run.wide.mix[k], run.narrow.mix[k], run.single.mix[k],
                              integer  ? kLapIntegers
                              : branch ? kLapBranches
                                       : 0.0);
      rows.mix[k].push_back(std::log(run.entries * count + kFew));
    }
  }

  /// What finds no register, and how much code there is.
  void add_code(const LoopRun& run, LoopRows& rows) const {
    const Lowered::Body& left = run.left;
    const LoopRun::Split& split = run.split;
    const double crowded = std::max(0.0, left.alive - lowered_.target.vector_registers) +
                           std::max(0.0, run.body.places - kPlaceRegisters) +
                           left.calls * std::min(lowered_.target.vector_registers, left.alive);
    // Some come and go that nothing here accounts for, more in long bodies; a product of almost nothing would
    // leave it to the trees to say so, which then say it of what is accounted for as well.
    const double unseen =
        kFewSpills + (left.innermost ? kSpillsOfCode * std::min(left.code, kLongCode) : 0.0);
    rows.spills.push_back(std::log(left.replicas * (left.spills + kSpillsOfCrowd * crowded + unseen)));
    rows.moves.push_back(std::log(run.moves + kMovesOfPass * run.passes + kFewMoves));
    // Where it is known at run time how often a loop goes round, what the copies leave is a loop of its own.
    const bool rounds = !split.in_lanes() && !left.fixed && left.unrolled > 1.0;
    const double code =
        left.idiom ? run.instructions
        : split.in_lanes()
            ? run.wide.instructions * left.interleave * left.unrolled + run.narrow.instructions +
                  run.single.instructions * (left.fixed && split.rest < 1.0 ? 0.0 : left.rest_unrolled)
            : run.single.instructions * (left.unrolled + (rounds ? 1.0 : 0.0));
    rows.sizes.push_back(std::log(left.replicas * (code + left.spills + kEntryCode * run.entry)));
  }

  static const SimpleMachine& plain() {
    static const SimpleMachine machine;
    return machine;
  }

  /// Bytes that come from beyond each cache, of those that are not there when the function runs again.
  std::array<double, 3> fetched(int loop) const {
    std::array<double, 3> bytes = {};
    for (std::size_t c = 0; c < bytes.size(); ++c)
      bytes[c] = traffic_[c][static_cast<std::size_t>(loop + 1)] * gone_[c];
    return bytes;
  }

  double argument_bytes() const {
    double bytes = nest_.arguments_bytes;
    for (const Nest::Buffer& buffer : nest_.buffers) bytes += buffer.argument ? buffer.bytes : 0.0;
    return bytes;
  }

  /// What belongs to loops of the nest, by those that they have ended up in.
  std::vector<double> by_home(const std::vector<double>& parts) const {
    std::vector<double> sums(parts.size(), 0.0);
    for (std::size_t i = 0; i < parts.size(); ++i)
      sums[static_cast<std::size_t>((i == 0 ? -1 : lowered_.homes[i - 1]) + 1)] += parts[i];
    return sums;
  }

  /// Iterations in lanes of the loops that others have ended up in.
  std::vector<Reuse::AtOnce> blocks() const {
    std::vector<Reuse::AtOnce> list(nest_.loops.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      const int home = lowered_.homes[i];
      if (home < 0 || home == static_cast<int>(i)) continue;
      const Lowered::Body& body = lowered_.body(home);
      list[i] = {.loop = home, .iterations = body.lanes * body.interleave};
    }
    return list;
  }

  const Nest& nest_;
  const Reuse& reuse_;
  const Lowered& lowered_;
  std::vector<LoopBody> bodies_;
  std::vector<double> inner_;  ///< by loop + 1: loops directly inside that are left
  std::vector<double> gone_;   ///< by cache
  std::vector<double> walks_;  ///< by loop that is left: cycles to find pages
  std::vector<std::vector<double>> traffic_;
};

}  // namespace

const std::vector<std::string>& loop_feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    Columns columns{&list, nullptr};
    const Nest nothing;
    const Reuse reuse(nothing);
    const Lowered lowered = mlir::lowered(nothing);
    LoopRows rows;
    Rows(nothing, reuse, lowered).row(-1, columns, rows);
    return list;
  }();
  return names;
}

LoopRows loop_features(const Nest& nest, const Reuse& reuse, const Lowered& lowered) {
  LoopRows result;
  const Rows rows(nest, reuse, lowered);
  Columns columns{nullptr, &result.values};
  for (int loop = -1; loop < static_cast<int>(nest.loops.size()); ++loop)
    if (rows.works(loop)) rows.row(loop, columns, result);
  return result;
}

}  // namespace hone::cost::mlir
