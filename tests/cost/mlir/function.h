#pragma once

#include <algorithm>
#include <string>

#include "hone/cost/mlir/features.h"
#include "hone/cost/mlir/lowered.h"
#include "hone/cost/mlir/price.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// AVX-512, put into vectors of 32 bytes.
inline constexpr CodeTarget kWithMasks{32.0, 32.0, 50.0};

/// What is read from the first function of a text.
inline Features features_in(const std::string& text) {
  const Module module = parse(text);
  return features(module, module.functions().at(0));
}

/// The first function of a text: its loops, and what a compiler leaves of them.
struct LoweredFunction {
  Nest nest;
  Lowered lowered;

  explicit LoweredFunction(const std::string& text, const CodeTarget& target = {}) {
    const Module module = parse(text);
    nest = mlir::nest(module, module.functions().at(0));
    lowered = mlir::lowered(nest, target);
  }
  const Nest::Step* step(const Lowered::Item& item) const {
    return item.step < 0 ? nullptr : &nest.steps[static_cast<std::size_t>(item.step)];
  }
  const Nest::Access* access(const Lowered::Item& item) const {
    return item.access < 0 ? nullptr : &nest.accesses[static_cast<std::size_t>(item.access)];
  }
  /// Instances an iteration of the steps of a kind, or of the loads or stores of a buffer, that are left in a
  /// loop.
  double steps(Work work, int home) const {
    double sum = 0.0;
    for (const Lowered::Item& item : lowered.items)
      if (step(item) != nullptr && item.home == home && step(item)->work == work) sum += item.copies;
    return sum;
  }
  double accesses(int buffer, bool store, int home) const {
    double sum = 0.0;
    for (const Lowered::Item& item : lowered.items)
      if (access(item) != nullptr && item.home == home && access(item)->buffer == buffer &&
          access(item)->store == store)
        sum += item.copies;
    return sum;
  }
  /// Where the first load or store of a buffer stands; -2: nowhere.
  int home(bool store, int buffer) const {
    for (const Lowered::Item& item : lowered.items)
      if (access(item) != nullptr && access(item)->store == store && access(item)->buffer == buffer)
        return item.home;
    return -2;
  }
  /// The most elements that a step of a kind works on at once, in straight code.
  double lanes(Work work) const {
    double most = 0.0;
    for (const Lowered::Item& item : lowered.items)
      if (step(item) != nullptr && step(item)->work == work) most = std::max(most, item.lanes);
    return most;
  }
  template <typename Holds>
  double count(Holds holds) const {
    return static_cast<double>(std::count_if(lowered.items.begin(), lowered.items.end(), holds));
  }
  bool any_gathered() const {
    return count([](const Lowered::Item& item) { return item.gathered; }) > 0.0;
  }
  double gathers() const {
    return count([](const Lowered::Item& item) { return item.gathers; });
  }
  /// Instructions of all that stands in a loop.
  double instructions(int loop) const {
    std::vector<std::size_t> items;
    for (std::size_t i = 0; i < lowered.items.size(); ++i)
      if (lowered.items[i].home == loop) items.push_back(i);
    return price(nest, lowered, items, 1.0).instructions;
  }
};

}  // namespace hone::cost::mlir
