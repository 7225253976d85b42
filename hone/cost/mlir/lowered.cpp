#include "hone/cost/mlir/lowered.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "hone/base/mix.h"
#include "hone/base/numbers.h"
#include "hone/cost/mlir/lowering.h"
#include "hone/cost/mlir/spills.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostPlaces = 1000;  // of a buffer whose values are remembered

void add(LoopsAround& loops, int loop) {
  const auto at = std::lower_bound(loops.begin(), loops.end(), loop);
  if (at == loops.end() || *at != loop) loops.insert(at, loop);
}
void add(LoopsAround& loops, const LoopsAround& others) {
  for (const int loop : others) add(loops, loop);
}
bool holds(const LoopsAround& loops, int loop) {
  return std::binary_search(loops.begin(), loops.end(), loop);
}

/// How an access moves, without where it begins.
std::uint64_t movement(const Nest::Access& access) {
  std::uint64_t hash = mixed(1, access.elements);
  for (const Nest::Index& index : access.indices) {
    hash = mixed(hash, index.indirect ? 7 : index.exact ? 3 : 5);
    hash = mixed(mixed(hash, index.unknown), index.offset);
    Few<std::pair<int, double>> terms(index.terms.begin(), index.terms.end());
    std::sort(terms.begin(), terms.end());
    for (const auto& [loop, step] : terms) {
      if (step == 0.0) continue;
      hash = mixed(mixed(hash, loop), step);
    }
  }
  return hash;
}

}  // namespace

Lowered Lowering::run() {
  index_memory();
  walk();
  unroll();
  for (std::size_t i = 0; i < items_.size(); ++i)
    if (!items_[i].gone) finish(items_[i], i);
  // Values by the items that are left.
  uses_.item.erase_if([&](const auto& given) { return !places_.contains(given.second); });
  for (auto& [value, item] : uses_.item) item = places_[item];
  vectorise(nest_, uses_, result_);
  unroll_late();
  spill(nest_, uses_, result_);
  return std::move(result_);
}

std::vector<bool> Lowering::run_early() {
  index_memory();
  walk();
  unroll();
  std::vector<bool> left;
  for (std::size_t i = 0; i < nest_.loops.size(); ++i) left.push_back(result_.bodies[i + 1].left);
  return left;
}

void Lowering::index_memory() {
  for (std::size_t i = 0; i < nest_.accesses.size(); ++i) {
    const Nest::Access& access = nest_.accesses[i];
    movements_.push_back(movement(access));
    for (int at = access.loop; at >= 0; at = loop(at).parent) {
      std::vector<Touch>& list = touches_[{access.buffer, at}];
      auto found = std::find_if(list.begin(), list.end(),
                                [&](const Touch& one) { return one.movement == movements_[i]; });
      if (found == list.end()) {
        list.push_back({movements_[i], false, false, placed(access)});
        found = std::prev(list.end());
      }
      (access.store ? found->stores : found->loads) = true;
      if (access.buffer < 0) continue;
      Meeting& meeting = meetings_[{nest_.memory(access.buffer), at}];
      const auto who = static_cast<std::uint64_t>(access.buffer);
      meeting.touched.note(who, static_cast<int>(i));
      if (access.store) meeting.stored.note(who, static_cast<int>(i));
    }
  }
}

bool Lowering::disturbed(std::size_t access, int at) const {
  const Nest::Access& one = nest_.accesses[access];
  const auto found = touches_.find({one.buffer, at});
  if (found == touches_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Touch& touch) {
    return (one.store || touch.stores) && (touch.movement != movements_[access] || !touch.exact);
  });
}

bool Lowering::stored_in(int buffer, int at) const {
  const auto found = touches_.find({buffer, at});
  return found != touches_.end() && std::any_of(found->second.begin(), found->second.end(),
                                                [](const Touch& touch) { return touch.stores; });
}

void Lowering::walk() {
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
  vary_carried(places);
  for (const Place& place : places) {
    if (place.kind == 0) step(place.index);
    if (place.kind == 1) access(place.index);
    if (place.kind == 2) flow(nest_.flows[place.index]);
  }
}

