// Straight code whose copies stand side by side, as instructions on vectors: LLVM's SLPVectorizer, from
// stores to neighbouring elements to what is stored.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "hone/base/numbers.h"
#include "hone/cost/mlir_vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr int kDeepest = 12;                 // RecursionMaxDepth
constexpr std::size_t kMostVisited = 20000;  // values of a function, beyond which nothing is looked for

}  // namespace

/// A tree of bundles from a row of stores on: what it saves, and which items it makes vectors of.
class Vectorising::Bundles {
 public:
  explicit Bundles(Vectorising& of) : of_(of) {}

  /// Two values that are but needed one by one.
  void pair(int one, int other) {
    saved_ -= 1.0;  // to take one of them out
    follow({one, other}, 1);
  }
  void grow(const std::vector<std::size_t>& stores) {
    for (const std::size_t i : stores) items_.push_back(i);
    gained(of_.lowered_.items[stores[0]].home, stores.size());
    std::vector<int> values;
    for (const std::size_t i : stores) {
      const auto stored = of_.uses_.stored.find(of_.lowered_.items[i].access);
      if (stored == of_.uses_.stored.end()) return;
      values.push_back(stored->second);
    }
    follow(values, 1);
  }
  bool pays() const { return possible_ && saved_ > 0.0; }
  /// Makes them so many elements' vectors, each counted `copies` times.
  void settle(double lanes, double copies) {
    for (const std::size_t i : items_) of_.lowered_.items[i].lanes = lanes;
    for (const std::size_t i : gathers_) {
      Lowered::Item& item = of_.lowered_.items[i];
      item.lanes = lanes;
      of_.bring_together(item, lanes, -1);
    }
    for (const auto& [home, gain] : gains_) of_.shorten(home, gain * copies);
  }

 private:
  void gained(int home, std::size_t count) {
    saved_ += static_cast<double>(count) - 1.0;
    gains_[home] += static_cast<double>(count) - 1.0;
  }
  /// Values that are put together one by one, unless they are constants.
  void apart(const std::vector<int>& values) {
    if (std::any_of(values.begin(), values.end(), [&](int value) { return of_.uses_.item.count(value) > 0; }))
      saved_ -= static_cast<double>(values.size());
    for (const int value : values) possible_ = possible_ && !waits(value);
  }
  /// Whether a value comes from one that is in a bundle already.
  bool waits(int value) {
    if (bundled_.count(value) > 0) return true;
    if (++of_.visited_together_ > kMostVisited) return true;
    if (!waited_.insert(value).second) return false;
    const auto from = of_.uses_.from.find(value);
    if (from == of_.uses_.from.end() || waited_.size() > 400) return false;
    return std::any_of(from->second.begin(), from->second.end(), [&](int other) { return waits(other); });
  }

