// Copies of loops written out that stand side by side, as instructions on vectors: LLVM's SLPVectorizer, from
// stores to neighbouring elements to what is stored. What the text has side by side: mlir/straight.cpp.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr std::size_t kMostPairs = 20000;  // of loads and stores, beyond which none is looked at

/// Whether the places of two loops' copies meet, but a copy's not with the same copy of the other's.
bool shifted(const Nest& nest, const Nest::Access& a, int along_a, const Nest::Access& b, int along_b) {
  if (a.indices.size() != b.indices.size()) return false;
  bool same = true;
  for (std::size_t k = 0; k < a.indices.size(); ++k) {
    const auto span = [&](const Nest::Index& index, int along) {
      double span = 0.0;
      for (const auto& [at, by] : index.terms)
        if (at == along) span += std::abs(by) * (nest.loops[static_cast<std::size_t>(at)].trips - 1.0);
      return span;
    };
    const double from_a = a.indices[k].constant, from_b = b.indices[k].constant;
    if (from_a > from_b + span(b.indices[k], along_b) || from_b > from_a + span(a.indices[k], along_a))
      return false;
    same = same && from_a == from_b;
  }
  return !same;
}

}  // namespace

/// What is one instruction now counts once where loops are written out at last.
void Vectorising::shorten(int id, double by) {
  Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(id + 1)];
  body.size = std::max(std::min(body.size, 3.0), body.size - by);
}

bool Vectorising::side_by_side(int id, double widest) {
  widest = floor_to_power(widest);
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  // Loops written out whose copies store neighbours, here or, what stays in registers, when this ends.
  Few<int> alongs;
  const auto look = [&](const Lowered::Item& item) {
    if (item.access < 0 || !nest_.accesses[static_cast<std::size_t>(item.access)].store) return;
    for (const int copied : item.copied_by)
      if ((neighbours(item, copied) || all_in_turn(item, copied)) &&
          std::find(alongs.begin(), alongs.end(), copied) == alongs.end())
        alongs.push_back(copied);
  };
  for (const std::size_t i : here) look(lowered_.items[i]);
  const auto kept = kept_.find(id);
  const bool in_registers = alongs.empty() && kept != kept_.end();
  if (in_registers)
    for (const std::size_t i : kept->second) look(lowered_.items[i]);
  // What another loop's copies leave elsewhere than it is taken from is in registers one by one.
  std::map<int, std::pair<std::vector<const Nest::Access*>, std::vector<const Nest::Access*>>> done;
  for (const std::size_t i : here) {
    if (alongs.size() < 2) break;
    const int access = lowered_.items[i].access;
    if (access < 0) continue;
    const Nest::Access& one = nest_.accesses[static_cast<std::size_t>(access)];
    for (const int along : alongs)
      if (nest_.inside(one.loop, along)) (one.store ? done[along].second : done[along].first).push_back(&one);
  }
  const auto takes = [&](int along, int from) {
    const auto &loads = done[along].first, &stores = done[from].second;
    if (loads.size() * stores.size() > kMostPairs) return false;
    return std::any_of(loads.begin(), loads.end(), [&](const Nest::Access* load) {
      return std::any_of(stores.begin(), stores.end(), [&](const Nest::Access* store) {
        return load->buffer == store->buffer && shifted(nest_, *load, along, *store, from);
      });
    });
  };
  for (std::size_t k = 0; k < alongs.size(); ++k)
    if (std::none_of(alongs.begin(), alongs.begin() + static_cast<std::ptrdiff_t>(k),
                     [&](int from) { return takes(alongs[k], from); }))
      copies_along(id, alongs[k], in_registers, widest);
  straight(id, widest);
  const bool reduced = reductions(id, widest);
  round_loop(id, widest);
  sums_of_copies(id, widest);
  sums_of_text(id);
  return reduced;
}

/// Four at least, with mask registers.
bool Vectorising::gathers(double lanes) const { return lowered_.target.masks() && lanes >= 4.0; }

bool Vectorising::gathers(const Lowered::Item& item, double lanes, int along) const {
  if (item.access < 0 || !gathers(lanes)) return false;
  // Of copies whose places are a quotient or a remainder some are the same or neighbours: loads and shuffles.
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
  if (access.store) return false;
  return along < 0 || !std::isnan(stride_along(nest_, access, along)) ||
         std::any_of(access.indices.begin(), access.indices.end(),
                     [](const Nest::Index& index) { return index.indirect; });
}

double Vectorising::apart_cost(const Lowered::Item& item, double lanes, int along) const {
  return gathers(item, lanes, along) ? 2.0 * item.copies / lanes : item.copies;
}

