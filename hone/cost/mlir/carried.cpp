// What iterations of loops that are left wait for, and what they keep in registers.
#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "hone/cost/few.h"
#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostPairs = 4096;  // of a loop, beyond which nothing is looked for
constexpr double kForwarded = 4.0;        // cycles to load what has just been stored
constexpr double kThroughMasked = 12.0;   // cycles to load what a masked store has just stored
constexpr double kMostLanes = 64.0,
                 kForwardedThrough = 8.0;  // elements; vectors' steps between store and load
constexpr double kMostReach = 16.0;        // iterations after which an element that was stored counts as old

/// How many iterations can run at once where one loads what the `iterations`-th before it stored, and vectors
/// are handed on whole: LLVM's MemoryDepChecker (couldPreventStoreLoadForward).
double lanes_apart(const Nest& nest, const Nest::Access& store, int loop, double iterations) {
  const double stride = std::abs(stride_along(nest, store, loop));
  if (!(stride >= 1.0)) return 1.0;
  const double elements = iterations * stride;
  double whole = 1.0;
  for (double width = 2.0; width <= std::min(elements, kMostLanes); width *= 2.0) {
    if (std::fmod(elements, width) != 0.0 && elements / width < kForwardedThrough) break;
    whole = width;
  }
  return floor_to_power(whole / stride);
}

}  // namespace

bool Vectorising::ordered(int from, int to) {
  int at = to;
  ways_.clear();
  for (int length = 0; at != from && length < 400; ++length) {
    const auto made = uses_.made.find(at);
    if (made != uses_.made.end() && made->second.work != Work::compare) return true;
    const auto sources = uses_.from.find(at);
    if (sources == uses_.from.end()) return true;
    int next = Nest::kNoValue;
    for (const int source : sources->second)
      if (way(from, source).leads()) next = source;
    if (next == Nest::kNoValue) return true;
    at = next;
  }
  return at != from;
}

void Vectorising::carried(int id, Lowered::Body& body) {
  const Nest::Loop& one = loop(id);
  if (one.chain.cycles > 0.0 || !one.carried.empty()) {
    body.chain = one.chain;
    body.link = one.chain.cycles;
    body.chains = std::max<double>(1.0, static_cast<double>(one.carried.size()));
    body.alone = one.chain.cycles > 0.0 && std::ranges::none_of(one.initial, [&](int value) {
                   for (int at = one.parent; at >= 0; at = loop(at).parent)
                     if (std::ranges::find(loop(at).carried, value) != loop(at).carried.end()) return true;
                   return false;
                 });
    body.real_chain = body.real_chain || one.chased;
    for (std::size_t k = 0; k < std::min(one.carried.size(), one.yielded.size()); ++k)
      body.real_chain = body.real_chain || !reduces(id, one.carried[k], one.yielded[k], 0) ||
                        (one.carries_real && ordered(one.carried[k], one.yielded[k]));
  }
}

bool Vectorising::reduces(int id, int from, int to, int stores) {
  if (from == to) return true;
  std::uint64_t code = 0;
  bool sum = false;
  int at = to;
  ways_.clear();
  for (int length = 0; at != from; ++length) {
    const auto given = uses_.item.find(at);
    const auto sources = uses_.from.find(at);
    if (length > 400 || given == uses_.item.end() || sources == uses_.from.end())
      return true;  // not seen through
    const Lowered::Item& item = lowered_.items[static_cast<std::size_t>(given->second)];
    if (item.step < 0) return true;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
    if (code != 0 && step.code != code && !(sum && step.sum)) return false;
    code = step.code;
    sum = step.sum;
    // What comes out of the loop others may use, behind it.
    if (at == to ? users_in(id, at) > stores : users_in(-1, at) > 1) return false;
    int next = Nest::kNoValue;
    for (const int source : sources->second) {
      if (!way(from, source).leads()) continue;
      if (next != Nest::kNoValue || (step.difference && source != sources->second[0])) return false;
      next = source;
    }
    if (next == Nest::kNoValue) return true;
    at = next;
  }
  // Where blocks jump to each other, what an iteration begins with is what others get behind the loop.
  return users_in(id, from) <= 1;
}