  /// Values that are to be one vector's elements.
  void follow(const std::vector<int>& values, int depth) {
    if (std::all_of(values.begin(), values.end(), [&](int value) { return value == values[0]; })) {
      if (of_.uses_.item.count(values[0]) > 0) saved_ -= 1.0;  // to all lanes
      return;
    }
    if (!seen_.insert(values).second) return;
    if (++of_.visited_together_ > kMostVisited) possible_ = false;
    if (!possible_) return;
    // One of them may not wait for another; what is loaded is put in another order.
    const auto loaded = [&](int value) {
      const auto given = of_.uses_.item.find(value);
      return given != of_.uses_.item.end() &&
             of_.lowered_.items[static_cast<std::size_t>(given->second)].access >= 0;
    };
    const bool again =
        std::any_of(values.begin(), values.end(), [&](int value) { return bundled_.count(value) > 0; });
    if (again && std::all_of(values.begin(), values.end(), loaded)) {
      saved_ -= 1.0;
      return;
    }
    if (again) {
      possible_ = false;
      return;
    }
    std::vector<std::size_t> items;
    for (const int value : values) {
      const auto given = of_.uses_.item.find(value);
      // What was moved out together can be together there.
      if (given == of_.uses_.item.end() ||
          (!items.empty() && of_.lowered_.items[static_cast<std::size_t>(given->second)].home !=
                                 of_.lowered_.items[items[0]].home))
        break;
      items.push_back(static_cast<std::size_t>(given->second));
    }
    const double lanes = static_cast<double>(values.size());
    if (items.size() < values.size() || depth >= kDeepest) return apart(values);
    if (!alike(items)) {
      if (depth == 1 || !gathered(items)) return apart(values);  // what is only copied is not worth it
      saved_ -= 2.0;
      bundled_.insert(values.begin(), values.end());
      gathers_.insert(gathers_.end(), items.begin(), items.end());
      return;
    }
    const auto taken = [&](std::size_t i) { return of_.lowered_.items[i].lanes > 1.0; };
    if (std::any_of(items.begin(), items.end(), taken)) {
      // By an earlier tree: as they are wanted here, or not.
      if (!std::all_of(items.begin(), items.end(),
                       [&](std::size_t i) { return of_.lowered_.items[i].lanes == lanes; }))
        apart(values);
      return;
    }
    bundled_.insert(values.begin(), values.end());
    gained(of_.lowered_.items[items[0]].home, items.size());
    items_.insert(items_.end(), items.begin(), items.end());
    const auto first = of_.uses_.from.find(values[0]);
    if (of_.lowered_.items[items[0]].access >= 0 || first == of_.uses_.from.end()) return;
    for (std::size_t k = 0; k < first->second.size() && possible_; ++k) {
      std::vector<int> operands;
      for (const int value : values) {
        const auto from = of_.uses_.from.find(value);
        if (from == of_.uses_.from.end() || from->second.size() <= k) return;
        operands.push_back(from->second[k]);
      }
      follow(operands, depth + 1);
    }
  }

  /// Whether they are loads of one buffer that a gather brings together.
  bool gathered(const std::vector<std::size_t>& items) const {
    const Lowered::Item& first = of_.lowered_.items[items[0]];
    // What is wanted twice is loaded once: fewer than a gather's.
    if (std::set<std::size_t>(items.begin(), items.end()).size() < items.size()) return false;
    return first.access >= 0 && of_.gathers(static_cast<double>(items.size())) &&
           std::all_of(items.begin(), items.end(), [&](std::size_t i) {
             const Lowered::Item& item = of_.lowered_.items[i];
             return item.access >= 0 && item.lanes <= 1.0 && item.share == first.share &&
                    item.copies == first.copies &&
                    of_.nest_.accesses[static_cast<std::size_t>(item.access)].buffer ==
                        of_.nest_.accesses[static_cast<std::size_t>(first.access)].buffer;
           });
  }

  /// Whether they are one operation, or loads of neighbours.
  bool alike(const std::vector<std::size_t>& items) const {
    const Lowered::Item& first = of_.lowered_.items[items[0]];
    for (std::size_t k = 1; k < items.size(); ++k) {
      const Lowered::Item& one = of_.lowered_.items[items[k]];
      if ((one.step >= 0) != (first.step >= 0) || one.share != first.share || one.copies != first.copies)
        return false;
      if (one.step >= 0) {
        const Nest::Step &a = of_.nest_.steps[static_cast<std::size_t>(first.step)],
                         &b = of_.nest_.steps[static_cast<std::size_t>(one.step)];
        if (a.code != b.code || a.code == 0 || a.bits != b.bits || !has_vectors(a) || !has_vectors(b))
          return false;
      } else if (distance(of_.nest_, of_.nest_.accesses[static_cast<std::size_t>(first.access)],
                          of_.nest_.accesses[static_cast<std::size_t>(one.access)]) !=
                 static_cast<double>(k)) {
        return false;
      }
    }
    return true;
  }

  Vectorising& of_;
  double saved_ = 0.0;
  std::map<int, double> gains_;  ///< by the loop where they are
  bool possible_ = true;
  std::vector<std::size_t> items_, gathers_;
  std::set<std::vector<int>> seen_;
  std::set<int> bundled_, waited_;
};

/// What is one instruction now counts once where loops are written out at last.
void Vectorising::shorten(int id, double by) {
  Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(id + 1)];
  body.size = std::max(std::min(body.size, 3.0), body.size - by);
}