void Vectorising::bring_together(Lowered::Item& item, double lanes, int along) const {
  item.gathered = true;
  item.gathers = gathers(item, lanes, along);
  item.shuffles += item.gathers ? 2.0 * item.copies / lanes : item.copies * (1.0 - 1.0 / lanes);
}

namespace {

/// Elements that copies take in turn, one each: more are seldom one vector's.
bool takes_turns(double stride) { return stride == 2.0 || stride == 4.0; }

}  // namespace

bool Vectorising::in_turn(const Lowered::Item& item, int along) const {
  if (item.access < 0) return false;
  const Nest::Access& one = nest_.accesses[static_cast<std::size_t>(item.access)];
  const double stride = std::abs(stride_along(nest_, one, along));
  if (!takes_turns(stride)) return false;
  // Where the others of the same buffer are, and what computes what they store.
  std::set<double> places;
  std::set<std::uint64_t> codes;
  for (const std::size_t i : at_[static_cast<std::size_t>(item.home + 1)]) {
    const Lowered::Item& other = lowered_.items[i];
    if (other.access < 0 || other.share != item.share || other.copies != item.copies) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(other.access)];
    if (access.buffer != one.buffer || access.store != one.store) continue;
    const double place = distance(nest_, one, access);
    if (!(std::abs(place) < stride)) continue;
    places.insert(place);
    const auto stored = uses_.stored.find(other.access);
    if (!one.store || stored == uses_.stored.end()) continue;
    const auto from = uses_.item.find(stored->second);
    const int step =
        from == uses_.item.end() ? -1 : lowered_.items[static_cast<std::size_t>(from->second)].step;
    codes.insert(step < 0 ? 0 : nest_.steps[static_cast<std::size_t>(step)].code);
  }
  if (codes.size() > 2) return false;
  for (double first = 1.0 - stride; first <= 0.0; ++first) {
    bool all = true;
    for (double place = first; all && place < first + stride; ++place) all = places.contains(place);
    if (all) return true;
  }
  return false;
}

bool Vectorising::all_in_turn(const Lowered::Item& store, int along) const {
  if (loop(along).trips < 2.0 || !in_turn(store, along)) return false;
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(store.home + 1)];
  return std::all_of(here.begin(), here.end(), [&](std::size_t i) {
    const Lowered::Item& item = lowered_.items[i];
    if (std::find(item.copied_by.begin(), item.copied_by.end(), along) == item.copied_by.end()) return true;
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      return step.address || has_vectors(step);
    }
    return neighbours(item, along) || in_turn(item, along);
  });
}

std::set<std::size_t> Vectorising::under_calls(int id, int along) const {
  std::set<std::size_t> items;
  std::vector<std::size_t> open;
  const auto copied = [&](const Lowered::Item& item) {
    return item.home == id &&
           std::find(item.copied_by.begin(), item.copied_by.end(), along) != item.copied_by.end();
  };
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.step < 0 || !copied(item)) continue;
    const Work work = nest_.steps[static_cast<std::size_t>(item.step)].work;
    const bool opaque = nest_.steps[static_cast<std::size_t>(item.step)].opaque;
    if (((work == Work::transcendental && opaque) || work == Work::call) && items.insert(i).second)
      open.push_back(i);
  }
  while (!open.empty()) {
    const Lowered::Item& item = lowered_.items[open.back()];
    open.pop_back();
    if (item.step < 0) continue;
    for (const int value : values_of(item)) {
      const auto from = uses_.item.find(value);
      if (from == uses_.item.end()) continue;
      const auto i = static_cast<std::size_t>(from->second);
      if (copied(lowered_.items[i]) && items.insert(i).second) open.push_back(i);
    }
  }
  return items;
}

