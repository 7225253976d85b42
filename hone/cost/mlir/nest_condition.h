#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/cost/mlir/nest.h"

namespace hone::cost::mlir {

/// Of a comparison of two whole numbers "eq", "slt", "ule", ...; empty: it is no such.
std::string_view predicate_of(const Module& module, const Operation& operation);
/// "slt" as "lt". Of such: that of the same numbers in the other order; that which holds where it does not.
std::string_view without_sign(std::string_view predicate);
/// Of "ult" and its kin, which are "lt" only of numbers that are not below 0.
bool unsigned_order(std::string_view predicate);
std::string_view turned(std::string_view predicate);
std::string_view opposite(std::string_view predicate);

/// What has to hold for a side of a branch: all that stands in it. A plain value.
struct Condition {
  /// What is compared with 0: a difference, and how it has to be.
  struct Constraint {
    enum class Is : std::uint8_t { zero, other, positive, negative, not_positive, not_negative };
    Nest::Index difference;
    Is is = Is::zero;
    bool holds(double at) const;
    /// That which holds where it does not.
    Constraint negated() const;
    bool same_as(const Constraint& other) const;
    bool equality() const { return is == Is::zero || is == Is::other; }
    /// Whether loops alone decide it.
    bool known() const { return difference.by_loops(); }
  };
  /// A truth value, and whether it has to be true.
  struct Literal {
    int value = -1;
    bool holds = true;
    bool operator==(const Literal&) const = default;
  };
  /// Two that have to hold together, or of which one is enough.
  struct Pair {
    bool both = true;
    Literal first, second;
  };
  /// What is no difference that loops alone decide: where it holds is computed.
  struct Computed {
    Literal literal;         ///< where `map` is -1
    int map = -1;            ///< index into Module::maps
    std::size_t result = 0;  ///< of the map: that it is 0, or not below it
    bool zero = false;
    Few<int> operands = {};  ///< of the map, values
  };

  std::vector<Constraint> all;
  std::vector<std::vector<Constraint>> not_all;  ///< of each list at least one does not hold
  std::vector<Computed> computed;
};

/// Iterations of several loops together.
struct Grid {
  /// A loop, and how much of it a grid needs: how long it is, some parts of it, each iteration.
  struct Link {
    enum class Needed : std::uint8_t { no, length, parts, each };
    int loop = -1;
    Needed needed = Needed::no;
    Few<int> by = {};  ///< loops that its length depends on
  };
  std::vector<std::pair<int, std::vector<double>>>
      stands;                   ///< by loop, the outermost first: in which iteration
  std::vector<double> weights;  ///< how often the walk comes by in them
  std::vector<double> sum(const Nest::Index& index) const;
  bool has(int loop) const;
  bool decides(const Condition::Constraint& one) const;
  void leave(std::span<const Condition::Constraint> list, std::vector<double>& weighed) const;
};

/// What holds on a side of a branch.
struct Held {
  int outer = -1;  ///< what holds around the branch, too
  std::vector<Condition::Constraint> list;
  bool all = true;  ///< false: at least one of them, or of what is computed, does not
  std::vector<Condition::Computed> computed = {};
};

/// All that holds somewhere.
struct Around {
  std::vector<Condition::Constraint> all;
  std::vector<std::vector<Condition::Constraint>> not_all;  ///< where loops alone decide
  std::vector<const Held*> computed;                        ///< where something is
};

/// Where loops stand at the sample points, by loop ascending.
struct Stands {
  std::vector<std::pair<int, std::vector<double>>> loops;
  bool hold(std::span<const Condition::Constraint> list, std::size_t sample) const;
};

/// What a side of a branch changes of that.
struct Narrowed {
  struct Loop {
    int loop = -1;
    std::vector<double> stands, moved;  ///< the iteration, and by how many it is another one than outside
  };
  std::vector<Loop> loops;
  bool settled = false;                                  ///< values_ are of there
  std::unordered_map<int, std::vector<double>> outside;  ///< what they were
};

}  // namespace hone::cost::mlir
