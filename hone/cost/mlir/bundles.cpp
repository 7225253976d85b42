#include "hone/cost/mlir/bundles.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace hone::cost::mlir {
namespace {

constexpr int kDeepestBundle = 12;           // RecursionMaxDepth
constexpr int kDeepestRounds = 200;          // loops one behind the other or inside
constexpr std::size_t kMostBundled = 20000;  // values of a function, beyond which nothing is looked for

/// Whether a compiler sees that two accesses are not to the same elements.
bool elsewhere(const Nest::Access& a, const Nest::Access& b) {
  if (!by_constants(a, b)) return false;
  for (std::size_t k = 0; k < a.indices.size(); ++k) {
    const double ahead = b.indices[k].constant - a.indices[k].constant;
    const double elements = k + 1 < a.indices.size() ? 1.0 : ahead > 0.0 ? a.elements : b.elements;
    if (std::abs(ahead) >= elements) return true;
  }
  return false;
}

}  // namespace

void Vectorising::Bundles::pair(int one, int other) {
  saved_ -= 1.0;  // to take one of them out
  follow({one, other}, 1);
}

void Vectorising::Bundles::grow(const std::vector<std::size_t>& stores) {
  items_ = stores;
  gained(item(stores[0]).home, stores.size());
  std::vector<int> values;
  for (const std::size_t i : stores) {
    const auto stored = of_.uses_.stored.find(item(i).access);
    if (stored == of_.uses_.stored.end()) return;
    values.push_back(stored->second);
  }
  follow(values, 1);
  possible_ = possible_ && !loaded_after(stores);
}

void Vectorising::Bundles::grow_from(const std::vector<int>& values, double cost) {
  saved_ -= cost;
  follow(values, 1);
}

void Vectorising::Bundles::settle(double lanes, double copies) {
  for (const std::size_t i : items_) of_.lowered_.items[i].lanes = lanes;
  for (const std::size_t i : gathers_) {
    of_.lowered_.items[i].lanes = lanes;
    of_.bring_together(of_.lowered_.items[i], lanes, -1);
  }
  for (const auto& [home, gain] : gains_) of_.shorten(home, gain * copies);
}

const Lowered::Item* Vectorising::Bundles::giver(int value) const {
  const auto found = of_.uses_.item.find(value);
  return found == of_.uses_.item.end() ? nullptr : &item(static_cast<std::size_t>(found->second));
}

void Vectorising::Bundles::gained(int home, std::size_t count) {
  saved_ += static_cast<double>(count) - 1.0;
  gains_[home] += static_cast<double>(count) - 1.0;
}

bool Vectorising::Bundles::given(int value) const {
  return of_.uses_.item.contains(value) || std::ranges::binary_search(of_.nest_.arguments, value);
}

double Vectorising::Bundles::apart_cost(const std::vector<int>& values) const {
  const auto count =
      static_cast<double>(std::ranges::count_if(values, [&](int value) { return given(value); }));
  const bool reals = std::ranges::all_of(values, [&](int value) {
    const Lowered::Item* from = giver(value);
    return from == nullptr ||
           (from->step >= 0 ? of_.nest_.steps[static_cast<std::size_t>(from->step)].real
                            : of_.nest_.accesses[static_cast<std::size_t>(from->access)].real);
  });
  return reals ? std::max(0.0, count - 1.0) : count;
}

bool Vectorising::Bundles::loaded_after(const std::vector<std::size_t>& stores) const {
  return std::any_of(stores.begin(), stores.end(), [&](std::size_t s) {
    const Nest::Access& store = access_of(s);
    return std::any_of(loads_.begin(), loads_.end(), [&](std::size_t l) {
      const Nest::Access& load = access_of(l);
      return load.order > store.order && item(l).home == item(s).home &&
             of_.nest_.meet(load.buffer, store.buffer) && !elsewhere(store, load);
    });
  });
}

void Vectorising::Bundles::note_loads(const std::vector<int>& values) {
  for (const int value : values)
    if (const Lowered::Item* from = giver(value); from != nullptr && from->access >= 0)
      loads_.insert(static_cast<std::size_t>(from - of_.lowered_.items.data()));
}

void Vectorising::Bundles::apart(const std::vector<int>& values) {
  saved_ -= apart_cost(values);
  for (const int value : values) possible_ = possible_ && !waits(value);
}

bool Vectorising::Bundles::waits(int value) {
  if (bundled_.count(value) > 0) return true;
  if (++of_.visited_together_ > kMostBundled) return true;
  if (!waited_.insert(value).second) return false;
  const auto from = of_.uses_.from.find(value);
  if (from == of_.uses_.from.end() || waited_.size() > 400) return false;
  return std::any_of(from->second.begin(), from->second.end(), [&](int other) { return waits(other); });
}

