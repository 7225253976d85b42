#include "hone/cost/mlir/features.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/mlir/reuse.h"
#include "hone/cost/mlir/static.h"
#include "hone/cost/mlir/written_out.h"

namespace hone::cost::mlir {
namespace {

constexpr double kCaches[] = {8192, 32768, 131072, 524288, 2097152, 8388608, 33554432};
constexpr int kLevels = 4;  ///< loops of the hottest nest, from the innermost outwards

/// Fills values in the order in which the names are made: one walk of put() gives both.
class Sheet {
 public:
  Sheet(std::vector<std::string>* names, std::vector<double>* values) : names_(names), values_(values) {}
  void put(const std::string& name, double value) {
    if (names_ != nullptr) names_->push_back(name);
    if (values_ != nullptr) values_->push_back(std::isfinite(value) ? std::min(value, Nest::kMost) : 0.0);
  }
  bool naming() const { return names_ != nullptr; }

 private:
  std::vector<std::string>* names_;
  std::vector<double>* values_;
};

/// Cycles of one scalar application on a core of today, roughly (reciprocal throughput).
double cycles_of(Work work) {
  switch (work) {
    case Work::divide:
      return 4.0;
    case Work::root:
      return 6.0;
    case Work::transcendental:
      return 20.0;
    case Work::integer_divide:
      return 10.0;
    case Work::call:
      return 5.0;
    case Work::none:
      return 0.0;
    default:
      return 0.5;
  }
}

/// One walk over the nest: what loops do, each by itself.
struct LoopWork {
  double steps = 0.0, accesses = 0.0;  ///< an iteration, of what stands directly inside
  double cycles = 0.0;                 ///< scalar, in all
  double unit = 0.0, still = 0.0, strided = 0.0, indirect = 0.0;
  bool reduces_real = false, reduces_integer = false;  ///< from iteration to iteration
  bool shifts = false;                                 ///< what one iteration stores another loads
  bool calls = false;
  double element_bytes = 4.0;
};

class Summary {
 public:
  Summary(const Module& module, int function)
      : nest_(mlir::nest(module, function)), reuse_(nest_), work_(nest_.loops.size() + 1) {
    for (const Nest::Step& step : nest_.steps) add(step);
    for (const Nest::Access& access : nest_.accesses) add(access);
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
      if (nest_.loops[i].carries_real) work_[i + 1].reduces_real = true;
      if (nest_.loops[i].carries_integer) work_[i + 1].reduces_integer = true;
    }
    carried_through_memory();
  }

  void write(Sheet& sheet, const Module& module, int function) {
    counts(sheet);
    memory(sheet);
    loops(sheet);
    hottest(sheet);
    estimates(sheet);
    text(sheet, module, function);
  }
  std::vector<LoopFeatures> report() const;
  LoopRows rows(const Module& module, int function, const CodeTarget& target) const;

 private:
  LoopWork& of(int loop) { return work_[static_cast<std::size_t>(loop + 1)]; }
  double iterations(int loop) const {
    return loop < 0 ? 1.0 : std::max(1e-9, nest_.loops[static_cast<std::size_t>(loop)].iterations);
  }

  void add(const Nest::Step& step) {
    const auto work = static_cast<std::size_t>(step.work);
    const double elements = step.count * step.elements;
    work_counts_[work] += elements;
    instructions_ += step.count * std::max(1.0, step.elements * step.bits / 256.0);
    if (step.real) {
      const double flops = elements * flops_of(step.work);
      (step.bits == 64 ? flops_f64_ : step.bits == 32 ? flops_f32_ : flops_other_) += flops;
    }
    LoopWork& loop = of(step.loop);
    loop.steps += step.count / iterations(step.loop);
    loop.cycles += step.count * cycles_of(step.work) * std::max(1.0, step.elements * step.bits / 256.0);
    loop.calls = loop.calls || step.work == Work::call || step.work == Work::transcendental;
    if (step.bits > 0) loop.element_bytes = step.bits / 8.0;
  }

  void add(const Nest::Access& access) {
    const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(std::max(0, access.buffer))];
    const double bytes = access.count * access.elements * buffer.element_bytes;
    (access.store ? stores_ : loads_) += access.count;
    (access.store ? store_bytes_ : load_bytes_) += bytes;
    instructions_ += access.count * std::max(1.0, access.elements * buffer.element_bytes / 32.0);
    const double stride = reuse_.stride(access);
    LoopWork& loop = of(access.loop);
    const double share = access.count / iterations(access.loop);
    loop.accesses += share;
    loop.cycles += access.count * 0.5 * std::max(1.0, access.elements * buffer.element_bytes / 32.0);
    if (std::isnan(stride)) {
      loop.indirect += share;
      indirect_ += access.count;
    } else if (stride == 0.0) {
      loop.still += share;
      still_ += access.count;
    } else if (std::abs(stride) <= std::max(1.0, access.elements)) {
      loop.unit += share;
      unit_ += access.count;
    } else {
      loop.strided += share;
      (std::abs(stride) * buffer.element_bytes < Reuse::kLine ? short_ : long_) += access.count;
    }
  }

