#include "hone/cost/mlir_loop_features.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include <fmt/format.h>

namespace hone::cost::mlir {
namespace {

constexpr double kUnrolledTrips = 8, kUnrolledSize = 150;  // about what LLVM writes out whole
constexpr double kLoopCaches[] = {32768, 1048576, 16777216};

/// What stands directly in a loop's body, an iteration.
struct Body {
  double work[kWorks] = {};
  double real = 0.0, wide = 0.0;  ///< steps on reals; elements a step, summed
  double steps = 0.0, element_bytes = 0.0;
  double loads = 0.0, stores = 0.0;
  double unit = 0.0, still = 0.0, near = 0.0, far = 0.0, indirect = 0.0;  ///< by this loop's variable
  double outer_unit = 0.0, outer_still = 0.0, outer_far = 0.0;            ///< by the one around it
  double still_stores = 0.0, unit_stores = 0.0;
  double vector_elements = 0.0, again = 0.0;
  double crowded_near = 0.0, crowded_far = 0.0;  ///< lines a set of the first and second cache
  bool reduces_real = false, reduces_integer = false, shifts = false;
};

/// Elements that an access moves on with one iteration of a loop.
double stride_along(const Nest& nest, const Nest::Access& access, int loop) {
  const Nest::Buffer& buffer = nest.buffers[static_cast<std::size_t>(access.buffer)];
  double total = 0.0, unit = 1.0;
  for (std::size_t k = access.indices.size(); k-- > 0;) {
    if (!buffer.strides.empty() && k < buffer.strides.size())
      unit = buffer.strides[k] == kDynamic ? 64.0 : static_cast<double>(buffer.strides[k]);
    if (access.indices[k].indirect) return NAN;
    for (const auto& [at, step] : access.indices[k].terms)
      if (at == loop) total += step * unit;
    if (buffer.strides.empty() && k < buffer.shape.size())
      unit *= buffer.shape[k] == kDynamic ? 64.0
                                          : static_cast<double>(std::max<std::int64_t>(1, buffer.shape[k]));
  }
  return total;
}

struct Columns {
  std::vector<std::string>* names = nullptr;
  std::vector<double>* values = nullptr;
  void put(const std::string& name, double value) {
    if (names != nullptr) names->push_back(name);
    if (values != nullptr) values->push_back(std::isfinite(value) ? value : 0.0);
  }
};

/// Lines that one run along a stride puts into each set of a cache whose sets repeat after `period` bytes:
/// strides of powers of two leave most sets empty.
double lines_a_set(double stride_bytes, double trips, std::int64_t period) {
  const auto step = static_cast<std::int64_t>(std::min(std::abs(stride_bytes), 1e15));
  if (step < 64) return 0.0;
  const double sets = static_cast<double>(period / std::max<std::int64_t>(64, std::gcd(step, period)));
  return trips / sets;
}

double logs(double value) { return std::log1p(std::max(0.0, value)); }

class Rows {
 public:
  Rows(const Nest& nest, const Reuse& reuse) : nest_(nest), reuse_(reuse), bodies_(nest.loops.size() + 1) {
    unroll();
    for (const Nest::Step& step : nest.steps) {
      Body& body = bodies_[static_cast<std::size_t>(home(step.loop) + 1)];
      const double share = step.count / iterations(home(step.loop));
      body.work[static_cast<std::size_t>(step.work)] += share;
      body.steps += share;
      if (step.real) body.real += share;
      body.wide += share * step.elements;
      if (step.bits > 0) body.element_bytes = std::max(body.element_bytes, step.bits / 8.0);
      whole_steps_ += 1.0;
    }
    for (const Nest::Access& access : nest.accesses) add(access);
    carried();
    for (std::size_t c = 0; c < std::size(kLoopCaches); ++c)
      traffic_.push_back(reuse.traffic_by_loop(kLoopCaches[c]));
  }