void Lowering::vary_carried(const std::vector<Place>& places) {
  if (std::all_of(nest_.loops.begin(), nest_.loops.end(),
                  [](const auto& one) { return one.carried.empty(); }))
    return;
  for (int pass = 0; pass < 2; ++pass) {
    for (const Place& place : places) {
      if (place.kind == 0 && nest_.steps[place.index].value != Nest::kNoValue)
        varies_[nest_.steps[place.index].value] = varies_of(nest_.steps[place.index]);
      if (place.kind == 1 && nest_.accesses[place.index].value != Nest::kNoValue) {
        const Nest::Access& access = nest_.accesses[place.index];
        Loops loops = moves_by(access);
        for (int at = access.loop; at >= 0; at = loop(at).parent)
          if (stored_in(access.buffer, at) || met_in(access, at)) add(loops, at);
        varies_[access.value] = std::move(loops);
      }
      if (place.kind == 2) flow(nest_.flows[place.index]);
    }
    for (std::size_t i = 0; i < nest_.loops.size(); ++i) {
      const Nest::Loop& one = nest_.loops[i];
      for (std::size_t k = 0; k < std::min({one.carried.size(), one.initial.size(), one.yielded.size()}); ++k)
        for (const int by : varies_of(std::array{one.initial[k], one.yielded[k]}))
          if (nest_.inside(static_cast<int>(i), by)) add(varies_[one.carried[k]], by);
    }
  }
  uses_.from.clear();  // of the flows
}

bool Lowering::stays(const Nest::Step& step) {
  return step.opaque || step.work == Work::call || step.work == Work::control || step.work == Work::load ||
         step.work == Work::store || step.work == Work::unknown || step.uses.empty();
}

Lowering::Loops Lowering::varies_of(const Nest::Step& step) const {
  Loops loops = varies_of(span_of(step.uses));
  if (stays(step) && step.loop >= 0) add(loops, step.loop);
  return loops;
}

Lowering::Loops Lowering::moves_by(const Nest::Access& access) const {
  Loops loops;
  for (const Nest::Index& one : access.indices) {
    for (const auto& [at, by] : one.terms)
      if (by != 0.0 && nest_.inside(access.loop, at)) add(loops, at);
    if (one.exact && !one.indirect) continue;
    // As far out as what is known only when it runs.
    for (int at = one.unknown == Nest::kNoValue ? access.loop : one.within; at >= 0; at = loop(at).parent)
      add(loops, at);
  }
  if (access.buffer < 0 && access.loop >= 0) add(loops, access.loop);
  return loops;
}

Lowering::Loops Lowering::varies_of(std::span<const int> values) const {
  Loops loops;
  for (const int value : values)
    if (const auto found = varies_.find(value); found != varies_.end()) add(loops, found->second);
  return loops;
}

void Lowering::step(std::size_t index) {
  const Nest::Step& step = nest_.steps[index];
  Item item;
  item.item.step = static_cast<int>(index);
  item.origin = step.loop;
  item.item.share = share(step.loop, step.count);
  item.fixed_by = varies_of(step);
  item.stays = stays(step);
  if (step.value != Nest::kNoValue) varies_[step.value] = item.fixed_by;
  place(item, item.origin);
  if (step.idempotent && step.value != Nest::kNoValue) {
    const int given = same(step.uses[0]) == same(step.uses[1]) ? same(step.uses[0]) : absorbed(step);
    if (given != Nest::kNoValue) {
      same_[step.value] = given;
      item.gone = true;
    }
  }
  if (step.code != 0 && step.value != Nest::kNoValue && !item.stays && !item.gone) {
    Few<std::int64_t> key = {static_cast<std::int64_t>(step.code), item.item.home};
    for (const int value : step.uses) key.push_back(same(value));
    const auto [found, fresh] = known_.try_emplace(std::move(key), step.value);
    if (!fresh) {
      same_[step.value] = found->second;
      item.gone = true;
    }
  }
  if (step.value != Nest::kNoValue && !item.gone) {
    Few<int>& list = uses_.from[step.value];
    for (const int value : step.uses) list.push_back(same(value));
    uses_.item[step.value] = static_cast<int>(items_.size());
    uses_.made[step.value] = {step.work,
                              latency_of(step.work, step.real, step.bits, step.choice, step.called),
                              link_of(step.work, step.real, step.choice)};
  }
  items_.push_back(std::move(item));
}

