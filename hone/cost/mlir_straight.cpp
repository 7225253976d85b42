// What stands side by side in the text, as instructions on vectors: LLVM's SLPVectorizer, from stores to
// neighbouring elements to what is stored. Copies of loops: mlir_side_by_side.cpp.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "hone/cost/mlir_vectorising.h"

namespace hone::cost::mlir {

namespace {

constexpr int kDeepestBundle = 12;           // RecursionMaxDepth
constexpr int kDeepestRounds = 200;          // loops one behind the other or inside
constexpr int kMostTrees = 100;              // one behind the other
constexpr std::size_t kMostBundled = 20000;  // values of a function, beyond which nothing is looked for

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
    possible_ = possible_ && !loaded_after(stores);
  }
  /// From values on that are no stores', at a cost beforehand.
  void grow_from(const std::vector<int>& values, double cost) {
    saved_ -= cost;
    follow(values, 1);
  }
  /// Whether a value is known when it runs.
  bool given(int value) const {
    return of_.uses_.item.contains(value) ||
           std::ranges::find(of_.nest_.arguments, value) != of_.nest_.arguments.end();
  }
  /// To put values together; the first real is in a vector's register already.
  double apart_cost(const std::vector<int>& values) const {
    const auto count =
        static_cast<double>(std::ranges::count_if(values, [&](int value) { return given(value); }));
    const bool reals = std::ranges::all_of(values, [&](int value) {
      const auto from = of_.uses_.item.find(value);
      if (from == of_.uses_.item.end()) return true;
      const Lowered::Item& item = of_.lowered_.items[static_cast<std::size_t>(from->second)];
      return item.step >= 0 ? of_.nest_.steps[static_cast<std::size_t>(item.step)].real
                            : access_of(static_cast<std::size_t>(from->second)).real;
    });
    return reals ? std::max(0.0, count - 1.0) : count;
  }
  bool pays() const { return possible_ && saved_ > 0.0; }
  /// Values at which it went no further, each as many as lanes.
  const std::vector<std::vector<int>>& ends() const { return ends_; }
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
  const Nest::Access& access_of(std::size_t item) const {
    return of_.nest_.accesses[static_cast<std::size_t>(of_.lowered_.items[item].access)];
  }
  /// Whether one of these stores may be to an element that is loaded after it for another of them: then they
  /// cannot be done at once.
  bool loaded_after(const std::vector<std::size_t>& stores) const {
    return std::any_of(stores.begin(), stores.end(), [&](std::size_t s) {
      const Nest::Access& store = access_of(s);
      return std::any_of(loads_.begin(), loads_.end(), [&](std::size_t l) {
        const Nest::Access& load = access_of(l);
        return load.order > store.order && of_.lowered_.items[l].home == of_.lowered_.items[s].home &&
               of_.nest_.meet(load.buffer, store.buffer) && !apart(store, load);
      });
    });
  }
  /// Whether a compiler sees that two accesses are not to the same elements.
  static bool apart(const Nest::Access& a, const Nest::Access& b) {
    if (!by_constants(a, b)) return false;
    for (std::size_t k = 0; k < a.indices.size(); ++k) {
      const double ahead = b.indices[k].constant - a.indices[k].constant;
      const double elements = k + 1 < a.indices.size() ? 1.0 : ahead > 0.0 ? a.elements : b.elements;
      if (std::abs(ahead) >= elements) return true;
    }
    return false;
  }
  void note_loads(const std::vector<int>& values) {
    for (const int value : values)
      if (const auto given = of_.uses_.item.find(value);
          given != of_.uses_.item.end() &&
          of_.lowered_.items[static_cast<std::size_t>(given->second)].access >= 0)
        loads_.insert(static_cast<std::size_t>(given->second));
  }
  /// Values that are put together one by one, unless they are constants.
  void apart(const std::vector<int>& values) {
    saved_ -= apart_cost(values);
    for (const int value : values) possible_ = possible_ && !waits(value);
  }
  /// Whether a value comes from one that is in a bundle already.
  bool waits(int value) {
    if (bundled_.count(value) > 0) return true;
    if (++of_.visited_together_ > kMostBundled) return true;
    if (!waited_.insert(value).second) return false;
    const auto from = of_.uses_.from.find(value);
    if (from == of_.uses_.from.end() || waited_.size() > 400) return false;
    return std::any_of(from->second.begin(), from->second.end(), [&](int other) { return waits(other); });
  }