int Vectorising::users_in(int loop, int value) const {
  const auto users = users_.find(value);
  if (users == users_.end()) return 0;
  return static_cast<int>(std::count_if(users->second.begin(), users->second.end(),
                                        [&](int at) { return loop < 0 || nest_.inside(at, loop); }));
}

bool Vectorising::ends_outside(const Nest::Access& access) const {
  if (!access.masked || access.buffer < 0 || access.indices.empty()) return false;
  const std::vector<std::int64_t>& shape = nest_.buffers[static_cast<std::size_t>(access.buffer)].shape;
  if (shape.empty() || shape.back() == kDynamic) return true;
  double last = access.indices.back().constant + access.elements;
  for (const auto& [at, by] : access.indices.back().terms)
    if (by > 0.0) last += by * (std::max(1.0, loop(at).trips) - 1.0);
  return last > static_cast<double>(shape.back());
}

void Vectorising::memory(int id, Lowered::Body& body) {
  std::size_t pairs = 0;
  handed_.clear();
  for (auto found = accesses_.lower_bound({id, -1}); found != accesses_.end() && found->first.first == id;
       ++found)
    for (const int s : found->second) {
      const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(s)];
      if (!store.store) continue;
      for (const int l : found->second) {
        const Nest::Access& load = nest_.accesses[static_cast<std::size_t>(l)];
        if (++pairs > kMostPairs) return through_places(body);
        if (load.store) {
          // Places that nothing is known of before it runs may be one.
          if (l != s && !(nest_.told(load, id) && nest_.told(store, id))) body.recurrence = true;
          continue;
        }
        pair(id, load, store, s, body);
      }
    }
  through_places(body);
}

void Vectorising::through_places(Lowered::Body& body) {
  struct Place {
    const Nest::Access* access;
    std::map<int, Way> ways;  // by store: loads of one store wait beside each other
  };
  std::vector<Place> places;
  for (const auto& [load, handed] : handed_) {
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(load)];
    const auto found = std::ranges::find_if(places, [&](const auto& place) {
      const Nest::Access& other = *place.access;
      if (other.buffer != access.buffer || other.indices.size() != access.indices.size()) return false;
      for (std::size_t k = 0; k < access.indices.size(); ++k)
        if (!access.indices[k].moves_like(other.indices[k]) ||
            access.indices[k].constant != other.indices[k].constant)
          return false;
      return true;
    });
    Place& place = found == places.end() ? places.emplace_back(Place{&access, {}}) : *found;
    place.ways[handed.store].longest(handed.way);
  }
  for (const Place& place : places) {
    Way all = {.cycles = 0.0};
    for (const auto& [store, way] : place.ways) all.behind(way);
    body.chain.longest(all);
  }
}

bool Vectorising::entered_elsewhere(int id, const Nest::Access& access) const {
  int at = loop(id).parent;
  while (at >= 0 && loop(at).trips <= 1.0) at = loop(at).parent;
  return at >= 0 && moves(access, at);
}

bool Vectorising::stored_elsewhere(int id, int number) {
  const auto [known_before, fresh] = stored_elsewhere_.try_emplace(number, false);
  if (!fresh) return known_before->second;
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(number)];
  for (auto found = accesses_.lower_bound({id, -1}); found != accesses_.end() && found->first.first == id;
       ++found) {
    if (!nest_.meet(found->first.second, access.buffer)) continue;
    for (const int other : found->second) {
      const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(other)];
      if (!store.store) continue;
      // Copies of loops written out differ by constants.
      const auto moved = [&](const Nest::Index& index) {
        std::vector<std::pair<int, double>> terms;
        for (const auto& term : index.terms)
          if ((home_of(term.first) != id || term.first == id) && loop(term.first).trips > 1.0)
            terms.push_back(term);
        return terms;
      };
      bool known = store.buffer == access.buffer && store.indices.size() == access.indices.size();
      for (std::size_t k = 0; known && k < store.indices.size(); ++k) {
        const Nest::Index &a = store.indices[k], &b = access.indices[k];
        known = a.unknown == b.unknown && a.offset == b.offset && moved(a) == moved(b);
      }
      if (!known) return known_before->second = true;
    }
  }
  return false;
}