  /// An element that a loop both loads and stores, and that stays where it is or moves on by a constant.
  void carried_through_memory() {
    std::unordered_map<std::uint64_t, std::vector<const Nest::Access*>> stores;
    const auto key = [](const Nest::Access& access) {
      return static_cast<std::uint64_t>(access.loop + 1) << 32U |
             static_cast<std::uint64_t>(access.buffer + 1);
    };
    for (const Nest::Access& access : nest_.accesses)
      if (access.store && access.loop >= 0 && stores[key(access)].size() < 64)
        stores[key(access)].push_back(&access);
    for (const Nest::Access& load : nest_.accesses) {
      if (load.store || load.loop < 0 || load.buffer < 0) continue;
      const auto found = stores.find(key(load));
      if (found == stores.end()) continue;
      for (const Nest::Access* store : found->second) {
        const bool real = nest_.buffers[static_cast<std::size_t>(load.buffer)].element_bytes >= 2.0;
        const Carried what = carried_by(load, *store, load.loop);
        if (what == Carried::in_place)
          (real ? of(load.loop).reduces_real : of(load.loop).reduces_integer) = true;
        if (what == Carried::onward) of(load.loop).shifts = true;
      }
    }
  }

  bool vectorizable(int loop) const {
    const LoopWork& work = work_[static_cast<std::size_t>(loop + 1)];
    return loop >= 0 && nest_.loops[static_cast<std::size_t>(loop)].children == 0 && !work.reduces_real &&
           !work.shifts && !work.calls && work.indirect == 0.0 &&
           work.strided <= 0.5 * (work.unit + work.still);
  }
  double flops() const { return flops_f32_ + flops_f64_ + flops_other_; }

  void counts(Sheet& sheet) const {
    for (int i = 0; i < kWorks; ++i) {
      const auto work = static_cast<Work>(i);
      if (work != Work::none && work != Work::load && work != Work::store)
        sheet.put(fmt::format("{}_count", work_name(work)), work_counts_[static_cast<std::size_t>(i)]);
    }
    sheet.put("flops", flops());
    sheet.put("flops_f32", flops_f32_);
    sheet.put("flops_f64", flops_f64_);
    sheet.put("load_count", loads_ + work_counts_[static_cast<std::size_t>(Work::load)]);
    sheet.put("store_count", stores_ + work_counts_[static_cast<std::size_t>(Work::store)]);
    sheet.put("load_bytes", load_bytes_);
    sheet.put("store_bytes", store_bytes_);
    sheet.put("operation_count", instructions_);
  }

  void memory(Sheet& sheet) const {
    sheet.put("unit_stride_count", unit_);
    sheet.put("still_count", still_);
    sheet.put("short_stride_count", short_);
    sheet.put("long_stride_count", long_);
    sheet.put("indirect_count", indirect_);
    double arguments = 0.0, local = 0.0, largest = 0.0;
    for (const Nest::Buffer& buffer : nest_.buffers) {
      if (buffer.root >= 0) continue;
      (buffer.argument ? arguments : local) += buffer.bytes;
      largest = std::max(largest, buffer.bytes);
    }
    sheet.put("footprint_bytes", reuse_.working_set(-1));
    sheet.put("argument_bytes", arguments);
    sheet.put("local_bytes", local);
    sheet.put("largest_buffer_bytes", largest);
    sheet.put("buffers", static_cast<double>(nest_.buffers.size()));
    for (const double cache : kCaches)
      sheet.put(fmt::format("traffic_{}k_bytes", static_cast<int>(cache / 1024.0)),
                sheet.naming() ? 0.0 : reuse_.traffic(cache));
    sheet.put("intensity", flops() / std::max(1.0, sheet.naming() ? 1.0 : reuse_.traffic(524288)));
  }