void Vectorising::Bundles::follow(const std::vector<int>& values, int depth) {
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
  if (std::any_of(values.begin(), values.end(), [&](int value) { return bundled_.count(value) > 0; })) {
    const bool loaded = std::all_of(values.begin(), values.end(), [&](int value) {
      const Lowered::Item* from = giver(value);
      return from != nullptr && from->access >= 0;
    });
    if (loaded)
      saved_ -= 1.0;
    else
      possible_ = false;
    return;
  }
  std::vector<std::size_t> items;
  for (const int value : values) {
    const Lowered::Item* from = giver(value);
    // What was moved out together can be together there.
    if (from == nullptr || (!items.empty() && from->home != item(items[0]).home)) return apart(values);
    items.push_back(static_cast<std::size_t>(from - of_.lowered_.items.data()));
  }
  const bool turned = in_other_order(items), same = turned || alike(items);
  // By an earlier tree: as they are wanted here.
  const bool made = std::all_of(items.begin(), items.end(), [&](std::size_t i) {
    return item(i).lanes == static_cast<double>(values.size());
  });
  if (depth >= kDeepestBundle) {
    if (made && same) return;
    ends_.push_back(values);
    return apart(values);
  }
  const bool mixed = !same && two_kinds(items);
  if (!same && !mixed) {
    if (depth == 1 || !gathered(items)) return apart(values);  // what is only copied is not worth it
    saved_ -= 2.0;
    bundled_.insert(values.begin(), values.end());
    gathers_.insert(gathers_.end(), items.begin(), items.end());
    return;
  }
  if (made) return;
  if (std::any_of(items.begin(), items.end(), [&](std::size_t i) { return item(i).lanes > 1.0; }))
    return apart(values);
  bundled_.insert(values.begin(), values.end());
  gained(item(items[0]).home, items.size());
  if (turned) saved_ -= 1.0;
  if (mixed && !sums_and_differences(items)) saved_ -= 2.0;  // both are done, and lanes of each taken
  items_.insert(items_.end(), items.begin(), items.end());
  if (item(items[0]).access < 0) follow_operands(values, depth);
}

void Vectorising::Bundles::follow_operands(const std::vector<int>& values, int depth) {
  const auto first = of_.uses_.from.find(values[0]);
  if (first == of_.uses_.from.end()) return;
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

bool Vectorising::Bundles::gathered(const std::vector<std::size_t>& items) const {
  const Lowered::Item& first = item(items[0]);
  // What is wanted twice is loaded once: fewer than a gather's.
  if (std::set<std::size_t>(items.begin(), items.end()).size() < items.size()) return false;
  return first.access >= 0 && of_.gathers(static_cast<double>(items.size())) &&
         std::all_of(items.begin(), items.end(), [&](std::size_t i) {
           const Lowered::Item& one = item(i);
           return one.access >= 0 && one.lanes <= 1.0 && one.share == first.share &&
                  one.copies == first.copies && access_of(i).buffer == access_of(items[0]).buffer;
         });
}

bool Vectorising::Bundles::alike(const std::vector<std::size_t>& items) const {
  const Lowered::Item& first = item(items[0]);
  for (std::size_t k = 1; k < items.size(); ++k) {
    const Lowered::Item& one = item(items[k]);
    if ((one.step >= 0) != (first.step >= 0) || one.share != first.share || one.copies != first.copies)
      return false;
    if (one.step >= 0) {
      const Nest::Step &a = step_of(items[0]), &b = step_of(items[k]);
      if (a.code != b.code || a.code == 0 || a.bits != b.bits || !has_vectors(a) || !has_vectors(b))
        return false;
    } else if (distance(of_.nest_, access_of(items[0]), access_of(items[k])) != static_cast<double>(k)) {
      return false;
    }
  }
  return true;
}

bool Vectorising::Bundles::in_other_order(const std::vector<std::size_t>& items) const {
  const Lowered::Item& first = item(items[0]);
  if (first.access < 0 || access_of(items[0]).store) return false;
  std::set<double> places;
  for (const std::size_t i : items) {
    const Lowered::Item& one = item(i);
    if (one.access < 0 || one.share != first.share || one.copies != first.copies) return false;
    const double place = i == items[0] ? 0.0 : distance(of_.nest_, access_of(items[0]), access_of(i));
    if (!(std::abs(place) < static_cast<double>(items.size()))) return false;
    places.insert(place);
  }
  return places.size() == items.size() &&
         *places.rbegin() - *places.begin() == static_cast<double>(items.size() - 1) && !alike(items);
}

bool Vectorising::Bundles::two_kinds(const std::vector<std::size_t>& items) const {
  const Lowered::Item& first = item(items[0]);
  std::set<std::uint64_t> kinds;
  for (const std::size_t i : items) {
    const Lowered::Item& one = item(i);
    if (one.step < 0 || one.share != first.share || one.copies != first.copies) return false;
    const Nest::Step& step = step_of(i);
    if (step.code == 0 || !step.real || step.bits != step_of(items[0]).bits || !has_vectors(step) ||
        step.uses.size() != 2 || step.work == Work::compare)
      return false;
    kinds.insert(step.code);
  }
  return kinds.size() == 2;
}

bool Vectorising::Bundles::sums_and_differences(const std::vector<std::size_t>& items) const {
  for (std::size_t k = 0; k < items.size(); ++k)
    if (step_of(items[k]).work != Work::add ||
        (step_of(items[k]).code == step_of(items[0]).code) != (k % 2 == 0))
      return false;
  return true;
}

}  // namespace hone::cost::mlir
