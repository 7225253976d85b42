#include "hone/cost/mlir_loop_features.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "hone/cost/mlir_price.h"

namespace hone::cost::mlir {
namespace {

constexpr double kLongCode = 2000.0;  // instructions
/// Parts of a loop's instructions that are of each kind beside those expected, by InstructionKind: what runs
/// in lanes, or not, against expectation; addresses, counters and jumps that the text does not show.
constexpr InstructionMix kUnseen = {0.0, 0.0, 0.001, 0.001, 0.005, 0.001};
constexpr double kFew = 0.1;  // instructions that nothing here accounts for

/// What is left in a loop's body, an iteration.
struct Body {
  double work[kWorks] = {};
  double real = 0.0, wide = 0.0;  ///< steps on reals; elements a step, summed
  double steps = 0.0, element_bytes = 0.0;
  double extrema = 0.0;  ///< that hand NaN on
  double loads = 0.0, stores = 0.0, promoted = 0.0;
  double unit = 0.0, still = 0.0, near = 0.0, far = 0.0, indirect = 0.0;  ///< by this loop's variable
  double switched = 0.0, apart = 0.0;    ///< accesses by masks; elements of vectors one by one
  double gathers = 0.0, scatters = 0.0;  ///< of vectors
  double unit_stores = 0.0, vector_elements = 0.0, side_by_side = 1.0;
  double crowded_near = 0.0, crowded_far = 0.0;  ///< lines a set of the first and second cache
  double places = 0.0;                           ///< accesses that move differently
  double reals = 0.0, integers = 0.0, loaded = 0.0, stored = 0.0;  ///< operations on elements, bytes
  std::vector<std::size_t> items;
};

struct Columns {
  std::vector<std::string>* names = nullptr;
  std::vector<double>* values = nullptr;
  void put(const std::string& name, double value) {
    if (names != nullptr) names->push_back(name);
    if (values != nullptr) values->push_back(std::isfinite(value) ? value : 0.0);
  }
};

/// Lines that one run along a stride puts into each set of a cache.
double lines_a_set(double stride_bytes, double trips, const CacheSets& cache) {
  return std::abs(stride_bytes) < Reuse::kLine ? 0.0 : trips / cache.along(std::abs(stride_bytes));
}

/// Cycles to find the place of a page that is in no table (of the second level; what the first lacks is
/// hidden by other work).
constexpr double kPage = 4096.0, kWalk = 30.0;

/// How much of what a function needs is gone when it runs again, of a cache of such a size.
double gone(double working_set, double cache) {
  return std::clamp((working_set / cache - 0.8) / 0.4, 0.0, 1.0);
}

/// Part of the moves to the stack and back that come back: what is stored once is loaded again about twice.
constexpr double kReloaded = 0.65;
/// Instructions that a copy or a clearing is at most; beyond it is a call.
constexpr double kMostCopied = 8.0, kMostCleared = 16.0;

double logs(double value) { return std::log1p(std::max(0.0, value)); }

class Rows {
 public:
  Rows(const Nest& nest, const Reuse& reuse, const Lowered& lowered)
      : nest_(nest),
        reuse_(reuse),
        lowered_(lowered),
        sets_(cache_sets(lowered.target)),
        bodies_(nest.loops.size() + 1),
        inner_(nest.loops.size() + 1, 0) {
    for (std::size_t i = 0; i < lowered.items.size(); ++i) {
      const Lowered::Item& item = lowered.items[i];
      Body& body = bodies_[static_cast<std::size_t>(item.home + 1)];
      body.items.push_back(i);
      if (item.step >= 0)
        add(nest.steps[static_cast<std::size_t>(item.step)], item, body);
      else
        add(nest.accesses[static_cast<std::size_t>(item.access)], item, body);
    }
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
    const Body& body = bodies_[static_cast<std::size_t>(loop + 1)];
    const Lowered::Body& left = lowered_.body(loop);
    const auto at = [&](int id) {
      return id < 0 ? Nest::Loop{.trips = 1.0,
                                 .most = 1.0,
                                 .entries = 1.0,
                                 .iterations = 1.0,
                                 .variables = {},
                                 .carried = {},
                                 .yielded = {},
                                 .initial = {},
                                 .bounded_by = {},
                                 .first = {}}
                    : nest_.loops[static_cast<std::size_t>(id)];
    };
    const Nest::Loop one = at(loop);
    const int parent = around(loop), grand = around(parent);
    const Nest::Loop outer = at(parent), beyond = at(grand);
    const double all = std::max(1e-9, one.iterations);
    columns.put("log_iterations", std::log(all));
    columns.put("log_entries", std::log(std::max(1e-9, one.entries)));
    columns.put("log_trips", std::log(std::max(1e-3, one.trips)));
    columns.put("parent_log_trips", parent < 0 ? -1.0 : std::log(std::max(1e-3, outer.trips)));
    columns.put("grandparent_log_trips", grand < 0 ? -1.0 : std::log(std::max(1e-3, beyond.trips)));
    columns.put("outside", loop < 0 ? 1.0 : 0.0);
    columns.put("inner_loops", inner_[static_cast<std::size_t>(loop + 1)]);
    columns.put("parent_inner_loops", inner_[static_cast<std::size_t>(parent + 1)]);
    columns.put("crowded_near", logs(body.crowded_near));
    columns.put("crowded_far", logs(body.crowded_far));
    columns.put("parallel", one.parallel ? 1.0 : 0.0);
    columns.put("known", one.known ? 1.0 : 0.0);
    columns.put("fixed", left.fixed ? 1.0 : 0.0);
    columns.put("implied", one.implied ? 1.0 : 0.0);
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
    columns.put("log_working_set", logs(reuse_.working_set(loop)));
    columns.put("parent_log_working_set", logs(reuse_.working_set(parent)));
    columns.put("grandparent_log_working_set", logs(reuse_.working_set(grand)));
    columns.put("function_log_working_set", logs(reuse_.working_set(-1)));
    static constexpr const char* kTraffic[] = {"first_traffic", "second_traffic", "last_traffic"};
    for (std::size_t c = 0; c < std::size(kTraffic); ++c)
      columns.put(kTraffic[c], logs(16.0 * traffic_[c][static_cast<std::size_t>(loop + 1)] / all));
    const double walks = walks_[static_cast<std::size_t>(loop + 1)];
    columns.put("walks", logs(16.0 * walks / all));
    columns.put("function_loops", logs(static_cast<double>(nest_.loops.size())));
    columns.put("function_buffers", static_cast<double>(nest_.buffers.size()));

    // Iterations in lanes, then in half as many, then one by one.
    const double block = left.lanes * left.interleave;
    const double trips = std::max(1e-3, one.trips);
    const double main = block <= 1.0  ? 0.0
                        : left.masked ? std::ceil(trips / block)
                        : left.fixed  ? std::floor(one.most / block) * trips / one.most
                        // All but the last are as long.
                        : trips > 0.9 * one.most ? std::floor(one.most / block) * trips / one.most
                                                 : std::max(0.0, trips / block - 0.5);
    double rest = block <= 1.0 ? trips : std::max(0.0, trips - main * block);
    columns.put("idiom", left.idiom ? 1.0 : 0.0);
    columns.put("masked", left.masked ? 1.0 : 0.0);
    columns.put("address", logs(left.address));
    const double half = left.lanes / 2.0;
    const double second = left.lanes >= 16.0 && main > 0.0 ? std::floor(rest / half) : 0.0;
    rest -= second * half;
    const Price wide = price(nest_, lowered_, body.items, left.lanes),
                narrow = price(nest_, lowered_, body.items, half),
                single = price(nest_, lowered_, body.items, 1.0);
    const double control = 2.0, times = std::max(1e-9, loop < 0 ? 1.0 : one.entries);
    const double laps = main / (block > 1.0 ? left.unrolled : 1.0) + second +
                        rest / (block > 1.0 ? left.rest_unrolled : left.unrolled);
    const auto executed = [&](double in_wide, double in_narrow, double in_single, double a_lap) {
      return main * in_wide * left.interleave + second * in_narrow + rest * in_single + laps * a_lap;
    };
    // Those of a call are the library's.
    const Moves moves = left.idiom ? moves_of(left, one, body.items) : Moves{};
    const double instructions =
        moves.stores > 0.0 ? moves.loads + moves.stores
        : left.idiom       ? 8.0
                           : executed(wide.instructions, narrow.instructions, single.instructions, control);
    // Of a short copy no loop is left.
    const double entry = loop < 0 ? 20.0 : moves.stores > 0.0 ? 0.0 : 4.0 + (block > 1.0 ? 8.0 : 0.0);
    columns.put("log_main", std::log(main * block / trips + 1e-2));
    columns.put("log_rest", std::log((rest + second) / trips + 1e-3));
    columns.put("log_blocks", logs(main));
    const double gathers =
        times * (main * wide.gathers * left.interleave + second * narrow.gathers + rest * single.gathers);
    const double passes = loop < 0 ? 1.0 : times * (block > 1.0 ? main : trips) / left.unrolled;
    const double all_moved = passes * (left.spills - left.spills_once) + times * left.spills_once;
    const double moved = all_moved / times;  // an entry
    LoopDemand demand{.entries = times,
                      .iterations = all,
                      .block = wide.ports.times(left.interleave),
                      .half = narrow.ports,
                      .single = single.ports,
                      .blocks = main,
                      .halves = second,
                      .rest = rest,
                      .path = left.path,
                      .chain = left.chain,
                      .length = left.alone ? trips * (single.instructions + control) : 0.0,
                      .waiting_in_block = left.safe_lanes > 0.0 ? block : 0.0,
                      .entry = entry,
                      .outside = loop < 0,
                      .fixed = left.fixed,
                      .bytes = fetched(loop),
                      .apart = apart(body),
                      .walks = walks,
                      .gathers = gathers,
                      .moves = all_moved};
    // A library's copy leaves no element over, nor does a short one that is no call.
    if (left.idiom) {
      demand.blocks = moves.stores > 0.0 ? 0.0 : trips / block;
      demand.halves = 0.0;
      demand.rest = moves.stores > 0.0 ? 1.0 : 0.0;
      demand.single = {
          .loads = moves.loads, .stores = moves.stores, .instructions = moves.loads + moves.stores};
    }
    static const SimpleMachine plain;
    const double busy = plain.busy(demand), memory = plain.memory(demand);
    columns.put("log_cycles", std::log(busy / (times * trips)));
    columns.put("log_instructions", std::log((instructions + entry) / trips));
    columns.put("log_wide_cycles", std::log(wide.cycles / left.lanes + 1e-3));
    columns.put("log_single_cycles", std::log(single.cycles + 1e-3));
    columns.put("memory_share", std::log((memory + 1e-3) / (busy + 1e-3)));
    columns.put("gather_share", std::log((gathers + 1e-3) / (busy + 1e-3)));
    rows.estimates.push_back(std::log(plain.cycles(demand)));
    rows.core.push_back(std::log(busy));
    rows.demands.push_back(demand);
    rows.instructions.push_back(std::log(times * (instructions + entry)));
    for (std::size_t k = 0; k < kInstructionKinds; ++k) {
      const auto kind = static_cast<InstructionKind>(k);
      const bool integer = kind == InstructionKind::integer, branch = kind == InstructionKind::branch;
      double count = kUnseen[k] * instructions + (integer ? 0.25 * entry : branch ? 0.3 : 0.0);
      if (kind == InstructionKind::load) count += moves.loads + kReloaded * moved;
      if (kind == InstructionKind::store) count += moves.stores + (1.0 - kReloaded) * moved;
      if (kind == InstructionKind::vector)
        count += moves.vectors + (left.calls > 0.0 && left.lanes > 1.0 ? moved : 0.0);
      if (!left.idiom)
        count += executed(wide.mix[k], narrow.mix[k], single.mix[k], integer ? 2.0 : branch ? 1.0 : 0.0);
      rows.mix[k].push_back(std::log(times * count + kFew));
    }
    const double crowded = std::max(0.0, left.alive - lowered_.target.vector_registers) +
                           std::max(0.0, body.places - 12.0) +
                           left.calls * std::min(lowered_.target.vector_registers, left.alive);
    constexpr double kNothing = 1e-3;
    rows.reals.push_back(std::log(all * body.reals + kNothing));
    rows.integers.push_back(std::log(all * body.integers + kNothing));
    rows.loaded.push_back(std::log(all * body.loaded + kNothing));
    rows.stored.push_back(std::log(all * body.stored + kNothing));
    rows.arguments.push_back(std::log((loop < 0 ? argument_bytes() : 0.0) + kNothing));
    // Some come and go that nothing here accounts for, more in long bodies; a product of almost nothing would
    // leave it to the trees to say so, which then say it of what is accounted for as well.
    const double unseen = 1.0 + (left.innermost ? 0.05 * std::min(left.code, kLongCode) : 0.0);
    rows.spills.push_back(std::log(left.replicas * (left.spills + 0.1 * crowded + unseen)));
    rows.moves.push_back(std::log(all_moved + 0.02 * passes + 0.05));
    // Where it is known at run time how often a loop goes round, what the copies leave is a loop of its own.
    const bool rounds = block <= 1.0 && !left.fixed && left.unrolled > 1.0;
    const double code = left.idiom ? instructions
                        : block > 1.0
                            ? wide.instructions * left.interleave * left.unrolled + narrow.instructions +
                                  single.instructions * (left.fixed && rest < 1.0 ? 0.0 : left.rest_unrolled)
                            : single.instructions * (left.unrolled + (rounds ? 1.0 : 0.0));
    rows.sizes.push_back(std::log(left.replicas * (code + left.spills + 0.5 * entry)));
  }