void Vectorising::side_by_side(int id, double widest) {
  widest = floor_to_power(widest);
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  // A loop written out whose copies store neighbours, here or, what stays in registers, when this ends.
  int along = -1;
  const auto look = [&](const Lowered::Item& item) {
    if (item.access < 0 || !nest_.accesses[static_cast<std::size_t>(item.access)].store) return;
    for (const int copied : item.copied_by)
      if (std::abs(stride_along(nest_, nest_.accesses[static_cast<std::size_t>(item.access)], copied)) == 1.0)
        along = copied;
  };
  for (const std::size_t i : here) look(lowered_.items[i]);
  const auto kept = kept_.find(id);
  const bool in_registers = along < 0 && kept != kept_.end();
  if (in_registers)
    for (const std::size_t i : kept->second) look(lowered_.items[i]);
  if (along >= 0) copies_along(id, along, in_registers, widest);
  straight(id, widest);
  sums_of_copies(id, widest);
  sums_of_text(id);
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
  item.shuffles += item.gathers ? 2.0 * item.copies / lanes : item.copies;
}

/// Copies of a loop written out that store neighbours.
void Vectorising::copies_along(int id, int along, bool in_registers, double widest) {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  const double lanes = floor_to_power(std::min(widest, loop(along).trips));
  if (lanes < 2.0 || waits(id, along)) return;
  // Elements a stride apart are put together one by one, one for all is copied.
  const auto stride = [&](const Lowered::Item& item) {
    return item.access < 0
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
  for (const std::size_t i : here) {
    const Lowered::Item& item = lowered_.items[i];
    // A tree from further out may have made a vector of it already.
    if (item.lanes > 1.0 ||
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
  if (saved <= 0.0) return;
  shorten(id, saved);
  Lowered::Body& body = lowered_.bodies[static_cast<std::size_t>(id + 1)];
  if (in_registers) body.chains = std::max(std::min(body.chains, 1.0), body.chains / lanes);
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

/// The items under a value that have copies by a loop become vectors of so many, if that saves more than
/// `shuffles`, which `top` then does.
void Vectorising::stand_together(int value, int id, int along, double lanes, double shuffles, std::size_t top,
                                 bool sum) {
  std::vector<std::size_t> items;
  std::set<int> seen;
  int handed_on = 0;
  copies_under(value, along, items, seen, handed_on);
  // Copies that wait for each other are none side by side, but for the sum itself.
  if (handed_on > (!items.empty() && items[0] == top && sum ? 1 : 0)) return;
  double saved = -shuffles;
  for (const std::size_t k : items) {
    const Lowered::Item& item = lowered_.items[k];
    saved += neighbours(item, along) ? item.copies * (1.0 - 1.0 / lanes) : -apart_cost(item, lanes, along);
  }
  if (items.empty() || saved <= 0.0) return;
  shorten(id, saved);
  lowered_.items[top].shuffles += shuffles;
  for (const std::size_t k : items) {
    Lowered::Item& item = lowered_.items[k];
    item.lanes = lanes;
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
    const bool any_order = step.real ? step.work == Work::compare && step.choice.single > 2.0
                                     : step.work == Work::integer || step.work == Work::integer_multiply;
    if (!any_order && (step.work != Work::add || !step.real)) continue;
    for (const int along : top.copied_by) {
      if (loop(along).trips < 2.0 || !summed(step.value, along)) continue;
      if (any_order) {
        // Sums of lanes, which are added up at last.
        const double lanes = floor_to_power(std::min(widest, loop(along).trips));
        if (lanes >= 4.0) stand_together(step.value, id, along, lanes, 2.0 * std::log2(lanes), i, true);
        break;
      }
      const auto from = uses_.from.find(step.value);
      if (from == uses_.from.end()) break;
      for (const int value : from->second) {
        const auto given = uses_.item.find(value);
        if (given == uses_.item.end()) continue;
        const auto first = static_cast<std::size_t>(given->second);
        const Lowered::Item& item = lowered_.items[first];
        if (item.step >= 0)
          stand_together(value, id, along, 2.0, 0.5 * item.copies, first,
                         false);  // every other one is taken out
      }
      break;
    }
  }
}

/// Of the text: a + x, then + y.
void Vectorising::sums_of_text(int id) {
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& top = lowered_.items[i];
    if (top.step < 0 || top.lanes > 1.0) continue;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
    const auto from = uses_.from.find(step.value);
    if (step.work != Work::add || !step.real || step.elements > 1.0 || from == uses_.from.end() ||
        from->second.size() != 2)
      continue;
    for (int k = 0; k < 2; ++k) {
      const int before = from->second[static_cast<std::size_t>(k)],
                added = from->second[static_cast<std::size_t>(1 - k)];
      const auto inner = uses_.from.find(before);
      const auto work = uses_.work.find(before);
      if (inner == uses_.from.end() || inner->second.size() != 2 || work == uses_.work.end() ||
          work->second != Work::add)
        continue;
      bool done = false;
      for (const int other : inner->second) {
        const auto one = uses_.item.find(added), two = uses_.item.find(other);
        if (done || one == uses_.item.end() || two == uses_.item.end()) continue;
        if (lowered_.items[static_cast<std::size_t>(one->second)].step < 0 ||
            lowered_.items[static_cast<std::size_t>(one->second)].lanes > 1.0 ||
            lowered_.items[static_cast<std::size_t>(two->second)].lanes > 1.0)
          continue;
        Bundles bundles(*this);
        bundles.pair(other, added);
        if (!bundles.pays()) continue;
        bundles.settle(2.0, top.copies);
        lowered_.items[static_cast<std::size_t>(one->second)].shuffles += top.copies;
        done = true;
      }
      if (done) break;
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
  if (loads.size() * stores.size() > kMostVisited) return true;
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

void Vectorising::straight(int id, double widest) {
  std::vector<std::size_t> stores;
  for (const std::size_t i : at_[static_cast<std::size_t>(id + 1)]) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || item.share < 1.0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    if (access.store && access.elements <= 1.0) stores.push_back(i);
  }
  if (stores.size() < 2 || stores.size() > kMostStores) return;
  // Of loops written out, each copy by itself.
  std::map<int, bool> one_by_one;
  std::erase_if(stores, [&](std::size_t i) {
    const std::vector<int>& by = lowered_.items[i].copied_by;
    return std::any_of(by.begin(), by.end(), [&](int along) {
      const auto [found, fresh] = one_by_one.try_emplace(along, false);
      if (fresh) found->second = waits(id, along);
      return found->second;
    });
  });
  // Rows of neighbours.
  std::vector<std::vector<std::size_t>> rows;
  std::map<std::vector<double>, std::size_t> row_of;
  const auto access_of = [&](std::size_t i) -> const Nest::Access& {
    return nest_.accesses[static_cast<std::size_t>(lowered_.items[i].access)];
  };
  for (const std::size_t i : stores) {
    const Nest::Access& access = access_of(i);
    const auto [row, fresh] =
        row_of.try_emplace(row_of_access(access, lowered_.items[i].copies), rows.size());
    if (fresh) rows.emplace_back();
    rows[row->second].push_back(i);
  }
  for (std::vector<std::size_t>& row : rows) {
    std::stable_sort(row.begin(), row.end(), [&](std::size_t a, std::size_t b) {
      return access_of(a).indices.back().constant < access_of(b).indices.back().constant;
    });
    // The widest first, anywhere.
    for (auto width = static_cast<std::size_t>(widest); width >= 2; width /= 2)
      for (std::size_t begin = 0; begin + width <= row.size();) {
        std::size_t end = begin;
        while (end < begin + width && lowered_.items[row[end]].lanes <= 1.0 &&
               (end == begin || distance(nest_, access_of(row[end - 1]), access_of(row[end])) == 1.0))
          ++end;
        if (end < begin + width) {
          begin = std::max(begin + 1, end);
          continue;
        }
        Bundles bundles(*this);
        bundles.grow({row.begin() + static_cast<std::ptrdiff_t>(begin),
                      row.begin() + static_cast<std::ptrdiff_t>(end)});
        if (bundles.pays()) {
          bundles.settle(static_cast<double>(width), lowered_.items[row[begin]].copies);
          begin = end;
        } else {
          ++begin;
        }
      }
  }
}

}  // namespace hone::cost::mlir