/// Copies of a loop written out that store neighbours.
void Vectorising::copies_along(int id, int along, bool in_registers, double widest) {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  double each = 1.0;  // elements of a copy that are neighbours
  const auto kept = kept_.find(id);
  for (const std::size_t i : in_registers&& kept != kept_.end() ? kept->second : here) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access >= 0 && nest_.accesses[static_cast<std::size_t>(item.access)].store &&
        in_turn(item, along))
      each = std::abs(stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], along));
  }
  const double lanes = floor_to_power(std::min(widest, each * loop(along).trips));
  if (lanes < 2.0 || waits(id, along)) return;
  // Elements a stride apart are put together one by one, one for all is copied.
  const auto stride = [&](const Lowered::Item& item) {
    return item.access < 0 || (each > 1.0 && in_turn(item, along))
               ? 1.0
               : std::abs(stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], along));
  };
  // What is only copied is not worth a gather.
  const bool worked = std::any_of(here.begin(), here.end(), [&](std::size_t i) {
    const Lowered::Item& item = lowered_.items[i];
    return item.step >= 0 && !nest_.steps[static_cast<std::size_t>(item.step)].address &&
           std::find(item.copied_by.begin(), item.copied_by.end(), along) != item.copied_by.end();
  });
  std::vector<std::size_t> copies;
  double saved = 0.0;
  const std::set<std::size_t> called = under_calls(id, along);
  for (const std::size_t i : here) {
    const Lowered::Item& item = lowered_.items[i];
    // A tree from further out may have made a vector of it already; what calls take is in none.
    if (item.lanes > 1.0 || called.contains(i) ||
        std::find(item.copied_by.begin(), item.copied_by.end(), along) == item.copied_by.end() ||
        stride(item) == 0.0)
      continue;
    if (item.step >= 0) {
      const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
      if (!step.address && !has_vectors(step)) {
        saved -= 2.0 * item.copies;  // taken out and put together again
        continue;
      }
    }
    copies.push_back(i);
    if (item.step < 0 || !nest_.steps[static_cast<std::size_t>(item.step)].address)
      saved += stride(item) == 1.0 ? item.copies * (1.0 - 1.0 / lanes)
               : worked            ? -apart_cost(item, lanes, along)
                                   : -item.copies;
  }
  // What calls give or take is put into vectors one by one.
  std::set<std::size_t> given;
  if (!called.empty())
    for (const std::size_t i : copies)
      for (const int value : values_of(lowered_.items[i]))
        if (const auto from = uses_.item.find(value);
            from != uses_.item.end() && called.contains(static_cast<std::size_t>(from->second)))
          given.insert(static_cast<std::size_t>(from->second));
  for (const std::size_t i : given) saved -= lowered_.items[i].copies * (1.0 - 1.0 / lanes);
  if (saved <= 0.0) return;
  shorten(id, saved);
  Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(id + 1)];
  if (in_registers) body.chains = std::max(std::min(body.chains, 1.0), body.chains / lanes);
  for (const std::size_t i : given)
    lowered_.items[i].shuffles += lowered_.items[i].copies * (1.0 - 1.0 / lanes);
  for (const std::size_t i : copies) {
    Lowered::Item& item = lowered_.items[i];
    item.lanes = lanes;
    item.along = along;
    if (stride(item) == 1.0) continue;
    bring_together(item, lanes, along);
    if (!worked) {
      item.gathers = false;
      item.shuffles = item.copies;
    }
  }
}

/// The items under a value that have copies by a loop become vectors of so many, a part of the copies, if
/// that saves more than `shuffles`, which `top` then does.
void Vectorising::stand_together(int value, int id, int along, double lanes, double part, double shuffles,
                                 std::size_t top, bool sum) {
  std::vector<std::size_t> items;
  std::set<int> seen;
  int handed_on = 0;
  copies_under(value, along, items, seen, handed_on);
  // Copies that wait for each other are none side by side, but for the sum itself.
  if (handed_on > (!items.empty() && items[0] == top && sum ? 1 : 0)) return;
  double saved = -shuffles;
  for (const std::size_t k : items) {
    const Lowered::Item& item = lowered_.items[k];
    saved += part *
             (neighbours(item, along) ? item.copies * (1.0 - 1.0 / lanes) : -apart_cost(item, lanes, along));
  }
  if (items.empty() || saved <= 0.0) return;
  shorten(id, saved);
  lowered_.items[top].shuffles += shuffles;
  for (const std::size_t k : items) {
    Lowered::Item& item = lowered_.items[k];
    item.lanes = lanes;
    item.paired = part;
    if (!neighbours(item, along)) bring_together(item, lanes, along);
  }
}

/// Of loops written out: what their copies add to an element that stays.
void Vectorising::sums_of_copies(int id, double widest) {
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& top = lowered_.items[i];
    if (top.step < 0 || top.lanes > 1.0 || top.copied_by.empty()) continue;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
    if (step.elements > 1.0 || step.address) continue;
    // Only sums of reals keep their order.
    const bool any_order = step.real ? step.work == Work::compare && step.choice.single >= kExtremum.single
                                     : step.work == Work::integer || step.work == Work::integer_multiply;
    if (!any_order && (step.work != Work::add || !step.real)) continue;
    for (const int along : top.copied_by) {
      if (loop(along).trips < 2.0 || !summed(step.value, along)) continue;
      if (any_order) {
        // Sums of lanes, which are added up at last.
        const double lanes = floor_to_power(std::min(widest, loop(along).trips));
        if (lanes >= 4.0) stand_together(step.value, id, along, lanes, 1.0, 2.0 * std::log2(lanes), i, true);
        break;
      }
      const auto from = uses_.from.find(step.value);
      if (from == uses_.from.end()) break;
      // The last sums are looked at, but for one that goes round a loop.
      double sums = 1.0;
      for (const int by : top.copied_by)
        if (summed(step.value, by)) sums *= std::max(1.0, loop(by).trips);
      const double pairs = std::floor((id >= 0 && summed(step.value, id) ? sums - 1.0 : sums) / 2.0);
      const double part = 2.0 * std::min(pairs, kDeepestSums / 2.0) / sums;
      if (part <= 0.0) break;
      for (const int value : from->second) {
        const auto given = uses_.item.find(value);
        if (given == uses_.item.end()) continue;
        const auto first = static_cast<std::size_t>(given->second);
        const Lowered::Item& item = lowered_.items[first];
        if (item.step >= 0)
          stand_together(value, id, along, 2.0, part, 0.5 * part * item.copies, first,
                         false);  // every other one is taken out
      }
      break;
    }
  }
}