/// What lies between what an access stores and what another one loads, in iterations of a loop.
struct Vectorising::Apart {
  bool alike = true;     ///< they are to the same place at any time
  bool here = true;      ///< they move alike with the loop
  bool possible = true;  ///< they may meet
  bool known = true, told = true;
  bool moved = false;                 ///< the loop moves them
  double least = -1e18, most = 1e18;  ///< from the store to the load of what it stored
};

Vectorising::Apart Vectorising::apart(int id, const Nest::Access& load, const Nest::Access& store) const {
  Apart apart;
  for (std::size_t k = 0; k < load.indices.size(); ++k) {
    const Nest::Index &a = load.indices[k], &b = store.indices[k];
    apart.alike = apart.alike && a.moves_like(b) && a.constant == b.constant;
    apart.told = apart.told && nest_.told(a, id) && nest_.told(b, id);
    const bool same = a.unknown == b.unknown && a.offset == b.offset;
    if (!same || !nest_.told(a, id) || !nest_.told(b, id)) apart.known = false;
    // What loops that are written out add, either side; the loop itself; others must agree.
    double low = b.constant - a.constant, high = low, by_load = 0.0, by_store = 0.0;
    FewByKey<int, double> others;
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
      apart.known = false;
    if (by_load != by_store) apart.here = false;
    if (by_load == 0.0) {
      if ((low > 0.0 || high < 0.0) && same && nest_.told(a, id) && nest_.told(b, id)) apart.possible = false;
      continue;
    }
    apart.moved = true;
    const double first = by_load > 0 ? low / by_load : high / by_load,
                 last = by_load > 0 ? high / by_load : low / by_load;
    apart.least = std::max(apart.least, std::ceil(first));
    apart.most = std::min(apart.most, std::floor(last));
  }
  return apart;
}

void Vectorising::sum_in_memory(int id, const Nest::Access& load, const Nest::Access& store, int s,
                                int stored, Lowered::Body& body) {
  ways_.clear();
  Way length = way(load.value, stored);
  if (length.cycles <= 0.0) return;
  const bool masked = by_mask_.contains(s), handed = masked || stored_elsewhere(id, s);
  if (handed) length.add(Link::memory, masked ? kThroughMasked : kForwarded);
  double times = 1.0, side = 1.0;
  for (int at = store.loop; at >= 0 && at != id; at = loop(at).parent)
    (moves(store, at) ? side : times) *= std::max(1.0, loop(at).trips);
  body.alone = (body.chain.cycles == 0.0 || body.alone) && entered_elsewhere(id, store);
  body.link = std::max(body.link, length.cycles);
  body.chain.longest(length.times(times));
  if (handed) {
    const int l = static_cast<int>(&load - nest_.accesses.data());
    Handed& one = handed_[l];
    if (const Way whole = length.times(times); whole.cycles > one.way.cycles) one = {whole, s};
  }
  body.chains += side;
  body.real_chain =
      body.real_chain || !reduces(id, load.value, stored, 1) || (store.real && ordered(load.value, stored));
  // What is loaded comes from the iteration before (GVN's load elimination), whatever keeps the store here.
  if (const auto loaded = uses_.item.find(load.value);
      loaded != uses_.item.end() && lowered_.items[static_cast<std::size_t>(loaded->second)].home != id)
    stores_of_sums_.insert(s);
}

