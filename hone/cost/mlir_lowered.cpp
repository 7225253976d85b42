#include "hone/cost/mlir_lowered.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "hone/cost/mlir_vectorise.h"

namespace hone::cost::mlir {
namespace {

constexpr double kUnrolledSize = 300, kOverhead = 2;  // LLVM's threshold at -O3; a loop's own instructions
constexpr double kShifted =
    1.5;  // instructions more for a place that moves with a loop that begins elsewhere
constexpr double kSimulatedTrips = 10;  // loops of so few are judged after simplification

using Loops = std::vector<int>;  // sorted

void add(Loops& loops, int loop) {
  const auto at = std::lower_bound(loops.begin(), loops.end(), loop);
  if (at == loops.end() || *at != loop) loops.insert(at, loop);
}
void add(Loops& loops, const Loops& others) {
  for (const int loop : others) add(loops, loop);
}
bool holds(const Loops& loops, int loop) { return std::binary_search(loops.begin(), loops.end(), loop); }

/// How an access moves, without where it begins.
std::uint64_t movement(const Nest::Access& access) {
  std::uint64_t hash = 1469598103934665603ULL;
  const auto mix = [&](std::uint64_t value) { hash = (hash ^ value) * 1099511628211ULL + (hash >> 29U); };
  mix(static_cast<std::uint64_t>(access.elements));
  for (const Nest::Index& index : access.indices) {
    mix(index.indirect ? 7 : index.exact ? 3 : 5);
    std::vector<std::pair<int, double>> terms = index.terms;
    std::sort(terms.begin(), terms.end());
    for (const auto& [loop, step] : terms) {
      if (step == 0.0) continue;
      mix(static_cast<std::uint64_t>(loop + 1));
      mix(static_cast<std::uint64_t>(static_cast<std::int64_t>(std::clamp(step, -1e15, 1e15))));
    }
  }
  return hash;
}

bool exact(const Nest::Access& access) {
  return std::all_of(access.indices.begin(), access.indices.end(),
                     [](const Nest::Index& index) { return index.exact && !index.indirect; });
}

class Lowering {
 public:
  explicit Lowering(const Nest& nest) : nest_(nest) {
    result_.homes.resize(nest.loops.size());
    for (std::size_t i = 0; i < nest.loops.size(); ++i) result_.homes[i] = static_cast<int>(i);
    result_.bodies.resize(nest.loops.size() + 1);
  }

  Lowered run() {
    index_memory();
    walk();
    unroll();
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (!items_[i].gone) finish(items_[i], i);
    // Values by the items that are left.
    std::erase_if(uses_.item, [&](const auto& given) { return places_.count(given.second) == 0; });
    for (auto& [value, item] : uses_.item) item = places_[item];
    vectorise(nest_, uses_, result_);
    return std::move(result_);
  }

 private:
  struct Item {
    Lowered::Item item;
    int origin = -1;
    Loops fixed_by;      ///< loops that it cannot leave
    Loops copied_by;     ///< loops written out that it has copies for
    Loops masked_by;     ///< loops that it cannot leave while its mask is not a constant
    bool stays = false;  ///< it cannot leave any
    bool gone = false;
  };
  /// What a loop does to a buffer.
  struct Touch {
    std::uint64_t movement = 0;
    bool loads = false, stores = false, exact = true;
  };

  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }

  void index_memory() {
    for (std::size_t i = 0; i < nest_.accesses.size(); ++i) {
      const Nest::Access& access = nest_.accesses[i];
      movements_.push_back(movement(access));
      for (int at = access.loop; at >= 0; at = loop(at).parent) {
        std::vector<Touch>& list = touches_[{access.buffer, at}];
        auto found = std::find_if(list.begin(), list.end(),
                                  [&](const Touch& one) { return one.movement == movements_[i]; });
        if (found == list.end()) {
          list.push_back({movements_[i], false, false, exact(access)});
          found = std::prev(list.end());
        }
        (access.store ? found->stores : found->loads) = true;
      }
    }
  }

