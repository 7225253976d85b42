#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/base/value.h"

namespace hone::task {

/// Whole numbers beyond it share their doubles with others: 2^53.
inline constexpr double kWholeToTell = 9007199254740992.0;

/// A parameter's column of a recorded table.
struct TableParameter {
  std::string name;  ///< the column's, which need not be a name in a space
  /// The values that occur, in the order presented: numbers ascending. Empty: real numbers.
  std::vector<Value> values;
  bool numeric = false;  ///< `values` are numbers, and so in order
  bool flag = false;     ///< `values` are false and true
  bool whole = false;    ///< no `values`, but whole numbers
};

/// A measure of a recorded table: one column, one a seed, or one a step.
struct TableMetric {
  std::string name;
  bool minimize = true;
  std::string unit;
  std::int64_t seeds = 0;  ///< columns name_0, name_1, ...; 0: not recorded by seed
  std::int64_t steps = 0;  ///< columns name_0, name_1, ... after 1, 2, ... steps; 0: not by step
  std::int64_t columns() const { return seeds > 0 ? seeds : steps > 0 ? steps : 1; }
  /// Whether it says what an evaluation took rather than how good it was: by its name's ending or its unit.
  bool is_cost() const;
};

/// What NAME.json says of NAME.csv.gz (docs/formats.md).
struct TableDescription {
  std::string title;
  std::vector<TableParameter> parameters;
  std::vector<TableMetric> metrics;
  std::int64_t rows = -1;            ///< -1: it does not say
  std::vector<std::string> columns;  ///< empty: it does not say

  /// Throws Error naming `file` and the key. `measures`: where the text has no "metrics", the columns that
  /// are measures. Where it has no "space", what stands before the first measure in "columns" are parameters;
  /// `header`: the columns where it does not name them.
  static TableDescription parse(const std::string& text, const std::string& file,
                                const std::vector<std::string>& measures = {},
                                const std::vector<std::string>& header = {});
};

}  // namespace hone::task