  void row(int loop, Columns& columns, double& estimate, double& size) const {
    const Body& body = bodies_[static_cast<std::size_t>(loop + 1)];
    const auto at = [&](int id) {
      return id < 0 ? Nest::Loop{.trips = 1.0, .entries = 1.0, .iterations = 1.0}
                    : nest_.loops[static_cast<std::size_t>(id)];
    };
    const Nest::Loop one = at(loop);
    const int parent = loop < 0 ? -1 : one.parent;
    const Nest::Loop around = at(parent), beyond = at(parent < 0 ? -1 : around.parent);
    const double all = std::max(1e-9, one.iterations), accesses = body.loads + body.stores,
                 moved = accesses - body.still;
    columns.put("log_iterations", std::log(all));
    columns.put("log_entries", std::log(std::max(1e-9, one.entries)));
    columns.put("log_trips", std::log(std::max(1e-3, one.trips)));
    columns.put("parent_log_trips", loop < 0 || parent < 0 ? -1.0 : std::log(std::max(1e-3, around.trips)));
    columns.put("grandparent_log_trips",
                parent < 0 || around.parent < 0 ? -1.0 : std::log(std::max(1e-3, beyond.trips)));
    columns.put("depth", loop < 0 ? 0.0 : one.depth);
    const int children = loop < 0 ? -1 : left_[static_cast<std::size_t>(loop)];
    columns.put("children", children);
    columns.put("written_out", loop < 0 ? 0.0 : one.children - children);
    columns.put("parent_children", parent < 0 ? -1.0 : left_[static_cast<std::size_t>(parent)]);
    columns.put("again", body.again);
    columns.put("crowded_near", logs(body.crowded_near));
    columns.put("crowded_far", logs(body.crowded_far));
    columns.put("parallel", one.parallel ? 1.0 : 0.0);
    columns.put("known", one.known ? 1.0 : 0.0);
    columns.put("implied", one.implied ? 1.0 : 0.0);
    for (int i = 0; i < kWorks; ++i) {
      const auto work = static_cast<Work>(i);
      if (work != Work::none && work != Work::copy && work != Work::pooling && work != Work::unknown)
        columns.put(work_name(work), body.work[i]);
    }
    columns.put("steps", body.steps);
    columns.put("real_share", body.steps > 0.0 ? body.real / body.steps : 0.0);
    columns.put("elements", body.steps > 0.0 ? body.wide / body.steps : 0.0);
    columns.put("element_bytes", body.element_bytes);
    columns.put("loads", body.loads);
    columns.put("stores", body.stores);
    columns.put("vector_elements", body.vector_elements);
    columns.put("unit", body.unit);
    columns.put("still", body.still);
    columns.put("near", body.near);
    columns.put("far", body.far);
    columns.put("indirect", body.indirect);
    columns.put("still_stores", body.still_stores);
    columns.put("unit_stores", body.unit_stores);
    columns.put("outer_unit", body.outer_unit);
    columns.put("outer_still", body.outer_still);
    columns.put("outer_far", body.outer_far);
    columns.put("reduces_real", body.reduces_real ? 1.0 : 0.0);
    columns.put("reduces_integer", body.reduces_integer ? 1.0 : 0.0);
    columns.put("shifts", body.shifts ? 1.0 : 0.0);
    const bool simple =
        loop >= 0 && one.children == 0 && !body.reduces_real && !body.shifts && body.indirect == 0.0;
    columns.put("vectorizable", simple && body.far + body.near <= 0.0 ? 2.0 : simple ? 1.0 : 0.0);
    const double lanes = 64.0 / std::max(1.0, body.element_bytes);
    columns.put("remainder", one.trips > 0.0 ? std::fmod(one.trips, lanes) / std::max(1.0, one.trips) : 0.0);
    columns.put("whole_lanes", std::floor(one.trips / lanes) > 0.0 ? 1.0 : 0.0);
    columns.put("log_working_set", logs(reuse_.working_set(loop)));
    columns.put("parent_log_working_set", logs(reuse_.working_set(parent)));
    columns.put("grandparent_log_working_set", logs(reuse_.working_set(parent < 0 ? -1 : around.parent)));
    columns.put("function_log_working_set", logs(reuse_.working_set(-1)));
    double memory = 0.0;
    static constexpr double kRates[] = {64.0, 32.0, 12.0};  // bytes a cycle from beyond each cache
    for (std::size_t c = 0; c < std::size(kLoopCaches); ++c) {
      const double bytes = traffic_at(c, loop);
      columns.put(fmt::format("traffic_{}k", static_cast<int>(kLoopCaches[c] / 1024)),
                  logs(16.0 * bytes / all));
      memory += bytes / kRates[c];
    }
    columns.put("function_loops", logs(static_cast<double>(nest_.loops.size())));
    columns.put("function_steps", logs(whole_steps_));
    columns.put("function_buffers", static_cast<double>(nest_.buffers.size()));

    double cycles = 0.25 * body.steps + 0.4 * moved +
                    3.0 * body.work[static_cast<std::size_t>(Work::divide)] +
                    5.0 * body.work[static_cast<std::size_t>(Work::root)] +
                    30.0 * body.work[static_cast<std::size_t>(Work::transcendental)] +
                    10.0 * body.work[static_cast<std::size_t>(Work::integer_divide)];
    if (simple && body.far + body.near <= 0.0) cycles /= std::clamp(one.trips, 1.0, lanes);
    columns.put("chain", one.chain);
    // Chains of reals are not parted; those of whole numbers are, where they go through registers.
    if (body.reduces_real || body.shifts) cycles = std::max(cycles, one.chain);
    columns.put("log_cycles", std::log(cycles + 1e-3));
    columns.put("memory_share", std::log((memory + 1e-3) / (cycles * all + 1e-3)));
    estimate = std::log(all * (cycles + (loop < 0 ? 1.0 : 0.1)) + memory + 2.0 * one.entries +
                        (loop < 0 ? 20.0 : 0.0));
    size = std::log(1.0 + body.steps + accesses);
  }

