// What iterations of loops that are left wait for, and what they keep in registers.
#include <algorithm>
#include <cmath>
#include <set>

#include "hone/cost/mlir_vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostPairs = 4096,
                      kMostVisited = 200000;  // of a function, beyond which nothing is looked for
constexpr double kThroughMasked = 12.0;       // cycles to load what a masked store has just stored
constexpr double kMostReach = 16.0;  // iterations after which an element that was stored counts as old

}  // namespace

double Vectorising::way(int from, int to) {
  if (from == to) return 0.0;
  if (const auto found = ways_.find(to); found != ways_.end()) return found->second;
  const auto sources = uses_.from.find(to);
  if (sources == uses_.from.end() || depth_ > 400 || ++visited_ > kMostVisited) return -1.0;
  ++depth_;
  ways_[to] = -1.0;
  double longest = -1.0;
  for (const int source : sources->second) longest = std::max(longest, way(from, source));
  --depth_;
  const auto work = uses_.work.find(to);
  if (longest >= 0.0 && work != uses_.work.end()) longest += latency_of(work->second);
  return ways_[to] = longest;
}

bool Vectorising::ordered(int from, int to) {
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

void Vectorising::carried(int id, Lowered::Body& body) {
  const Nest::Loop& one = loop(id);
  if (one.chain > 0.0 || !one.carried.empty()) {
    body.chain = body.link = one.chain;
    body.chains = std::max<double>(1.0, static_cast<double>(one.carried.size()));
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k)
      body.real_chain = body.real_chain || (one.carries_real && ordered(one.carried[k], one.yielded[k]));
  }
}

void Vectorising::memory(int id, Lowered::Body& body) {
  std::size_t pairs = 0;
  for (auto found = accesses_.lower_bound({id, -1}); found != accesses_.end() && found->first.first == id;
       ++found)
    for (const int s : found->second) {
      const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(s)];
      if (!store.store) continue;
      for (const int l : found->second) {
        const Nest::Access& load = nest_.accesses[static_cast<std::size_t>(l)];
        if (++pairs > kMostPairs) return;
        if (load.store) continue;
        pair(id, load, store, s, body);
      }
    }
}

void Vectorising::pair(int id, const Nest::Access& load, const Nest::Access& store, int s,
                       Lowered::Body& body) {
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

void Vectorising::registers(int id, Lowered::Body& body) {
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

}  // namespace hone::cost::mlir