  void loops(Sheet& sheet) const {
    double innermost = 0.0, top = 0.0, depth = 0.0, parallel = 0.0, unknown = 0.0, implied = 0.0;
    double entries = 0.0, iterations = 0.0, inner_iterations = 0.0, inner_entries = 0.0;
    double real = 0.0, integer = 0.0, vector = 0.0, shifts = 0.0;
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
      const Nest::Loop& loop = nest_.loops[i];
      const LoopWork& work = work_[i + 1];
      top += loop.parent < 0 ? 1.0 : 0.0;
      depth = std::max(depth, static_cast<double>(loop.depth));
      parallel += loop.parallel ? 1.0 : 0.0;
      unknown += loop.known ? 0.0 : 1.0;
      implied += loop.implied ? 1.0 : 0.0;
      entries += loop.entries;
      iterations += loop.iterations;
      if (loop.children > 0) continue;
      innermost += 1.0;
      inner_iterations += loop.iterations;
      inner_entries += loop.entries;
      if (work.reduces_real) real += loop.iterations;
      if (work.reduces_integer) integer += loop.iterations;
      if (work.shifts) shifts += loop.iterations;
      if (vectorizable(static_cast<int>(i))) vector += loop.iterations;
    }
    sheet.put("loops", static_cast<double>(nest_.loops.size()));
    sheet.put("innermost_loops", innermost);
    sheet.put("top_loops", top);
    sheet.put("loop_depth", depth);
    sheet.put("parallel_loops", parallel);
    sheet.put("unknown_loops", unknown);
    sheet.put("implied_loops", implied);
    sheet.put("loop_entries", entries);
    sheet.put("loop_iterations", iterations);
    sheet.put("innermost_iterations", inner_iterations);
    sheet.put("innermost_entries", inner_entries);
    sheet.put("innermost_trips", inner_iterations / std::max(1.0, inner_entries));
    sheet.put("real_reduction_iterations", real);
    sheet.put("integer_reduction_iterations", integer);
    sheet.put("shifting_iterations", shifts);
    sheet.put("vectorizable_iterations", vector);
  }

  /// The innermost loop that most cycles go into, and the loops around it.
  void hottest(Sheet& sheet) const {
    int hot = -1;
    double most = -1.0;
    for (std::size_t i = 0; i < nest_.loops.size(); ++i)
      if (work_[i + 1].cycles > most) most = work_[i + 1].cycles, hot = static_cast<int>(i);
    const LoopWork& work = work_[static_cast<std::size_t>(hot + 1)];
    double all = 0.0;
    for (const LoopWork& one : work_) all += one.cycles;
    sheet.put("hot_share", all > 0.0 ? std::max(0.0, most) / all : 0.0);
    sheet.put("hot_steps", work.steps);
    sheet.put("hot_accesses", work.accesses);
    sheet.put("hot_unit", work.unit);
    sheet.put("hot_still", work.still);
    sheet.put("hot_strided", work.strided);
    sheet.put("hot_indirect", work.indirect);
    sheet.put("hot_reduces", work.reduces_real ? 1.0 : 0.0);
    sheet.put("hot_shifts", work.shifts ? 1.0 : 0.0);
    sheet.put("hot_vectorizable", hot >= 0 && vectorizable(hot) ? 1.0 : 0.0);
    sheet.put("hot_element_bytes", work.element_bytes);
    double remainder = 0.0;
    if (hot >= 0)
      remainder = std::fmod(nest_.loops[static_cast<std::size_t>(hot)].trips,
                            32.0 / std::max(1.0, work.element_bytes));
    sheet.put("hot_remainder", remainder);
    int loop = hot;
    for (int level = 1; level <= kLevels; ++level) {
      sheet.put(fmt::format("hot_trips_{}", level),
                loop < 0 ? 0.0 : nest_.loops[static_cast<std::size_t>(loop)].trips);
      sheet.put(fmt::format("hot_working_set_{}_bytes", level), loop < 0 ? 0.0 : reuse_.working_set(loop));
      if (loop >= 0) loop = nest_.loops[static_cast<std::size_t>(loop)].parent;
    }
  }

  /// A core of today at one number of cycles: what is vectorized runs eight bytes' worth of lanes at once,
  /// a chain of real additions waits four cycles a link, and each level of the memory gives its bandwidth.
  void estimates(Sheet& sheet) const {
    double compute = 0.0, chains = 0.0;
    for (std::size_t i = 0; i < work_.size(); ++i) {
      const int loop = static_cast<int>(i) - 1;
      const LoopWork& work = work_[i];
      const double lanes = vectorizable(loop)
                               ? std::min(32.0 / std::max(1.0, work.element_bytes),
                                          std::max(1.0, nest_.loops[static_cast<std::size_t>(loop)].trips))
                               : 1.0;
      compute += work.cycles / lanes;
      if (loop < 0) continue;
      const Nest::Loop& one = nest_.loops[static_cast<std::size_t>(loop)];
      if (one.children == 0 && (work.reduces_real || work.shifts)) chains += 4.0 * one.iterations;
      compute += one.entries * 3.0 + one.iterations / lanes;
    }
    const auto traffic = [&](double cache) { return sheet.naming() ? 0.0 : reuse_.traffic(cache); };
    const double memory = traffic(32768) / 32.0 + traffic(1048576) / 16.0 + traffic(16777216) / 6.0;
    sheet.put("estimated_compute_cycles", std::max(compute, chains));
    sheet.put("estimated_chain_cycles", chains);
    sheet.put("estimated_memory_cycles", memory);
    sheet.put("estimated_cycles", std::max(std::max(compute, chains), memory) +
                                      0.2 * std::min(std::max(compute, chains), memory) + 20.0);
  }

  void text(Sheet& sheet, const Module& module, int function) const {
    const StaticCounts counts = sheet.naming() ? StaticCounts{} : static_counts(module, function);
    const Pressure pressure = sheet.naming() ? Pressure{} : register_pressure(module, function);
    sheet.put("static_operations", counts.operations);
    sheet.put("static_adds", counts.adds);
    sheet.put("static_multiplies", counts.multiplies);
    sheet.put("static_expensive", counts.expensive);
    sheet.put("static_loads", counts.loads);
    sheet.put("static_stores", counts.stores);
    sheet.put("static_integers", counts.integers);
    sheet.put("static_loops", counts.loops);
    sheet.put("static_vectors", counts.vectors);
    sheet.put("static_calls", counts.calls);
    sheet.put("static_branches", counts.branches);
    sheet.put("static_unknown", nest_.unknown_operations);
    sheet.put("static_real_pressure", pressure.real);
    sheet.put("static_integer_pressure", pressure.integer);
  }

  Nest nest_;
  Reuse reuse_;
  std::vector<LoopWork> work_;  ///< by loop, shifted by one: outside all loops first
  double work_counts_[kWorks] = {};
  double flops_f32_ = 0.0, flops_f64_ = 0.0, flops_other_ = 0.0, instructions_ = 0.0;
  double loads_ = 0.0, stores_ = 0.0, load_bytes_ = 0.0, store_bytes_ = 0.0;
  double unit_ = 0.0, still_ = 0.0, short_ = 0.0, long_ = 0.0, indirect_ = 0.0;
};

