#include "hone/cost/recurring/power_profile.h"

#include <algorithm>

#include "hone/base/numbers.h"

namespace hone::cost {

double slice_cost(const PowerSlice& slice, double eta, double max_power_w) {
  if (!(slice.throughput > 0.0)) return kInfinity;
  return (eta * slice.average_power_w + (1.0 - eta) * max_power_w) / slice.throughput;
}

void PowerProfile::add(const PowerSlice& slice) {
  for (PowerSlice& known : slices_)
    if (known.limit_w == slice.limit_w && known.progress == slice.progress) {
      known = slice;
      return;
    }
  slices_.push_back(slice);
}

PowerProfile PowerProfile::in_unit(const std::string& progress) const {
  PowerProfile same;
  for (const PowerSlice& slice : slices_)
    if (slice.progress == progress) same.add(slice);
  for (const PowerSlice& slice : slices_)
    if (slice.progress.empty() && same.of(slice.limit_w) == nullptr) same.add(slice);
  return same;
}

const PowerSlice* PowerProfile::of(double limit_w) const {
  for (const PowerSlice& slice : slices_)
    if (slice.limit_w == limit_w) return &slice;
  return nullptr;
}

std::optional<double> PowerProfile::next(const std::vector<double>& limits_w) const {
  std::optional<double> highest;
  for (const double limit : limits_w)
    if (of(limit) == nullptr && (!highest || limit > *highest)) highest = limit;
  return highest;
}

std::optional<PowerSlice> PowerProfile::best(const std::vector<double>& limits_w, double eta,
                                             double max_power_w) const {
  std::optional<PowerSlice> cheapest;
  for (const double limit : limits_w)
    if (const PowerSlice* slice = of(limit);
        slice != nullptr &&
        (!cheapest || slice_cost(*slice, eta, max_power_w) < slice_cost(*cheapest, eta, max_power_w)))
      cheapest = *slice;
  return cheapest;
}

}  // namespace hone::cost