int Lowering::absorbed(const Nest::Step& step) const {
  if (step.real || step.uses.size() != 2) return Nest::kNoValue;
  const Nest::Step* parts[2] = {};
  for (std::size_t k = 0; k < 2; ++k) {
    const auto found = uses_.item.find(same(step.uses[k]));
    const int made =
        found == uses_.item.end() ? -1 : items_[static_cast<std::size_t>(found->second)].item.step;
    if (made < 0) return Nest::kNoValue;
    parts[k] = &nest_.steps[static_cast<std::size_t>(made)];
    if (!parts[k]->idempotent || parts[k]->real || parts[k]->uses.size() != 2) return Nest::kNoValue;
  }
  const auto operands = [&](const Nest::Step& one) {
    return std::minmax({same(one.uses[0]), same(one.uses[1])});
  };
  if (operands(*parts[0]) != operands(*parts[1])) return Nest::kNoValue;
  for (std::size_t k = 0; k < 2; ++k)
    if (parts[k]->code == step.code) return same(step.uses[k]);
  return Nest::kNoValue;
}

bool Lowering::met_in(const Nest::Access& access, int at) const {
  if (access.buffer < 0) return false;
  const auto found = meetings_.find({nest_.memory(access.buffer), at});
  if (found == meetings_.end()) return false;
  const Last& by = access.store ? found->second.touched : found->second.stored;
  return by.of_others(static_cast<std::uint64_t>(access.buffer)) >= 0;
}

bool Lowering::looked_at(const Nest::Access& store, std::uint64_t movement, int since) const {
  const auto by_others = looks_of_buffers_.find(nest_.memory(store.buffer));
  if (by_others != looks_of_buffers_.end() &&
      by_others->second.of_others(static_cast<std::uint64_t>(store.buffer)) > since)
    return true;
  const auto elsewhere = looks_.find(store.buffer);
  return elsewhere != looks_.end() && elsewhere->second.of_others(movement) > since;
}

void Lowering::forget(const Nest::Access& store, std::uint64_t movement, bool known) {
  auto& places = memory_[store.buffer];
  if (places.size() > kMostPlaces) places.clear();
  std::erase_if(places, [&](const auto& place) { return !known || place.second.movement != movement; });
  if (store.buffer < 0) return;
  std::vector<int>& buffers = remembered_[nest_.memory(store.buffer)];
  for (const int other : buffers)
    if (other != store.buffer) memory_[other].clear();
  buffers.assign(1, store.buffer);
}

void Lowering::overwritten(Item& store, const Item& by) {
  store.gone = true;
  // Of another loop's, DSE takes it away, which runs when loops have been written out.
  store.counts = store.origin != by.origin;
}

void Lowering::access(std::size_t index) {
  const Nest::Access& access = nest_.accesses[index];
  Item item;
  item.item.access = static_cast<int>(index);
  item.origin = access.loop;
  item.item.share = share(access.loop, access.count);
  item.fixed_by = moves_by(access);
  Loops value = item.fixed_by;
  for (int at = access.loop; at >= 0; at = loop(at).parent) {
    if (holds(item.fixed_by, at)) continue;
    // Masked stores stay where they are, and what they may change with them.
    const bool met = met_in(access, at);
    if (disturbed(index, at) || met) add(item.fixed_by, at);
    if (met && !access.store) add(value, at);
    if (access.masked && (access.store || stored_in(access.buffer, at))) add(item.masked_by, at);
    if (stored_in(access.buffer, at)) {
      add(value, at);
      item.item.promoted = item.item.promoted || !holds(item.fixed_by, at);
    }
  }
  place(item, item.origin);
  NumberKey where = {static_cast<double>(item.item.home)};
  for (const Nest::Index& one : access.indices) where.push_back(one.constant);
  where.push_back(static_cast<double>(movements_[index] >> 12U));
  const bool known = placed(access) && access.buffer >= 0 && !access.masked;
  if (access.store) {
    const int stored = access.uses.empty() ? Nest::kNoValue : same(access.uses[0]);
    forget(access, movements_[index], known);
    if (known) {
      Memory& there = memory_[access.buffer][where];
      if (there.store >= 0 && !looked_at(access, movements_[index], there.store))
        overwritten(items_[static_cast<std::size_t>(there.store)], item);
      there = {movements_[index], stored, static_cast<int>(items_.size()), access.loop};
    }
    uses_.stored[static_cast<int>(index)] = stored;
  } else {
    if (access.value != Nest::kNoValue) varies_[access.value] = value;
    if (known) {
      const auto [there, fresh] =
          memory_[access.buffer].try_emplace(where, Memory{movements_[index], access.value, -1, access.loop});
      if (fresh) remembered_[nest_.memory(access.buffer)].push_back(access.buffer);
      if (!fresh) {
        // What a loop hands on to itself begins as what was there, and is not that.
        if (access.value != Nest::kNoValue && (there->second.loop == access.loop || !item.item.promoted))
          same_[access.value] = there->second.value;
        item.gone = true;
      }
    }
    if (access.value != Nest::kNoValue && !item.gone)
      uses_.item[access.value] = static_cast<int>(items_.size());
    if (access.buffer >= 0 && !item.gone) {
      const auto now = static_cast<int>(items_.size());
      looks_of_buffers_[nest_.memory(access.buffer)].note(static_cast<std::uint64_t>(access.buffer), now);
      looks_[access.buffer].note(known ? movements_[index] : 0, now);
    }
  }
  items_.push_back(std::move(item));
}

