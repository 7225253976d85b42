#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

/// A tree of bundles, each of values that become one vector's elements (LLVM's SLPVectorizer): what it saves,
/// and which items it makes vectors of.
class Vectorising::Bundles {
 public:
  explicit Bundles(Vectorising& of) : of_(of) {}

  /// Two values that are but needed one by one.
  void pair(int one, int other);
  /// From a row of stores on.
  void grow(const std::vector<std::size_t>& stores);
  /// From values on that are no stores', at a cost beforehand.
  void grow_from(const std::vector<int>& values, double cost);

  /// To put values together; the first real is in a vector's register already.
  double apart_cost(const std::vector<int>& values) const;
  bool pays() const { return possible_ && saved_ > 0.0; }
  /// Values at which it went no further, each as many as lanes.
  const std::vector<std::vector<int>>& ends() const { return ends_; }
  /// Makes them so many elements' vectors, each counted `copies` times.
  void settle(double lanes, double copies);

 private:
  const Lowered::Item& item(std::size_t i) const { return of_.lowered_.items[i]; }
  /// The item that gives a value, if there is one.
  const Lowered::Item* giver(int value) const;
  const Nest::Access& access_of(std::size_t i) const {
    return of_.nest_.accesses[static_cast<std::size_t>(item(i).access)];
  }
  const Nest::Step& step_of(std::size_t i) const {
    return of_.nest_.steps[static_cast<std::size_t>(item(i).step)];
  }

  void gained(int home, std::size_t count);
  /// Whether a value is known when it runs.
  bool given(int value) const;
  /// Whether one of these stores may be to an element that is loaded after it for another of them: then they
  /// cannot be done at once.
  bool loaded_after(const std::vector<std::size_t>& stores) const;
  void note_loads(const std::vector<int>& values);
  /// Values that are put together one by one, unless they are constants.
  void apart(const std::vector<int>& values);
  /// Whether a value comes from one that is in a bundle already.
  bool waits(int value);
  /// Values that are to be one vector's elements.
  void follow(const std::vector<int>& values, int depth);
  void follow_operands(const std::vector<int>& values, int depth);

  /// Whether they are loads of one buffer that a gather brings together.
  bool gathered(const std::vector<std::size_t>& items) const;
  /// Whether they are one operation, or loads of neighbours.
  /// Whether they are loads of neighbours in an order that one shuffle puts right.
  bool in_other_order(const std::vector<std::size_t>& items) const;
  bool alike(const std::vector<std::size_t>& items) const;
  /// Whether they are two operations on reals, each of some lanes (alternate opcodes).
  bool two_kinds(const std::vector<std::size_t>& items) const;
  /// Whether every other one is a sum, and the others are differences: one instruction (ADDSUBPD), if the
  /// differences come first, which is not known here.
  bool sums_and_differences(const std::vector<std::size_t>& items) const;

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

}  // namespace hone::cost::mlir