  bool works(int loop) const {
    const Body& body = bodies_[static_cast<std::size_t>(loop + 1)];
    return loop < 0 || (lowered_.body(loop).left && (body.steps + body.loads + body.stores > 0.0 ||
                                                     inner_[static_cast<std::size_t>(loop + 1)] > 0.0));
  }

 private:
  /// Bytes that come from beyond each cache, of those that are not there when the function runs again.
  std::array<double, 3> fetched(int loop) const {
    std::array<double, 3> bytes = {};
    for (std::size_t c = 0; c < bytes.size(); ++c)
      bytes[c] = traffic_[c][static_cast<std::size_t>(loop + 1)] * gone_[c];
    return bytes;
  }
  /// Part of the accesses that take another line each time.
  static double apart(const Body& body) {
    const double all = body.unit + body.still + body.near + body.far + body.indirect;
    return all > 0.0 ? (body.far + body.indirect) / all : 0.0;
  }

  double argument_bytes() const {
    double bytes = nest_.arguments_bytes;
    for (const Nest::Buffer& buffer : nest_.buffers) bytes += buffer.argument ? buffer.bytes : 0.0;
    return bytes;
  }

  /// Of a short copy or clearing: no call, but so many instructions (X86's MaxStoresPerMemcpy and
  /// MaxStoresPerMemset), on vectors where they are longer than a register of whole numbers.
  struct Moves {
    double loads = 0.0, stores = 0.0, vectors = 0.0;
  };
  Moves moves_of(const Lowered::Body& left, const Nest::Loop& one,
                 const std::vector<std::size_t>& items) const {
    Moves moves;
    if (!one.known || !left.fixed) return moves;
    double bytes = 0.0;
    bool loads = false;
    for (const std::size_t i : items) {
      const Lowered::Item& item = lowered_.items[i];
      if (item.access < 0) continue;
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
      loads = loads || !access.store;
      if (access.store) bytes = one.trips * std::abs(item.stride) * access.bits / 8.0;
    }
    const double vector = lowered_.target.vector_bytes, whole = std::floor(bytes / vector);
    const double left_over = bytes - whole * vector;
    // The last one may begin inside the one before it.
    const bool power = std::has_single_bit(static_cast<unsigned>(left_over));
    const double last = left_over == 0.0 ? 0.0 : whole > 0.0 || power ? 1.0 : 2.0;
    if (!(bytes > 0.0) || whole + last > (loads ? kMostCopied : kMostCleared)) return moves;
    moves.stores = whole + last;
    moves.loads = loads ? moves.stores : 0.0;
    moves.vectors = (whole + (left_over > 8.0 ? last : 0.0)) * (loads ? 2.0 : 1.0);
    return moves;
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

  /// The loop around that is left.
  int around(int loop) const {
    if (loop < 0) return -1;
    const int parent = nest_.loops[static_cast<std::size_t>(loop)].parent;
    return parent < 0 ? -1 : lowered_.homes[static_cast<std::size_t>(parent)];
  }

  void add(const Nest::Step& step, const Lowered::Item& item, Body& body) {
    if (step.address) return;
    const double share = item.copies * item.share;
    body.work[static_cast<std::size_t>(step.work)] += share;
    body.steps += share;
    if (step.real) body.real += share;
    if (step.real && step.choice.single >= kExtremum.single) body.extrema += share;
    const double operations = share * step.elements * (step.work == Work::fma ? 2.0 : 1.0);
    if (step.work != Work::shuffle && step.work != Work::convert)
      (step.real ? body.reals : body.integers) += operations;
    body.wide += share * step.elements;
    if (step.bits > 0) body.element_bytes = std::max(body.element_bytes, step.bits / 8.0);
    body.side_by_side = std::max(body.side_by_side, item.lanes);
  }

  void add(const Nest::Access& access, const Lowered::Item& item, Body& body) {
    if (access.buffer < 0) return;
    const double share = item.copies * item.share;
    const double bytes = nest_.buffers[static_cast<std::size_t>(access.buffer)].element_bytes;
    body.element_bytes = std::max(body.element_bytes, bytes);
    (access.store ? body.stores : body.loads) += share;
    (access.store ? body.stored : body.loaded) += share * access.elements * bytes;
    if (item.promoted) body.promoted += share;
    if (item.masked) body.switched += share;
    if (access.apart) body.apart += share * access.elements;
    if (item.lanes > 1.0 && lowered_.body(item.home).lanes > 1.0 && !(std::abs(item.stride) <= 1.0) &&
        !item.in_group)
      (access.store ? body.scatters : body.gathers) += share;
    body.vector_elements = std::max(body.vector_elements, access.elements);
    body.places += 1.0;
    const double stride = std::abs(item.stride);
    if (std::isnan(stride)) {
      body.indirect += share;
    } else if (stride == 0.0) {
      body.still += share;
    } else if (stride <= std::max(1.0, access.elements)) {
      body.unit += share;
      if (access.store) body.unit_stores += share;
    } else {
      (stride * bytes < Reuse::kLine ? body.near : body.far) += share;
    }
    // Rows of a tile too lie a stride apart, whatever the innermost loop does.
    int around = item.home;
    for (int level = 0; level < 2 && around >= 0; ++level) {
      const double step = stride_along(nest_, access, around) * bytes,
                   trips = nest_.loops[static_cast<std::size_t>(around)].trips;
      if (!std::isnan(step)) {
        body.crowded_near = std::max(body.crowded_near, lines_a_set(step, trips, sets_[0]));
        body.crowded_far = std::max(body.crowded_far, lines_a_set(step, trips, sets_[1]));
      }
      around = this->around(around);
    }
  }

  const Nest& nest_;
  const Reuse& reuse_;
  const Lowered& lowered_;
  std::array<CacheSets, 2> sets_;
  std::vector<Body> bodies_;
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
