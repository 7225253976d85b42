// The longest ways from value to value: through an iteration, and through copies of loops written out.
#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostVisited = 200000;  // of a function, beyond which nothing is looked for
constexpr int kDeepest = 400;
constexpr double kLoaded = 5.0;       // cycles of a load from the first cache
constexpr double kWideProduct = 7.0;  // cycles of a product of integers beside a single one, in vectors

}  // namespace

Way Vectorising::way(int from, int to) {
  if (from == to) return {.cycles = 0.0};
  if (const auto found = ways_.find(to); found != ways_.end()) return found->second;
  const auto sources = uses_.from.find(to);
  if (sources == uses_.from.end() || depth_ > 400 || ++visited_ > kMostVisited) return {};
  ++depth_;
  ways_[to] = {};
  Way longest;
  for (const int source : sources->second) longest.longest(way(from, source));
  --depth_;
  if (const auto made = uses_.made.find(to); longest.leads() && made != uses_.made.end()) {
    longest.add(made->second.link, made->second.cycles);
    if (in_lanes_ && made->second.work == Work::integer_multiply)
      longest.add(Link::whole_product, kWideProduct);
  }
  return ways_[to] = longest;
}

Way Vectorising::depth(int id, int value, std::unordered_map<int, Way>& depths, int length) const {
  if (const auto found = depths.find(value); found != depths.end()) return found->second;
  const auto given = uses_.item.find(value);
  const Lowered::Item* item =
      given == uses_.item.end() ? nullptr : &lowered_.items[static_cast<std::size_t>(given->second)];
  if (length > kDeepest || (item != nullptr && item->home != id)) return {.cycles = 0.0};
  Way longest = {.cycles = 0.0};
  if (item != nullptr && item->step < 0) longest.add(Link::load, kLoaded);
  depths[value] = longest;  // one that depends on itself ends here
  if (item != nullptr && item->step < 0) return longest;
  if (const auto from = uses_.from.find(value); from != uses_.from.end())
    for (const int source : from->second) longest.longest(depth(id, source, depths, length + 1));
  if (const auto made = uses_.made.find(value); item != nullptr && made != uses_.made.end()) {
    longest.add(made->second.link, made->second.cycles);
    if (made->second.work == Work::integer_multiply &&
        (lowered_.body(id).lanes > 1.0 || nest_.steps[static_cast<std::size_t>(item->step)].elements > 1.0))
      longest.add(Link::whole_product, kWideProduct);
  }
  return depths[value] = longest;
}

void Vectorising::paths(int id, Lowered::Body& body) {
  std::swap(visited_, visited_by_paths_);
  in_lanes_ = body.lanes > 1.0;
  std::unordered_map<int, Way> depths;
  struct Here {
    const Nest::Access* access;
    bool copied;  ///< elsewhere in copies
  };
  std::vector<Here> loads, stores;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (!step.address && step.value != Nest::kNoValue) body.path.longest(depth(id, step.value, depths, 0));
      continue;
    }
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (access.buffer >= 0) (access.store ? stores : loads).push_back({&access, item.copies > 1.0});
  }
  // Loops written out inside, of which each copy needs the one before it.
  Way most = {.cycles = 0.0};
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
    const auto inner = static_cast<int>(i);
    if (inner == id || home_of(inner) != id || !nest_.inside(inner, id)) continue;
    const Nest::Loop& one = nest_.loops[i];
    Way length = {.cycles = 0.0}, chained = {.cycles = 0.0};
    double entries = 1.0;
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k) {
      ways_.clear();
      length.longest(way(one.carried[k], one.yielded[k]));
    }
    const auto within = [&](const Here& here) { return nest_.inside(here.access->loop, inner); };
    std::vector<Here> loaded;
    std::ranges::copy_if(loads, std::back_inserter(loaded), within);
    for (const Here& here : stores) {
      if (loaded.empty() || !within(here)) continue;
      paired_by_paths_ += loaded.size();
      if (paired_by_paths_ > kMostVisited) break;
      const Nest::Access& store = *here.access;
      const auto number = static_cast<int>(&store - nest_.accesses.data());
      const auto stored = uses_.stored.find(number);
      if (stored == uses_.stored.end()) continue;
      for (const auto& [load, copied] : loaded) {
        if (load->buffer != store.buffer) continue;
        const Carried carried = carried_by(*load, store, inner);
        const bool onward = carried == Carried::onward && copied && here.copied,
                   held = carried == Carried::in_place && one.trips > 1.0 && !moves(store, inner);
        if (!onward && !held) continue;
        ways_.clear();
        const Way through = way(load->value, stored->second);
        // Copies go on where those of the iteration before end.
        const bool onward_here =
            stride_along(nest_, store, inner) * one.trips == stride_along(nest_, store, id) &&
            handed_on_.contains({static_cast<int>(load - nest_.accesses.data()), number});
        if (onward && onward_here) chained.longest(through);
        if (onward && through.leads()) {
          Way again = through;
          again.add(Link::load, kLoaded);
          length.longest(again);
        }
        if (!held || through.cycles <= 0.0) continue;
        // A sum in an element that stays where it is.
        double times = 1.0;
        for (int at = store.loop; at >= 0 && at != id; at = loop(at).parent)
          if (!moves(store, at)) times *= std::max(1.0, loop(at).trips);
        most.longest(through.times(times - 1.0));
      }
    }
    if (length.cycles <= 0.0) continue;
    for (int at = one.parent; at >= 0 && at != id; at = loop(at).parent)
      if (!loop(at).carried.empty()) entries *= std::max(1.0, loop(at).trips);
    most.longest(length.times(std::max(1.0, one.trips) * entries - 1.0));
    // The first copy waits for the last one of the iteration before.
    if (chained.cycles > 0.0) body.chain.longest(chained.times(std::max(1.0, one.trips)));
  }
  body.path.behind(most);
  in_lanes_ = false;
  std::swap(visited_, visited_by_paths_);
}

void Vectorising::wait_side_by_side(int id, Lowered::Body& body) {
  Lowered::Body again = body;
  again.chain = again.path = {.cycles = 0.0};
  carried(id, again);
  const Nest::Loop& one = loop(id);
  if (!one.carried.empty()) {
    Way chain;
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k) {
      ways_.clear();
      chain.longest(way(one.carried[k], one.yielded[k]));
    }
    if (chain.leads()) again.chain = chain;
  }
  memory(id, again);
  paths(id, again);
  body.chain = again.chain;
  body.path = again.path;
}

}  // namespace hone::cost::mlir
