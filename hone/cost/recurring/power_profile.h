#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hone::cost {

/// What a slice of a run under one power limit gave.
struct PowerSlice {
  double limit_w = 0.0;
  double average_power_w = 0.0;
  double throughput = 0.0;    ///< progress a second
  std::string progress = {};  ///< the report that said the progress: its unit; "": not known
};

/// A unit of progress's cost under a limit: (eta x average power + (1 - eta) x maximum power) / throughput
/// (Zeus, section 4.2, equation 7). Infinity where nothing was done.
double slice_cost(const PowerSlice& slice, double eta, double max_power_w);

/// What is measured of one batch size, limit by limit. Plain value.
class PowerProfile {
 public:
  /// A later slice of the same limit and unit of progress replaces the earlier one.
  void add(const PowerSlice& slice);
  /// The slices whose progress that report said, and those of which it is not known: throughputs of two units
  /// cannot be compared. What follows is asked of such a profile.
  PowerProfile in_unit(const std::string& progress) const;
  const std::vector<PowerSlice>& slices() const { return slices_; }
  /// The highest of `limits_w` that was not measured yet: profiling goes from high to low; nothing: it is
  /// done.
  std::optional<double> next(const std::vector<double>& limits_w) const;
  /// The cheapest measured one among `limits_w`; nothing where none was measured.
  std::optional<PowerSlice> best(const std::vector<double>& limits_w, double eta, double max_power_w) const;
  const PowerSlice* of(double limit_w) const;

 private:
  std::vector<PowerSlice> slices_;
};

}  // namespace hone::cost