/// Whether a value is what a loop hands on from iteration to iteration, or what it stores in one place.
bool Vectorising::summed(int value, int along) const {
  const Nest::Loop& one = loop(along);
  if (std::find(one.yielded.begin(), one.yielded.end(), value) != one.yielded.end()) return true;
  const auto stores = stores_of_.find(value);
  return stores != stores_of_.end() &&
         std::any_of(stores->second.begin(), stores->second.end(), [&](int access) {
           return stride_along(nest_, nest_.accesses[static_cast<std::size_t>(access)], along) == 0.0;
         });
}

/// Whether copies of a loop written out wait for those before: for what they hand on, or store.
bool Vectorising::waits(int id, int along) const {
  if (!loop(along).carried.empty()) return true;
  std::vector<const Nest::Access*> loads, stores;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (nest_.inside(access.loop, along)) (access.store ? stores : loads).push_back(&access);
  }
  if (loads.size() * stores.size() > kMostPairs) return true;
  return std::any_of(stores.begin(), stores.end(), [&](const Nest::Access* store) {
    return std::any_of(loads.begin(), loads.end(), [&](const Nest::Access* load) {
      if (load->buffer != store->buffer) return nest_.meet(load->buffer, store->buffer);
      return !nest_.told(*load, along) || !nest_.told(*store, along) ||
             carried_by(*load, *store, along) == Carried::onward;
    });
  });
}

/// Whether a value is what a loop written out hands from one copy to the next, by itself or in a place that
/// it stores to.
bool Vectorising::hands_on(int value, int along) const {
  const Nest::Loop& one = loop(along);
  if (std::find(one.carried.begin(), one.carried.end(), value) != one.carried.end()) return true;
  const auto given = uses_.item.find(value);
  if (given == uses_.item.end()) return false;
  const Lowered::Item& item = lowered_.items[static_cast<std::size_t>(given->second)];
  if (item.access < 0) return false;
  const Nest::Access& load = nest_.accesses[static_cast<std::size_t>(item.access)];
  if (load.buffer < 0 || stride_along(nest_, load, along) != 0.0) return false;
  const auto others = accesses_.find({home_of(load.loop), load.buffer});
  return others != accesses_.end() &&
         std::any_of(others->second.begin(), others->second.end(), [&](int other) {
           const Nest::Access& store = nest_.accesses[static_cast<std::size_t>(other)];
           return store.store && nest_.inside(store.loop, along) &&
                  carried_by(load, store, along) == Carried::in_place;
         });
}

/// Copies of a step stand side by side, those of an access if they move by one.
bool Vectorising::neighbours(const Lowered::Item& item, int along) const {
  return item.access < 0 ||
         std::abs(stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], along)) == 1.0;
}

/// The items under a value that have copies by a loop, itself first.
void Vectorising::copies_under(int value, int along, std::vector<std::size_t>& items, std::set<int>& seen,
                               int& handed_on) const {
  if (!seen.insert(value).second || seen.size() > 1000) return;
  if (hands_on(value, along)) ++handed_on;
  const auto given = uses_.item.find(value);
  if (given == uses_.item.end()) return;
  const Lowered::Item& item = lowered_.items[static_cast<std::size_t>(given->second)];
  if (item.lanes > 1.0 ||
      (item.step >= 0 && !has_vectors(nest_.steps[static_cast<std::size_t>(item.step)])) ||
      std::find(item.copied_by.begin(), item.copied_by.end(), along) == item.copied_by.end())
    return;
  if (item.access >= 0 &&
      stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], along) == 0.0)
    return;
  items.push_back(static_cast<std::size_t>(given->second));
  if (item.access >= 0) return;
  if (const auto from = uses_.from.find(value); from != uses_.from.end())
    for (const int other : from->second) copies_under(other, along, items, seen, handed_on);
}

}  // namespace hone::cost::mlir