  /// Whether a loop does something else to the buffer that may be to the same element.
  bool disturbed(std::size_t access, int at) const {
    const Nest::Access& one = nest_.accesses[access];
    const auto found = touches_.find({one.buffer, at});
    if (found == touches_.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const Touch& touch) {
      return (one.store || touch.stores) && (touch.movement != movements_[access] || !touch.exact);
    });
  }
  bool stored_in(int buffer, int at) const {
    const auto found = touches_.find({buffer, at});
    return found != touches_.end() && std::any_of(found->second.begin(), found->second.end(),
                                                  [](const Touch& touch) { return touch.stores; });
  }

  /// Items in the order of the program, each as far out as it can stand.
  void walk() {
    struct Place {
      int order, kind;
      std::size_t index;
    };
    std::vector<Place> places;
    for (std::size_t i = 0; i < nest_.steps.size(); ++i) places.push_back({nest_.steps[i].order, 0, i});
    for (std::size_t i = 0; i < nest_.accesses.size(); ++i) places.push_back({nest_.accesses[i].order, 1, i});
    for (std::size_t i = 0; i < nest_.flows.size(); ++i) places.push_back({nest_.flows[i].order, 2, i});
    std::stable_sort(places.begin(), places.end(),
                     [](const Place& a, const Place& b) { return a.order < b.order; });
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
      for (const int value : nest_.loops[i].variables) varies_[value] = {static_cast<int>(i)};
      for (const int value : nest_.loops[i].carried) varies_[value] = {static_cast<int>(i)};
    }
    for (const Place& place : places) {
      if (place.kind == 0) step(place.index);
      if (place.kind == 1) access(place.index);
      if (place.kind == 2) flow(nest_.flows[place.index]);
    }
  }

  Loops varies_of(const std::vector<int>& values) const {
    Loops loops;
    for (const int value : values)
      if (const auto found = varies_.find(value); found != varies_.end()) add(loops, found->second);
    return loops;
  }
  int same(int value) const {
    const auto found = same_.find(value);
    return found == same_.end() ? value : found->second;
  }
  double share(int at, double count) const {
    return count / (at < 0 ? 1.0 : std::max(1e-9, loop(at).iterations));
  }

  void step(std::size_t index) {
    const Nest::Step& step = nest_.steps[index];
    Item item;
    item.item.step = static_cast<int>(index);
    item.origin = step.loop;
    item.item.share = share(step.loop, step.count);
    item.fixed_by = varies_of(step.uses);
    const bool stays = step.opaque || step.work == Work::call || step.work == Work::control ||
                       step.work == Work::load || step.work == Work::store || step.work == Work::unknown ||
                       step.uses.empty();
    item.stays = stays;
    if (stays && step.loop >= 0) add(item.fixed_by, step.loop);
    if (step.value != Nest::kNoValue) varies_[step.value] = item.fixed_by;
    place(item, item.origin);
    if (step.code != 0 && step.value != Nest::kNoValue && !stays) {
      std::vector<std::int64_t> key = {static_cast<std::int64_t>(step.code), item.item.home};
      for (const int value : step.uses) key.push_back(same(value));
      const auto [found, fresh] = known_.try_emplace(std::move(key), step.value);
      if (!fresh) {
        same_[step.value] = found->second;
        item.gone = true;
      }
    }
    if (step.value != Nest::kNoValue && !item.gone) {
      std::vector<int>& list = uses_.from[step.value];
      for (const int value : step.uses) list.push_back(same(value));
      uses_.item[step.value] = static_cast<int>(items_.size());
      uses_.work[step.value] = step.work;
    }
    items_.push_back(std::move(item));
  }

  void access(std::size_t index) {
    const Nest::Access& access = nest_.accesses[index];
    Item item;
    item.item.access = static_cast<int>(index);
    item.origin = access.loop;
    item.item.share = share(access.loop, access.count);
    for (const Nest::Index& one : access.indices) {
      for (const auto& [at, by] : one.terms)
        if (by != 0.0 && nest_.inside(access.loop, at)) add(item.fixed_by, at);
      if ((one.indirect || !one.exact) && access.loop >= 0) add(item.fixed_by, access.loop);
    }
    if (access.buffer < 0 && access.loop >= 0) add(item.fixed_by, access.loop);
    Loops value = item.fixed_by;
    for (int at = access.loop; at >= 0; at = loop(at).parent) {
      if (holds(item.fixed_by, at)) continue;
      // Masked stores stay where they are, and what they may change with them.
      if (disturbed(index, at)) add(item.fixed_by, at);
      if (access.masked && (access.store || stored_in(access.buffer, at))) add(item.masked_by, at);
      if (stored_in(access.buffer, at)) {
        add(value, at);
        item.item.promoted = item.item.promoted || !holds(item.fixed_by, at);
      }
    }
    place(item, item.origin);
    std::vector<double> where = {static_cast<double>(item.item.home)};
    for (const Nest::Index& one : access.indices) where.push_back(one.constant);
    where.push_back(static_cast<double>(movements_[index] >> 12U));
    const bool known = exact(access) && access.buffer >= 0 && !access.masked;
    if (access.store) {
      const int stored = access.uses.empty() ? Nest::kNoValue : same(access.uses[0]);
      auto& places = memory_[access.buffer];
      std::erase_if(places,
                    [&](const auto& place) { return !known || place.second.movement != movements_[index]; });
      if (known) {
        Memory& there = places[where];
        if (there.store >= 0) items_[static_cast<std::size_t>(there.store)].gone = true;
        there = {movements_[index], stored, static_cast<int>(items_.size()), access.loop};
      }
      uses_.stored[static_cast<int>(index)] = stored;
    } else {
      if (access.value != Nest::kNoValue) varies_[access.value] = value;
      if (known) {
        const auto [there, fresh] = memory_[access.buffer].try_emplace(
            where, Memory{movements_[index], access.value, -1, access.loop});
        if (!fresh) {
          // What a loop hands on to itself begins as what was there, and is not that.
          if (access.value != Nest::kNoValue && (there->second.loop == access.loop || !item.item.promoted))
            same_[access.value] = there->second.value;
          item.gone = true;
        }
      }
      if (access.value != Nest::kNoValue && !item.gone)
        uses_.item[access.value] = static_cast<int>(items_.size());
    }
    items_.push_back(std::move(item));
  }

  void flow(const Nest::Flow& flow) {
    Loops loops = varies_of(flow.uses);
    if (flow.ended) loops.erase(std::remove(loops.begin(), loops.end(), flow.loop), loops.end());
    for (const int value : flow.values) {
      varies_[value] = loops;
      for (const int from : flow.uses) uses_.from[value].push_back(same(from));
    }
  }

  bool left(int id) const { return result_.homes[static_cast<std::size_t>(id)] == id; }

  /// Whether an access is by a mask that a loop that is left computes.
  bool masked(const Lowered::Item& item) const {
    if (item.access < 0) return false;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (!access.masked || access.indices.empty()) return false;
    const auto& terms = access.indices.back().terms;
    return std::any_of(terms.begin(), terms.end(), [&](const auto& term) { return left(term.first); });
  }

  /// The innermost loop around, from where it is on, that it cannot leave.
  void place(Item& item, int from) const {
    const bool by_mask = masked(item.item);
    int at = from;
    while (at >= 0 &&
           !(left(at) && (item.stays || holds(item.fixed_by, at) || (by_mask && holds(item.masked_by, at)))))
      at = loop(at).parent;
    item.item.home = at;
  }

  double cost(const Item& item) const {
    const Lowered::Item& one = item.item;
    if (one.access >= 0) {
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(one.access)];
      return one.copies * (access.apart ? 4.0 * access.elements : 1.0);
    }
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(one.step)];
    if (step.address || step.work == Work::none) return 0.0;
    return one.copies * (step.work == Work::compare && step.real ? 2.0 : 1.0);
  }

  /// Instructions that compute the addresses of a loop's accesses: a product for every row size that its
  /// variable is multiplied by, a sum for every place but one.
  double addresses(const std::vector<std::size_t>& items, int id) const {
    std::set<double> products;
    std::set<std::vector<double>> sums;
    for (const std::size_t k : items) {
      if (items_[k].item.access < 0) continue;
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(items_[k].item.access)];
      if (access.buffer < 0 || access.indices.size() < 2) continue;
      const double step = std::abs(stride_along(nest_, access, id));
      if (step > 1.0) products.insert(step);
      std::vector<double> position = {static_cast<double>(access.buffer)};
      for (const Nest::Index& index : access.indices) {
        position.push_back(index.constant);
        for (const auto& [at, by] : index.terms)
          if (at != id) position.push_back(at), position.push_back(by);
      }
      sums.insert(std::move(position));
    }
    return std::max(1.0, static_cast<double>(products.size() + sums.size()) - 1.0);
  }

  /// Whether a loop only copies elements side by side from one buffer to another, or clears them.
  bool moves_memory(const std::vector<std::size_t>& items, int id) const {
    int loads = 0, stores = 0, value = Nest::kNoValue, stored = Nest::kNoValue;
    bool zero = false;
    for (const std::size_t k : items) {
      const Item& item = items_[k];
      if (item.item.access < 0) {
        if (!nest_.steps[static_cast<std::size_t>(item.item.step)].address) return false;
        continue;
      }
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.item.access)];
      if (stride_along(nest_, access, id) != 1.0 || access.elements > 1.0 || item.item.share < 1.0)
        return false;
      (access.store ? stores : loads) += 1;
      if (access.store)
        zero = access.zero, stored = access.uses.empty() ? Nest::kNoValue : same(access.uses[0]);
      else
        value = access.value;
    }
    return stores == 1 &&
           ((loads == 0 && zero) || (loads == 1 && value != Nest::kNoValue && value == stored));
  }

  /// Innermost loops first: a body that is short enough becomes part of what is around it. How long it is,
  /// is seen before anything of the copies is moved out or found to be the same.
  void unroll() {
    std::vector<int> left(nest_.loops.size());
    std::vector<double> inside(nest_.loops.size(), 0.0);  // code of what stands inside
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) left[i] = nest_.loops[i].children;
    std::map<int, std::vector<std::size_t>> at_home, first_home;
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (!items_[i].gone) at_home[items_[i].item.home].push_back(i);
    first_home = at_home;
    for (std::size_t i = nest_.loops.size(); i-- > 0;) {
      const Nest::Loop& one = nest_.loops[i];
      const auto id = static_cast<int>(i);
      double plain = inside[i], moving = 0.0;
      for (const std::size_t k : first_home[id]) {
        plain += cost(items_[k]);
        if (items_[k].item.access >= 0) moving += 1.0;
      }
      const double address = addresses(first_home[id], id);
      const double size = plain + address + 1.0;
      Lowered::Body& body = result_.bodies[i + 1];
      body.size = size + kOverhead;
      body.address = address;
      body.idiom = left[i] == 0 && one.trips > 1.0 && moves_memory(first_home[id], id);
      if (body.idiom) {
        if (one.parent >= 0) inside[static_cast<std::size_t>(one.parent)] += 3.0;
        continue;
      }
      const bool known = one.known && one.fixed;
      bool ends = known && (one.trips <= 1.0 || size * one.trips + kOverhead < kUnrolledSize);
      // What becomes constant in a copy is not counted, and the more it is the longer the copies may be.
      if (known && one.trips <= kSimulatedTrips && left[i] == 0 && plain > 0.0)
        ends = ends || plain * one.trips < kUnrolledSize * std::min(4.0, (size + kOverhead) / plain);
      if (!ends) {
        if (one.parent >= 0) inside[static_cast<std::size_t>(one.parent)] += size + 3.0 + kOverhead;
        continue;
      }
      body.left = false;
      result_.homes[i] = one.parent;
      if (one.parent >= 0) {
        const auto parent = static_cast<std::size_t>(one.parent);
        left[parent] += left[i] - 1;
        // Where it begins elsewhere its places are not constants in a copy.
        const double places = one.shifted ? kShifted * std::min(moving, 8.0) : 0.0;
        inside[parent] +=
            (plain + places) * std::max(1.0, one.trips) + (one.trips > 1.0 || one.shifted ? 1.0 : 0.0);
      }
      const std::vector<std::size_t> here = std::move(at_home[id]);
      at_home[id].clear();
      for (const std::size_t k : here) {
        Item& item = items_[k];
        item.copied_by.push_back(id);
        item.item.copies = copies(item);
        place(item, item.item.home);
        at_home[item.item.home].push_back(k);
      }
    }
    for (Item& item : items_)
      if (!item.masked_by.empty()) place(item, item.item.home);
    for (std::size_t i = 0; i < nest_.loops.size(); ++i)
      result_.bodies[i + 1].innermost = result_.bodies[i + 1].left && left[i] == 0;
    for (std::size_t i = 0; i < nest_.loops.size(); ++i)
      for (int at = nest_.loops[i].parent; at >= 0; at = loop(at).parent)
        if (!this->left(at)) result_.bodies[i + 1].replicas *= std::max(1.0, loop(at).trips);
    for (int& home : result_.homes)
      while (home >= 0 && result_.homes[static_cast<std::size_t>(home)] != home)
        home = result_.homes[static_cast<std::size_t>(home)];
  }

  /// Different elements of an access, or computations of a step, in the loops written out.
  double copies(const Item& item) const {
    double all = 1.0;
    for (const int id : item.copied_by) all *= std::max(1.0, loop(id).trips);
    if (item.item.access < 0) return all;
    double distinct = 1.0;
    for (const Nest::Index& index : nest_.accesses[static_cast<std::size_t>(item.item.access)].indices) {
      double most = 1.0, span = 1.0, least = 1e300;
      for (const auto& [at, by] : index.terms)
        if (by != 0.0 &&
            std::find(item.copied_by.begin(), item.copied_by.end(), at) != item.copied_by.end()) {
          const double trips = std::max(1.0, loop(at).trips);
          most *= trips;
          span += std::abs(by) * (trips - 1.0);
          least = std::min(least, std::abs(by));
        }
      distinct *= std::min(most, least < 1e300 ? (span - 1.0) / least + 1.0 : 1.0);
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.item.access)];
    return exact(access) ? std::min(all, distinct) : all;
  }

  void finish(Item& item, std::size_t number) {
    Lowered::Item& one = item.item;
    one.copied_by = item.copied_by;
    one.masked = masked(one);
    if (one.access >= 0)
      one.stride = one.home < 0
                       ? 0.0
                       : stride_along(nest_, nest_.accesses[static_cast<std::size_t>(one.access)], one.home);
    places_[static_cast<int>(number)] = static_cast<int>(result_.items.size());
    result_.items.push_back(one);
  }

  struct Memory {
    std::uint64_t movement = 0;
    int value = Nest::kNoValue;
    int store = -1;  ///< item that put it there
    int loop = -1;   ///< in whose body that was
  };

  const Nest& nest_;
  Lowered result_;
  std::vector<Item> items_;
  std::vector<std::uint64_t> movements_;
  std::map<std::pair<int, int>, std::vector<Touch>> touches_;  ///< by buffer and loop
  std::unordered_map<int, Loops> varies_;                      ///< by value
  std::unordered_map<int, int> same_;                          ///< by value: what it equals
  std::map<std::vector<std::int64_t>, int> known_;
  std::unordered_map<int, std::map<std::vector<double>, Memory>> memory_;  ///< by buffer and place
  std::unordered_map<int, int> places_;  ///< by item: among those that are left
  ValueUses uses_;
};

}  // namespace

Lowered lowered(const Nest& nest) { return Lowering(nest).run(); }

}  // namespace hone::cost::mlir