  /// Values that are to be one vector's elements.
  void follow(const std::vector<int>& values, int depth) {
    if (std::all_of(values.begin(), values.end(), [&](int value) { return value == values[0]; })) {
      if (given(values[0])) saved_ -= 1.0;  // to all lanes
      return;
    }
    if (!seen_.insert(values).second) return;
    // What goes round a loop, or comes out of it, does so as a vector.
    if (const std::optional<Round> round = of_.round_of(values); round && depth < kDeepestRounds) {
      follow(round->yielded, depth + 1);
      if (possible_) follow(round->initial, depth + 1);
      return;
    }
    note_loads(values);
    if (++of_.visited_together_ > kMostBundled) possible_ = false;
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
    if (items.size() < values.size()) return apart(values);
    const auto of_lanes = [&](std::size_t i) { return of_.lowered_.items[i].lanes == lanes; };
    const bool made = std::all_of(items.begin(), items.end(), of_lanes) && alike(items);
    if (depth >= kDeepestBundle) {
      if (made) return;
      ends_.push_back(values);
      return apart(values);
    }
    const bool mixed = !alike(items) && two_kinds(items);
    if (!mixed && !alike(items)) {
      if (depth == 1 || !gathered(items)) return apart(values);  // what is only copied is not worth it
      saved_ -= 2.0;
      bundled_.insert(values.begin(), values.end());
      gathers_.insert(gathers_.end(), items.begin(), items.end());
      return;
    }
    const auto taken = [&](std::size_t i) { return of_.lowered_.items[i].lanes > 1.0; };
    if (std::any_of(items.begin(), items.end(), taken)) {
      // By an earlier tree: as they are wanted here, or not.
      if (!std::all_of(items.begin(), items.end(), of_lanes)) apart(values);
      return;
    }
    bundled_.insert(values.begin(), values.end());
    gained(of_.lowered_.items[items[0]].home, items.size());
    if (mixed && !sums_and_differences(items)) saved_ -= 2.0;  // both are done, and lanes of each taken
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

  /// Whether they are two operations on reals, each of some lanes (SLPVectorizer's alternate opcodes).
  bool two_kinds(const std::vector<std::size_t>& items) const {
    const Lowered::Item& first = of_.lowered_.items[items[0]];
    std::set<std::uint64_t> kinds;
    for (const std::size_t i : items) {
      const Lowered::Item& one = of_.lowered_.items[i];
      if (one.step < 0 || one.share != first.share || one.copies != first.copies) return false;
      const Nest::Step& step = of_.nest_.steps[static_cast<std::size_t>(one.step)];
      const Nest::Step& head = of_.nest_.steps[static_cast<std::size_t>(first.step)];
      if (step.code == 0 || !step.real || step.bits != head.bits || !has_vectors(step) ||
          step.uses.size() != 2 || step.work == Work::compare)
        return false;
      kinds.insert(step.code);
    }
    return kinds.size() == 2;
  }
  /// Whether every other one is a sum, and the others are differences: one instruction (ADDSUBPD).
  bool sums_and_differences(const std::vector<std::size_t>& items) const {
    const auto step = [&](std::size_t i) -> const Nest::Step& {
      return of_.nest_.steps[static_cast<std::size_t>(of_.lowered_.items[i].step)];
    };
    for (std::size_t k = 0; k < items.size(); ++k)
      if (step(items[k]).work != Work::add || (step(items[k]).code == step(items[0]).code) != (k % 2 == 0))
        return false;
    return true;
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
  std::vector<std::vector<int>> ends_;
  std::set<int> bundled_, waited_;
  std::set<std::size_t> loads_;  ///< items
};

std::optional<Vectorising::Round> Vectorising::round_of(const std::vector<int>& values) const {
  const auto first = rounds_.find(values[0]);
  if (first == rounds_.end()) return std::nullopt;
  Round round;
  for (const int value : values) {
    const auto found = rounds_.find(value);
    if (found == rounds_.end() || found->second.first != first->second.first) return std::nullopt;
    const Nest::Loop& one = loop(found->second.first);
    round.yielded.push_back(one.yielded[found->second.second]);
    round.initial.push_back(one.initial[found->second.second]);
  }
  return round;
}

/// What a tree did not reach any more.
void Vectorising::go_on(std::vector<std::vector<int>> ends, double copies) {
  for (int trees = 0; !ends.empty() && trees < kMostTrees; ++trees) {
    const std::vector<int> values = std::move(ends.back());
    ends.pop_back();
    Bundles bundles(*this);
    bundles.grow_from(values, -bundles.apart_cost(values));  // that has been counted and falls away
    if (!bundles.pays()) continue;
    bundles.settle(static_cast<double>(values.size()), copies);
    ends.insert(ends.end(), bundles.ends().begin(), bundles.ends().end());
  }
}

/// What goes round a loop side by side.
void Vectorising::round_loop(int id, double widest) {
  if (id < 0) return;
  const Nest::Loop& one = loop(id);
  const std::size_t count = std::min({one.carried.size(), one.yielded.size(), one.initial.size()});
  if (count < 2 || !one.carries_real || one.carries_integer || home_of(id) != id) return;
  for (auto width = static_cast<std::size_t>(widest); width >= 2; width /= 2)
    for (std::size_t begin = 0; begin + width <= count;) {
      const std::vector<int> values(one.carried.begin() + static_cast<std::ptrdiff_t>(begin),
                                    one.carried.begin() + static_cast<std::ptrdiff_t>(begin + width));
      const auto made = uses_.item.find(one.yielded[begin]);
      if (made == uses_.item.end() || lowered_.items[static_cast<std::size_t>(made->second)].lanes > 1.0) {
        ++begin;
        continue;
      }
      Bundles bundles(*this);
      bundles.grow_from(values, static_cast<double>(width) - 1.0);  // behind the loop they are taken apart
      if (!bundles.pays()) {
        ++begin;
        continue;
      }
      bundles.settle(static_cast<double>(width), 1.0);
      go_on(bundles.ends(), 1.0);
      begin += width;
    }
}

/// Of the text: a + x, then + y, from the last sum on.
void Vectorising::sums_of_text(int id) {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  std::unordered_map<int, double> depths;  // by value: steps from it to the last that comes of it
  for (auto at = here.rbegin(); at != here.rend(); ++at) {
    const Lowered::Item& top = lowered_.items[*at];
    if (top.step < 0) continue;
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(top.step)];
    const auto from = uses_.from.find(step.value);
    if (from == uses_.from.end()) continue;
    const double depth = depths.try_emplace(step.value, 0.0).first->second;
    for (const int value : from->second) {
      const auto [found, fresh] = depths.try_emplace(value, depth + 1.0);
      if (!fresh) found->second = std::min(found->second, depth + 1.0);
    }
    if (top.lanes > 1.0 || step.work != Work::add || !step.real || step.elements > 1.0 ||
        from->second.size() != 2 || depth >= kDeepestSums)
      continue;
    if (id >= 0 && summed(step.value, id)) continue;  // it goes round the loop
    for (int k = 0; k < 2; ++k)
      if (pair_terms(*at, from->second[static_cast<std::size_t>(k)],
                     from->second[static_cast<std::size_t>(1 - k)]))
        break;
  }
}

/// Of a sum `before` + `added`, the latter and what the former adds.
bool Vectorising::pair_terms(std::size_t top, int before, int added) {
  const auto inner = uses_.from.find(before);
  const auto made = uses_.made.find(before);
  if (inner == uses_.from.end() || inner->second.size() != 2 || made == uses_.made.end() ||
      made->second.work != Work::add)
    return false;
  for (const int other : inner->second) {
    const auto one = uses_.item.find(added), two = uses_.item.find(other);
    if (one == uses_.item.end() || two == uses_.item.end()) continue;
    Lowered::Item& item = lowered_.items[static_cast<std::size_t>(one->second)];
    if (item.step < 0 || item.lanes > 1.0 ||
        lowered_.items[static_cast<std::size_t>(two->second)].lanes > 1.0)
      continue;
    Bundles bundles(*this);
    bundles.pair(other, added);
    if (!bundles.pays()) continue;
    const double copies = lowered_.items[top].copies;
    bundles.settle(2.0, copies);
    item.shuffles += copies;
    return true;
  }
  return false;
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
    const LoopsAround& by = lowered_.items[i].copied_by;
    return std::any_of(by.begin(), by.end(), [&](int along) {
      const auto [found, fresh] = one_by_one.try_emplace(along, false);
      if (fresh) found->second = waits(id, along);
      return found->second;
    });
  });
  // Rows of neighbours.
  std::vector<std::vector<std::size_t>> rows;
  std::map<NumberKey, std::size_t> row_of;
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
          go_on(bundles.ends(), lowered_.items[row[begin]].copies);
          begin = end;
        } else {
          ++begin;
        }
      }
  }
}

}  // namespace hone::cost::mlir
