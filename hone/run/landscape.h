#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/run/suite.h"
#include "hone/task/cell_classes.h"
#include "hone/task/cell_spaces.h"
#include "hone/task/recorded.h"

namespace hone::run {

/// What the probe of a landscape sees: losses of so many examples in each of so many steps.
struct LandscapeProbe {
  int mantissa_bits = 24;
  std::int64_t examples = 10;  ///< 1 to kMostExamples
  std::int64_t steps = 3;      ///< 1 to kMostSteps
};

/// A recorded table with what its designs compute, as a ground for studies of the hash. Immutable once made;
/// not thread safe while classes() computes.
///
/// Designs that are cells (task::find_cells) compute what their cell does where every operation is a fixed
/// random map, W max(x, 0) with pooling linear (task::CellFunctions), as the probes of task "recorded" do:
/// each step draws other maps and inputs, an example is eight numbers of the output, and its loss their mean
/// square distance from a random target. Any other table knows its designs by their configs alone.
class Landscape {
 public:
  static constexpr std::int64_t kMostExamples = 32, kMostSteps = 5;

  explicit Landscape(std::shared_ptr<const task::Recorded> recorded);

  const task::Recorded& recorded() const { return *recorded_; }
  const std::string& name() const { return recorded_->name(); }
  std::size_t size() const { return recorded_->table().rows(); }
  /// Whether designs are told apart by what they compute.
  bool computes() const { return cells_.has_value(); }
  std::size_t row(const space::Config& config) const;

  /// The first objective, oriented so that less is better: the mean over the recorded seeds. Infinite where
  /// it was not recorded.
  double value(std::size_t row) const { return values_[row]; }
  /// One of the recorded seeds', drawn by `draw`; of a table without seeds the value.
  double one_seed(std::size_t row, std::uint64_t draw) const;
  /// Standard deviation between the recorded seeds, pooled over the better half of the designs; 0 without
  /// seeds.
  double seed_noise() const { return seed_noise_; }
  bool has_seeds() const { return seeds_ > 1; }
  std::int64_t seeds() const { return seeds_; }
  double best() const { return best_; }  ///< the least value
  /// As the table has it: "94.6" for an oriented -94.6.
  double shown(double value) const { return maximize_ ? -value : value; }
  const std::string& metric() const { return recorded_->objectives().front().name; }

  /// For every row the first row of its class by such a probe (near keys join); itself where nothing is
  /// computed. Remembered.
  const std::vector<std::size_t>& classes(const LandscapeProbe& probe) const;
  /// The classes that count as true: of all examples and steps, at 24 bits.
  const std::vector<std::size_t>& functions() const { return classes({24, kMostExamples, kMostSteps}); }
  /// For every row the first row with the same string by a convention of task::CellClasses; empty where there
  /// are no cells.
  std::vector<std::size_t> string_classes(task::CellStrings convention) const;

 private:
  void harvest() const;

  std::shared_ptr<const task::Recorded> recorded_;
  std::optional<task::CellKind> cells_;
  std::size_t metric_ = 0;
  bool maximize_ = false;
  std::int64_t seeds_ = 0;
  std::vector<double> values_;
  double seed_noise_ = 0.0, best_ = 0.0;
  mutable std::vector<double> losses_;  // rows x steps x examples, once asked for
  mutable std::deque<std::pair<LandscapeProbe, std::vector<std::size_t>>> known_;  // references stay
};

std::size_t class_count(const std::vector<std::size_t>& classes);

}  // namespace hone::run
