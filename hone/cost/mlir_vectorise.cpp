#include "hone/cost/mlir_vectorise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostPairs = 4096;
constexpr double kThroughMasked = 12.0;  // cycles to load what a masked store has just stored
constexpr double kMostReach = 16.0;      // iterations after which an element that was stored counts as old

double floor_to_power(double value) {
  return value < 1.0 ? 1.0
                     : static_cast<double>(std::bit_floor(static_cast<std::uint64_t>(std::min(value, 1e9))));
}

class Vectorising {
 public:
  Vectorising(const Nest& nest, const ValueUses& uses, Lowered& lowered)
      : nest_(nest), uses_(uses), lowered_(lowered), at_(lowered.bodies.size()) {
    for (std::size_t i = 0; i < lowered.items.size(); ++i)
      at_[static_cast<std::size_t>(lowered.items[i].home + 1)].push_back(i);
    for (std::size_t i = 0; i < nest.accesses.size(); ++i)
      accesses_[{home_of(nest.accesses[i].loop), nest.accesses[i].buffer}].push_back(static_cast<int>(i));
  }

  void run() {
    for (int loop = -1; loop < static_cast<int>(nest_.loops.size()); ++loop) {
      Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(loop + 1)];
      if (loop >= 0 && !body.left) continue;
      if (loop >= 0) {
        carried(loop, body);
        memory(loop, body);
      }
      registers(loop, body);
      lanes(loop, body);
    }
  }

 private:
  int home_of(int loop) const { return loop < 0 ? -1 : lowered_.homes[static_cast<std::size_t>(loop)]; }
  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }

  /// The longest way from one value to another; -1: none.
  double way(int from, int to) {
    if (from == to) return 0.0;
    if (const auto found = ways_.find(to); found != ways_.end()) return found->second;
    const auto sources = uses_.from.find(to);
    if (sources == uses_.from.end() || depth_ > 400) return -1.0;
    ++depth_;
    ways_[to] = -1.0;
    double longest = -1.0;
    for (const int source : sources->second) longest = std::max(longest, way(from, source));
    --depth_;
    const auto work = uses_.work.find(to);
    if (longest >= 0.0 && work != uses_.work.end()) longest += latency_of(work->second);
    return ways_[to] = longest;
  }

  /// Whether the way goes through sums or products of reals, whose order a compiler keeps; least and greatest
  /// come out the same in any.
  bool ordered(int from, int to) {
    int at = to;
    for (int length = 0; at != from && length < 400; ++length) {
      const auto work = uses_.work.find(at);
      if (work != uses_.work.end() && work->second != Work::compare) return true;
      const auto sources = uses_.from.find(at);
      if (sources == uses_.from.end()) return true;
      int next = Nest::kNoValue;
      for (const int source : sources->second) {
        ways_.clear();
        if (way(from, source) >= 0.0) next = source;
      }
      if (next == Nest::kNoValue) return true;
      at = next;
    }
    return at != from;
  }

  /// Values handed on in registers.
  void carried(int id, Lowered::Body& body) {
    const Nest::Loop& one = loop(id);
    if (one.chain > 0.0 || !one.carried.empty()) {
      body.chain = body.link = one.chain;
      body.chains = std::max<double>(1.0, static_cast<double>(one.carried.size()));
      for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k)
        body.real_chain = body.real_chain || (one.carries_real && ordered(one.carried[k], one.yielded[k]));
    }
  }

  bool moves(const Nest::Access& access, int id) const {
    for (const Nest::Index& index : access.indices)
      for (const auto& [at, by] : index.terms)
        if (at == id && by != 0.0) return true;
    return false;
  }

  /// Sums and the like in elements that stay where they are, and elements that come back iterations later.
  void memory(int id, Lowered::Body& body) {
    std::size_t pairs = 0;
    for (auto found = accesses_.lower_bound({id, -1}); found != accesses_.end() && found->first.first == id;
         ++found)
      for (const int s : found->second) {
        const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(s)];
        if (!store.store) continue;
        for (const int l : found->second) {
          const Nest::Access& load = nest_.accesses[static_cast<std::size_t>(l)];
          if (load.store || ++pairs > kMostPairs) continue;
          pair(id, load, store, s, body);
        }
      }
  }

  void pair(int id, const Nest::Access& load, const Nest::Access& store, int s, Lowered::Body& body) {
    if (load.indices.size() != store.indices.size()) return;
    bool alike = true, here = true, possible = true, known = true;
    double least = -1e18, most = 1e18;  // iterations from the store to the load of what it stored
    bool moved = false;
    for (std::size_t k = 0; k < load.indices.size(); ++k) {
      const Nest::Index &a = load.indices[k], &b = store.indices[k];
      alike = alike && a.terms == b.terms && a.constant == b.constant;
      if (!a.exact || !b.exact || a.indirect || b.indirect) known = false;
      // What loops that are written out add, either side; the loop itself; others must agree.
      double low = b.constant - a.constant, high = low, by_load = 0.0, by_store = 0.0;
      std::map<int, double> others;
      for (const auto& [at, by] : a.terms) {
        if (at == id) {
          by_load += by;
        } else if (home_of(at) == id && at != id) {
          (by > 0 ? low : high) -= by * (std::max(1.0, loop(at).trips) - 1.0);
        } else {
          others[at] += by;
        }
      }
      for (const auto& [at, by] : b.terms) {
        if (at == id) {
          by_store += by;
        } else if (home_of(at) == id && at != id) {
          (by > 0 ? high : low) += by * (std::max(1.0, loop(at).trips) - 1.0);
        } else {
          others[at] -= by;
        }
      }
      if (std::any_of(others.begin(), others.end(), [](const auto& other) { return other.second != 0.0; }))
        known = false;
      if (by_load != by_store) here = false;
      if (by_load == 0.0) {
        if (low > 0.0 || high < 0.0) possible = false;
        continue;
      }
      moved = true;
      const double first = by_load > 0 ? low / by_load : high / by_load,
                   last = by_load > 0 ? high / by_load : low / by_load;
      least = std::max(least, std::ceil(first));
      most = std::min(most, std::floor(last));
    }
    if (!possible) return;
    const auto stored = uses_.stored.find(s);
    if (alike && !moves(store, id) && stored != uses_.stored.end()) {
      ways_.clear();
      double length = way(load.value, stored->second);
      if (length <= 0.0) return;
      if (store.masked) length += kThroughMasked;
      double times = 1.0, side = 1.0;
      for (int at = store.loop; at >= 0 && at != id; at = loop(at).parent)
        (moves(store, at) ? side : times) *= std::max(1.0, loop(at).trips);
      body.link = std::max(body.link, length);
      body.chain = std::max(body.chain, length * times);
      body.chains += side;
      body.real_chain = body.real_chain || (store.real && ordered(load.value, stored->second));
      return;
    }
    if (alike) return;  // in place
    if (!known || !here) {
      if (here) body.checks = true;
      if (!here) body.recurrence = true;
      return;
    }
    if (!moved) return;
    const double first = std::max(1.0, least);
    if (first <= std::min(most, kMostReach)) {
      body.recurrence = true;
      if (stored != uses_.stored.end()) {
        ways_.clear();
        const double length = way(load.value, stored->second);
        if (length >= 0.0) body.chain = std::max(body.chain, (length + 4.0) / first);
      }
    }
  }

  /// Values that come from outside, and how many are alive at once inside.
  void registers(int id, Lowered::Body& body) {
    std::set<int> outside;
    double most = 0.0;
    struct Alive {
      std::size_t from = 0, to = 0;
      double values = 1.0;
    };
    std::map<int, Alive> inside;  // by item
    const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
    for (std::size_t position = 0; position < here.size(); ++position) {
      const Lowered::Item& item = lowered_.items[here[position]];
      std::vector<int> used;
      if (item.step >= 0) {
        const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
        if (step.address) continue;
        if (const auto found = uses_.from.find(step.value); found != uses_.from.end()) used = found->second;
      } else if (const auto found = uses_.stored.find(item.access); found != uses_.stored.end()) {
        used = {found->second};
      }
      for (const int value : used) {
        if (value == Nest::kNoValue) continue;
        const auto giver = uses_.item.find(value);
        if (giver == uses_.item.end()) {
          outside.insert(value);
          continue;
        }
        const Lowered::Item& given = lowered_.items[static_cast<std::size_t>(giver->second)];
        if (given.home == id) {
          Alive& alive = inside[giver->second];
          alive.to = position;
          // Copies of another loop wait for it together.
          if (given.copied_by != item.copied_by) alive.values = std::max(alive.values, given.copies);
        } else if (outside.insert(value).second)
          body.held += given.copies - 1.0;
      }
      inside[static_cast<int>(here[position])].from = position;
      if (item.step >= 0 && nest_.steps[static_cast<std::size_t>(item.step)].work == Work::transcendental)
        body.calls += item.copies * nest_.steps[static_cast<std::size_t>(item.step)].elements;
    }
    body.held += static_cast<double>(outside.size()) + body.chains;
    std::vector<double> change(here.size() + 2, 0.0);
    for (const auto& [item, alive] : inside)
      if (alive.to > alive.from) change[alive.from] += alive.values, change[alive.to] -= alive.values;
    double now = 0.0;
    for (const double by : change) most = std::max(most, now += by);
    body.alive = body.held + most;
  }

  /// Of one strided access's copies: with others that fill the gaps between its elements whole vectors are
  /// loaded or stored and shuffled, else elements are gathered or scattered.
  double strided_cost(const Lowered::Item& item, double width, bool masked) const {
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    const double parts = std::max(1.0, width * 64.0 / (8.0 * Lowered::kVectorBytes));
    const double apart = item.copies * (width <= 2.0 ? 4.0 * width : parts * 2.0 + width);
    return masked || item.group < 2.0
               ? apart
               : std::min(apart, item.copies / item.group *
                                     together(access, std::abs(item.stride), item.group, width));
  }

  /// What one iteration costs the vectoriser's own model, `width` elements at once.
  double cost(int id, const Lowered::Body& body, double width, bool masked) const {
    const double registers = std::max(1.0, width * bits_ / (8.0 * Lowered::kVectorBytes));
    double total = 2.0;
    bool strided = false;
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      const Lowered::Item& item = lowered_.items[i];
      if (item.step >= 0) {
        const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
        if (step.address) continue;
        const double parts = std::max(1.0, width * step.bits / (8.0 * Lowered::kVectorBytes));
        switch (step.work) {
          case Work::divide:
          case Work::root:
            total += item.copies * (width > 1.0 ? 3.0 * parts * std::max(1.0, std::min(width, 4.0)) : 4.0);
            break;
          case Work::compare:
            total += item.copies * (step.real ? 3.0 : 1.0) * parts;
            break;
          default:
            total += item.copies * parts;
        }
        continue;
      }
      const double stride = std::abs(item.stride);
      if (width == 1.0) {
        total += item.copies;
      } else if (stride == 1.0) {
        total += item.copies * registers * (masked ? 1.5 : 1.0);
      } else {
        strided = true;
        total += strided_cost(item, width, masked);
      }
    }
    total += body.address * (width == 1.0 || !strided ? 1.0 : std::max(1.0, width / 8.0));
    return total;
  }

  /// Accesses whose elements lie in the gaps of each other's.
  void groups(int id) {
    std::map<std::pair<int, std::vector<double>>, std::vector<std::size_t>> alike;
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      Lowered::Item& item = lowered_.items[i];
      const double stride = std::abs(item.stride);
      if (item.access < 0 || !(stride >= 2.0 && stride <= 8.0)) continue;
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
      std::vector<double> key = {access.store ? 1.0 : 0.0, item.stride};
      // All but the last dimension are the same.
      for (std::size_t k = 0; k + 1 < access.indices.size(); ++k) key.push_back(access.indices[k].constant);
      alike[{access.buffer, key}].push_back(i);
    }
    for (const auto& [key, list] : alike) {
      const double stride = std::abs(key.second[1]);
      double members = 0.0;
      for (const std::size_t i : list) {
        double side = 1.0;  // copies that lie within one stride
        for (const int copied : lowered_.items[i].copied_by) {
          const double step = std::abs(stride_along(
              nest_, nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)], copied));
          if (step >= 1.0 && step < stride) side *= std::max(1.0, loop(copied).trips);
        }
        members += side;
      }
      members = std::min(members, stride);
      if (key.second[0] == 1.0 && members < stride) continue;  // a store fills no gaps
      for (const std::size_t i : list) lowered_.items[i].group = members;
    }
  }

  /// Vectors at once: as registers allow, while the body is small or sums are parted.
  double interleave(int id, const Lowered::Body& body) const {
    const Nest::Loop& one = loop(id);
    double most = 4.0;
    if (one.fixed) {
      const double least = std::min(4.0, floor_to_power(one.trips / (2.0 * body.lanes))),
                   greatest = std::min(4.0, floor_to_power(one.trips / body.lanes));
      most = std::fmod(one.trips, body.lanes * greatest) == std::fmod(one.trips, body.lanes * least)
                 ? greatest
                 : least;
    }
    const double invariant = std::max(0.0, body.held - body.chains),
                 temporary = body.alive - body.held + body.chains;
    most = std::max(
        1.0, std::min(most, floor_to_power((Lowered::kRegisters - invariant) / std::max(1.0, temporary))));
    if (body.chains > 0.0) return most;
    const double total = cost(id, body, body.lanes, false);
    if (total >= 20.0) return 1.0;
    double loads = 0.0, stores = 0.0;
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      const Lowered::Item& item = lowered_.items[i];
      if (item.access >= 0)
        (nest_.accesses[static_cast<std::size_t>(item.access)].store ? stores : loads) += item.copies;
    }
    const double small = std::min(most, floor_to_power(20.0 / total));
    return std::max(
        {small, std::floor(most / std::max(1.0, stores)), std::floor(most / std::max(1.0, loads))});
  }

  void lanes(int id, Lowered::Body& body) {
    groups(id);
    bool possible = id >= 0 && body.innermost && !body.real_chain && !body.recurrence;
    bool vectors = false;
    bits_ = 0.0;
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      const Lowered::Item& item = lowered_.items[i];
      if (item.step >= 0) {
        const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
        if (step.address) continue;
        vectors = vectors || step.elements > 1.0;
        bits_ = std::max<double>(bits_, step.bits);
        switch (step.work) {
          case Work::transcendental:
          case Work::call:
          case Work::control:
          case Work::unknown:
          case Work::load:
          case Work::store:
          case Work::integer_divide:
            possible = false;
            break;
          default:
            break;
        }
      } else {
        const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
        vectors = vectors || access.elements > 1.0;
        bits_ = std::max<double>(bits_, access.bits);
        if (access.store && item.stride == 0.0) possible = false;
      }
    }
    if (bits_ <= 0.0) bits_ = 32.0;
    const double widest = std::max(1.0, Lowered::kVectorBytes * 8.0 / bits_);
    body.lanes = 1.0;
    if (body.idiom) {
      body.lanes = widest;
      body.interleave = 4.0;
    } else if (possible && !vectors) {
      const Nest::Loop& one = loop(id);
      const bool few = one.fixed && one.trips < 16.0;  // no remainder is made for so few
      const double trips = std::max(1.0, one.trips), single = cost(id, body, 1.0, false);
      double best = one.fixed ? single * trips : single;
      for (double width = 2.0; width <= widest; width *= 2.0) {
        const bool masked = few && std::fmod(trips, width) != 0.0;
        const double wide = cost(id, body, width, masked);
        double total = wide / width;
        if (one.fixed)
          total = masked ? wide * std::ceil(trips / width)
                         : wide * std::floor(trips / width) + single * std::fmod(trips, width);
        if (one.fixed && !masked && trips < width) break;
        if (total < best) best = total, body.lanes = width;
      }
      body.masked = body.lanes > 1.0 && few && std::fmod(trips, body.lanes) != 0.0;
      if (body.lanes > 1.0 && !body.masked) {
        body.interleave = interleave(id, body);
      }
    }
    // Written-out copies side by side, where a store shows that they are.
    int along = -1;
    if (body.lanes == 1.0 && !vectors)
      for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
        const Lowered::Item& item = lowered_.items[i];
        if (item.access < 0 || !nest_.accesses[static_cast<std::size_t>(item.access)].store) continue;
        for (const int copied : item.copied_by)
          if (std::abs(stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], copied)) ==
              1.0)
            along = copied;
      }
    for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
      Lowered::Item& item = lowered_.items[i];
      item.lanes = body.lanes;
      if (along >= 0 &&
          std::find(item.copied_by.begin(), item.copied_by.end(), along) != item.copied_by.end())
        item.lanes = floor_to_power(std::min(widest, loop(along).trips));
    }
  }

  const Nest& nest_;
  const ValueUses& uses_;
  Lowered& lowered_;
  std::vector<std::vector<std::size_t>> at_;                  ///< items by home + 1
  std::map<std::pair<int, int>, std::vector<int>> accesses_;  ///< by loop that is left and buffer
  std::unordered_map<int, double> ways_;
  int depth_ = 0;
  double bits_ = 32.0;  ///< of the widest element of a loop
};

}  // namespace

double stride_along(const Nest& nest, const Nest::Access& access, int loop) {
  if (access.buffer < 0) return NAN;
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

double together(const Nest::Access& access, double stride, double members, double width) {
  const double bits = access.bits > 0 ? access.bits : 32.0;
  const double moves = std::max(1.0, std::ceil(stride * width * bits / (8.0 * Lowered::kVectorBytes)));
  if (access.store) return moves * (1.0 + (stride - 1.0)) + moves * (stride - 1.0) / 2.0;
  const double results = members * std::max(1.0, width * bits / (8.0 * Lowered::kVectorBytes));
  const double shuffles = std::max(1.0, moves - 1.0);
  return results * shuffles + moves + (results > 1.0 && moves > 1.0 ? results * shuffles / 2.0 : 0.0);
}

void vectorise(const Nest& nest, const ValueUses& uses, Lowered& lowered) {
  Vectorising(nest, uses, lowered).run();
}

}  // namespace hone::cost::mlir