void Vectorising::pair(int id, const Nest::Access& load, const Nest::Access& store, int s,
                       Lowered::Body& body) {
  if (load.indices.size() != store.indices.size()) return;
  const Apart apart = this->apart(id, load, store);
  if (!apart.possible) return;
  if (!apart.told) {  // whatever iterations before it stored
    body.recurrence = true;
    return;
  }
  const auto stored = uses_.stored.find(s);
  if (apart.alike && !moves(store, id) && stored != uses_.stored.end()) {
    sum_in_memory(id, load, store, s, stored->second, body);
    return;
  }
  if (apart.alike) return;  // in place
  if (!apart.known || !apart.here) {
    if (apart.here) body.checks = true;
    if (!apart.here) body.recurrence = true;
    return;
  }
  if (!apart.moved) return;
  const double first = std::max(1.0, apart.least);
  if (first > std::min(apart.most, kMostReach)) return;
  const double lanes = apart.least == apart.most ? lanes_apart(nest_, store, id, first) : 1.0;
  if (lanes > 1.0)
    body.safe_lanes = body.safe_lanes > 0.0 ? std::min(body.safe_lanes, lanes) : lanes;
  else
    body.recurrence = true;
  if (stored != uses_.stored.end()) {
    ways_.clear();
    Way length = way(load.value, stored->second);
    if (!length.leads()) return;
    body.alone = body.chain.cycles == 0.0 || body.alone;  // an entry follows the one before it at a distance
    // One iteration later it is still in a register (LoopLoadElimination).
    if (!(apart.least == apart.most && first == 1.0 && body.innermost && !stored_elsewhere(id, s)))
      length.add(Link::memory, kForwarded);
    body.chain.longest(length.times(1.0 / first));
    if (first == 1.0) handed_on_.emplace(static_cast<int>(&load - nest_.accesses.data()), s);
  }
}

double Vectorising::copies_in(const Lowered::Item& item, int id) const {
  double copies = 1.0;
  for (const int by : item.copied_by)
    if (nest_.inside(by, id)) copies *= std::max(1.0, loop(by).trips);
  return copies;
}

std::span<const int> Vectorising::values_of(const Lowered::Item& item) const {
  if (item.step < 0) {
    const auto stored = uses_.stored.find(item.access);
    return stored == uses_.stored.end() ? std::span<const int>() : std::span(&stored->second, 1);
  }
  const auto from = uses_.from.find(nest_.steps[static_cast<std::size_t>(item.step)].value);
  return from == uses_.from.end() ? std::span<const int>() : span_of(from->second);
}

void Vectorising::registers(int id, Lowered::Body& body) {
  std::set<int> outside;
  std::map<int, double> outside_instructions;  // by value: how many
  given_outside_ = 0.0;
  double most = 0.0;
  struct Alive {
    std::size_t from = 0, to = 0;
    double values = 1.0;
  };
  std::map<int, Alive> inside;  // by item
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  for (std::size_t position = 0; position < here.size(); ++position) {
    const Lowered::Item& item = lowered_.items[here[position]];
    if (item.step >= 0 && nest_.steps[static_cast<std::size_t>(item.step)].address) continue;
    for (const int value : values_of(item)) {
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
      } else if (outside.insert(value).second) {
        const double copies = copies_in(given, id);
        body.held += std::min(given.copies, copies) - 1.0;
        outside_instructions.emplace(value, copies);
      }
    }
    inside[static_cast<int>(here[position])].from = position;
    if (item.step >= 0 && nest_.steps[static_cast<std::size_t>(item.step)].work == Work::transcendental)
      body.calls += item.copies * nest_.steps[static_cast<std::size_t>(item.step)].elements;
  }
  body.held += static_cast<double>(outside.size()) + body.chains;
  // What chains begin as.
  if (id >= 0)
    for (const int value : loop(id).initial)
      if (uses_.item.contains(value)) outside_instructions.emplace(value, 1.0);
  if (const auto kept = kept_.find(id); kept != kept_.end())
    for (const std::size_t i : kept->second) {
      const Lowered::Item& item = lowered_.items[i];
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
      if (!access.store) outside_instructions.emplace(access.value, copies_in(item, id));
    }
  for (const auto& [value, copies] : outside_instructions) given_outside_ += copies;
  std::vector<double> change(here.size() + 2, 0.0);
  for (const auto& [item, alive] : inside)
    if (alive.to > alive.from) change[alive.from] += alive.values, change[alive.to] -= alive.values;
  double now = 0.0;
  for (const double by : change) most = std::max(most, now += by);
  body.alive = body.held + most;
}

}  // namespace hone::cost::mlir