  bool works(int loop) const {
    const Body& body = bodies_[static_cast<std::size_t>(loop + 1)];
    return loop < 0 || body.steps + body.loads + body.stores > 0.0;
  }

 private:
  double traffic_at(std::size_t cache, int loop) const {
    double bytes = traffic_[cache][static_cast<std::size_t>(loop + 1)];
    for (std::size_t i = 0; i < homes_.size(); ++i)
      if (home(static_cast<int>(i)) == loop && static_cast<int>(i) != loop) bytes += traffic_[cache][i + 1];
    return bytes;
  }
  double iterations(int loop) const {
    return loop < 0 ? 1.0 : std::max(1e-9, nest_.loops[static_cast<std::size_t>(loop)].iterations);
  }

  /// Innermost loops of few iterations are written out: their bodies become part of what is around them.
  void unroll() {
    std::vector<double> size(nest_.loops.size() + 1, 0.0);  // operations an iteration
    homes_.resize(nest_.loops.size());
    std::vector<int> left(nest_.loops.size());  // children that stay loops
    for (std::size_t i = 0; i < nest_.loops.size(); ++i)
      homes_[i] = static_cast<int>(i), left[i] = nest_.loops[i].children;
    for (const Nest::Step& step : nest_.steps)
      size[static_cast<std::size_t>(step.loop + 1)] += step.count / iterations(step.loop);
    for (const Nest::Access& access : nest_.accesses)
      size[static_cast<std::size_t>(access.loop + 1)] += access.count / iterations(access.loop);
    for (std::size_t i = nest_.loops.size(); i-- > 0;) {
      const Nest::Loop& loop = nest_.loops[i];
      if (!loop.known || left[i] > 0 || loop.parent < 0 || loop.trips > kUnrolledTrips ||
          size[i + 1] * loop.trips > kUnrolledSize)
        continue;
      homes_[i] = loop.parent;
      --left[static_cast<std::size_t>(loop.parent)];
      size[static_cast<std::size_t>(loop.parent + 1)] += size[i + 1] * loop.trips;
    }
    left_ = std::move(left);
  }
  int home(int loop) const {
    while (loop >= 0 && homes_[static_cast<std::size_t>(loop)] != loop)
      loop = homes_[static_cast<std::size_t>(loop)];
    return loop;
  }

