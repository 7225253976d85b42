#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hone::study {

/// The ranks of non-dominated sorting, kept as rows come, by non-domination level update (Li et al.,
/// "Efficient Nondomination Level Update Method for Steady-State Evolutionary Multiobjective Optimization",
/// 2017): a row that joins a level drives what it dominates into the next. Not thread safe.
class Levels {
 public:
  struct Member {
    std::int64_t id = 0;
    std::vector<double> values;  ///< oriented, without NaN
  };

  /// Levels behind the first `keep` members are not kept, which bounds the time of an insert; what was driven
  /// out comes back only by insert.
  explicit Levels(std::size_t keep = std::numeric_limits<std::size_t>::max()) : keep_(keep) {}

  /// Adds a row whose id is not there yet. The members of a level stand in no particular order.
  void insert(std::int64_t id, std::vector<double> values);
  /// Removes a row, if it is there. Looks at the members of the levels from its own on, as far as rows move
  /// up.
  void remove(std::int64_t id);
  void clear() { levels_.clear(); }

  /// levels()[0] is the front.
  const std::vector<std::vector<Member>>& levels() const { return levels_; }

 private:
  std::size_t keep_;
  std::vector<std::vector<Member>> levels_;
};

}  // namespace hone::study