LoopRows Summary::rows(const Module& module, int function, const CodeTarget& target) const {
  if (const BoundingLoops loops = bounding_loops(nest_, target); !loops.bounds.empty())
    if (const std::optional<WrittenOut> copies = written_out(module, loops)) {
      const Nest nest = copies->nest(function);
      return loop_features(nest, Reuse(nest, Reuse::kLine, target), lowered(nest, target));
    }
  return loop_features(nest_, reuse_, lowered(nest_, target));
}

std::vector<LoopFeatures> Summary::report() const {
  std::vector<LoopFeatures> list;
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    const Nest::Loop& loop = nest_.loops[i];
    const LoopWork& work = work_[i + 1];
    LoopFeatures one;
    one.depth = loop.depth;
    one.trips = loop.trips;
    one.entries = loop.entries;
    one.working_set_bytes = reuse_.working_set(static_cast<int>(i));
    one.innermost = loop.children == 0;
    one.parallel = loop.parallel;
    one.known = loop.known;
    one.implied = loop.implied;
    one.reduces = work.reduces_real || work.reduces_integer;
    one.unit = work.unit;
    one.still = work.still;
    one.strided = work.strided;
    one.indirect = work.indirect;
    list.push_back(one);
  }
  return list;
}

}  // namespace

const std::vector<std::string>& feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    Sheet sheet(&list, nullptr);
    const Module nothing = parse("func.func @f() {\n  return\n}");
    Summary(nothing, 0).write(sheet, nothing, 0);
    return list;
  }();
  return names;
}

Features features(const Module& module, int function, const CodeTarget& target) {
  Features result;
  result.function = module.name_of(function);
  result.values.reserve(160);
  Summary summary(module, function);
  Sheet sheet(nullptr, &result.values);
  summary.write(sheet, module, function);
  result.loops = summary.report();
  result.rows = summary.rows(module, function, target);
  return result;
}

double Features::at(const std::string& name) const {
  const std::vector<std::string>& names = feature_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw Error("there is no feature '" + name + "'");
  return values[static_cast<std::size_t>(found - names.begin())];
}

Json features_json(const Features& features) {
  Json json;
  json["function"] = features.function;
  Json& values = json["features"] = Json::object();
  for (std::size_t i = 0; i < features.values.size(); ++i) values[feature_names()[i]] = features.values[i];
  Json& loops = json["loops"] = Json::array();
  for (const LoopFeatures& loop : features.loops)
    loops.push_back({{"depth", loop.depth},
                     {"trips", loop.trips},
                     {"entries", loop.entries},
                     {"working_set_bytes", loop.working_set_bytes},
                     {"innermost", loop.innermost},
                     {"parallel", loop.parallel},
                     {"known", loop.known},
                     {"implied", loop.implied},
                     {"reduces", loop.reduces},
                     {"unit_stride", loop.unit},
                     {"still", loop.still},
                     {"strided", loop.strided},
                     {"indirect", loop.indirect}});
  return json;
}

}  // namespace hone::cost::mlir