  void add(const Nest::Access& access) {
    if (access.buffer < 0) return;
    const int loop = home(access.loop);
    Body& body = bodies_[static_cast<std::size_t>(loop + 1)];
    double share = access.count / iterations(loop);
    // The same element again is in a register.
    if (!access.store) {
      std::string place;
      for (const Nest::Index& index : access.indices) {
        place += fmt::format("{}{}|", index.constant, index.exact ? "" : "?");
        for (const auto& [at, step] : index.terms) place += fmt::format("{}*{},", at, step);
      }
      const bool fresh = places_[{access.loop, access.buffer}].insert(place).second;
      if (!fresh) {
        body.again += share;
        return;
      }
    }
    const double bytes = nest_.buffers[static_cast<std::size_t>(access.buffer)].element_bytes;
    body.element_bytes = std::max(body.element_bytes, bytes);
    (access.store ? body.stores : body.loads) += share;
    body.vector_elements = std::max(body.vector_elements, access.elements);
    const double stride = std::abs(loop < 0 ? 0.0 : stride_along(nest_, access, loop));
    if (std::isnan(stride)) {
      body.indirect += share;
    } else if (stride == 0.0) {
      body.still += share;
      if (access.store) body.still_stores += share;
    } else if (stride <= std::max(1.0, access.elements)) {
      body.unit += share;
      if (access.store) body.unit_stores += share;
    } else {
      (stride * bytes < Reuse::kLine ? body.near : body.far) += share;
    }
    // Rows of a tile too lie a stride apart, whatever the innermost loop does.
    int around = loop;
    for (int level = 0; level < 2 && around >= 0; ++level) {
      const double step = stride_along(nest_, access, around) * bytes,
                   trips = nest_.loops[static_cast<std::size_t>(around)].trips;
      if (!std::isnan(step)) {
        body.crowded_near = std::max(body.crowded_near, lines_a_set(step, trips, 4096));
        body.crowded_far = std::max(body.crowded_far, lines_a_set(step, trips, 65536));
      }
      around = nest_.loops[static_cast<std::size_t>(around)].parent;
    }
    const int parent = loop < 0 ? -1 : nest_.loops[static_cast<std::size_t>(loop)].parent;
    if (parent < 0) return;
    const double outer = std::abs(stride_along(nest_, access, parent));
    if (outer == 0.0)
      body.outer_still += share;
    else if (outer <= 1.0)
      body.outer_unit += share;
    else
      body.outer_far += share;
  }

  void carried() {
    std::map<std::pair<int, int>, std::vector<const Nest::Access*>> stores;
    for (const Nest::Access& access : nest_.accesses) {
      auto& list = stores[{access.loop, access.buffer}];
      if (access.store && access.loop >= 0 && list.size() < 64) list.push_back(&access);
    }
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
      Body& body = bodies_[static_cast<std::size_t>(home(static_cast<int>(i)) + 1)];
      if (home(static_cast<int>(i)) == static_cast<int>(i)) {
        if (nest_.loops[i].carries_real) body.reduces_real = true;
        if (nest_.loops[i].carries_integer) body.reduces_integer = true;
      }
    }
    for (const Nest::Access& load : nest_.accesses) {
      if (load.store || load.loop < 0 || load.buffer < 0) continue;
      for (const Nest::Access* store : stores[{load.loop, load.buffer}]) {
        Body& body = bodies_[static_cast<std::size_t>(home(load.loop) + 1)];
        const Carried what = carried_by(load, *store, home(load.loop));
        if (what == Carried::in_place) (body.real > 0.0 ? body.reduces_real : body.reduces_integer) = true;
        if (what == Carried::onward) body.shifts = true;
      }
    }
  }

  const Nest& nest_;
  const Reuse& reuse_;
  std::vector<Body> bodies_;
  std::vector<std::vector<double>> traffic_;
  double whole_steps_ = 0.0;
  std::vector<int> homes_, left_;  ///< by loop: where its body ends up; loops that are left directly inside
  std::map<std::pair<int, int>, std::set<std::string>> places_;
};

}  // namespace

const std::vector<std::string>& loop_feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    Columns columns{&list, nullptr};
    const Nest nothing;
    const Reuse reuse(nothing);
    double estimate = 0.0, size = 0.0;
    Rows(nothing, reuse).row(-1, columns, estimate, size);
    return list;
  }();
  return names;
}

LoopRows loop_features(const Nest& nest, const Reuse& reuse) {
  LoopRows result;
  const Rows rows(nest, reuse);
  Columns columns{nullptr, &result.values};
  for (int loop = -1; loop < static_cast<int>(nest.loops.size()); ++loop) {
    if (!rows.works(loop)) continue;
    double estimate = 0.0, size = 0.0;
    rows.row(loop, columns, estimate, size);
    result.estimates.push_back(estimate);
    result.sizes.push_back(size);
  }
  return result;
}

}  // namespace hone::cost::mlir