void Lowering::flow(const Nest::Flow& flow) {
  Loops loops = varies_of(span_of(flow.uses));
  if (flow.ended) loops.erase(std::remove(loops.begin(), loops.end(), flow.loop), loops.end());
  for (const int value : flow.values) {
    varies_[value] = loops;
    for (const int from : flow.uses) uses_.from[value].push_back(same(from));
  }
  if (flow.same) same_[flow.values[0]] = same(flow.uses[0]);
}

bool Lowering::masked(const Lowered::Item& item) const {
  if (item.access < 0) return false;
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
  if (!access.masked || access.indices.empty()) return false;
  // Tests of elements one by one are of constants in copies.
  return mask_moves(access) || (!access.apart && access.elements > left_in_row(access));
}

bool Lowering::mask_moves(const Nest::Access& access) const {
  const Nest::Index& last =
      access.along >= 0 && static_cast<std::size_t>(access.along) < access.indices.size()
          ? access.indices[static_cast<std::size_t>(access.along)]
          : access.indices.back();
  return last.indirect || !last.exact ||
         std::any_of(last.terms.begin(), last.terms.end(),
                     [&](const auto& term) { return left(term.first); });
}

double Lowering::left_in_row(const Nest::Access& access) const {
  if (access.buffer < 0) return kInfinity;
  const std::vector<std::int64_t>& shape = nest_.buffers[static_cast<std::size_t>(access.buffer)].shape;
  if (shape.empty() || shape.back() == kDynamic) return kInfinity;
  // Of the last copy.
  const Nest::Index& last = access.indices.back();
  double place = last.constant;
  for (const auto& [at, step] : last.terms)
    if (step > 0.0) place += step * std::max(0.0, std::floor(loop(at).trips) - 1.0);
  return std::max(0.0, static_cast<double>(shape.back()) - place);
}

bool Lowering::stays_in(const Item& item, int at) const {
  return item.stays || holds(item.fixed_by, at) || (holds(item.masked_by, at) && masked(item.item));
}

void Lowering::place(Item& item, int from) const {
  int at = from;
  while (at >= 0 && !(left(at) && stays_in(item, at))) at = loop(at).parent;
  item.item.home = at;
}

void Lowering::finish(Item& item, std::size_t number) {
  Lowered::Item& one = item.item;
  one.copied_by = item.copied_by;
  one.masked = masked(one);
  if (one.masked) {
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(one.access)];
    if (!mask_moves(access))
      one.switched_bytes = std::fmod(left_in_row(access) * access.bits / 8.0, result_.target.vector_bytes);
  }
  if (one.access >= 0)
    one.stride = one.home < 0
                     ? 0.0
                     : stride_along(nest_, nest_.accesses[static_cast<std::size_t>(one.access)], one.home);
  places_[static_cast<int>(number)] = static_cast<int>(result_.items.size());
  result_.items.push_back(one);
}

bool exact(const Nest::Access& access) {
  return std::all_of(access.indices.begin(), access.indices.end(),
                     [](const Nest::Index& index) { return index.exact && !index.indirect; });
}

bool placed(const Nest::Access& access) {
  return std::all_of(access.indices.begin(), access.indices.end(), [](const Nest::Index& index) {
    return (index.exact && !index.indirect) || index.unknown != Nest::kNoValue;
  });
}

bool moves(const Nest::Access& access, int loop) {
  for (const Nest::Index& index : access.indices)
    for (const auto& [at, by] : index.terms)
      if (at == loop && by != 0.0) return true;
  return false;
}

Lowered lowered(const Nest& nest, const CodeTarget& target) { return Lowering(nest, target).run(); }

std::vector<bool> left_early(const Nest& nest, const CodeTarget& target) {
  return Lowering(nest, target).run_early();
}

}  // namespace hone::cost::mlir
