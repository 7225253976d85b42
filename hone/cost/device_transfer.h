#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hone/cost/block_process.h"
#include "hone/cost/designs.h"
#include "hone/cost/latency_model.h"

namespace hone::cost {

/// A device that was measured often, as a function of all designs.
struct KnownDevice {
  std::string name;
  LatencyModel model;
  Eigen::VectorXd latency;  ///< predicted of every design, in the device's own unit

  /// `latency`: one a design, NaN where it was not measured or failed. Throws Error where nothing is left.
  static KnownDevice learn(const Designs& designs, std::string name, const std::vector<double>& latency,
                           const LatencyModelOptions& options = {});
};

/// One measurement on a new device. A failed one is NaN and counts for nothing.
struct DeviceMeasurement {
  std::size_t design = 0;
  double latency = 0.0;
};

struct LatencyPrediction {
  double latency = 0.0;   ///< above 0, in the measurements' unit
  double sd = 0.0;        ///< how far the true latency may lie from it
  double noise_sd = 0.0;  ///< of one measurement around the true latency
};

/// A new device after a few measurements. A plain value; thread safe.
class AdaptedDevice {
 public:
  LatencyPrediction predict(std::size_t design) const;
  /// Only the latencies, of all designs.
  std::vector<double> predict_all() const;
  /// How likely each view is after the measurements; by the order of Designs::views, together 1.
  const std::vector<double>& view_weights() const { return weights_; }
  std::size_t measurements() const { return measurements_; }
  /// "from 20 measurements and 5 known devices (a, b, ..); dead code removed 98%".
  const std::string& provenance() const { return provenance_; }

 private:
  friend class DeviceTransfer;
  std::shared_ptr<const std::vector<Eigen::MatrixXd>> features_;  // a view each: designs x columns
  std::vector<BlockProcess> processes_;
  std::vector<double> weights_;
  double least_ = 0.0;  // of the measurements
  std::size_t measurements_ = 0;
  std::string provenance_;
};

/// Latency on a device that was hardly measured, from devices that were.
///
/// As in "HELP: Hardware-Adaptive Efficient Latency Prediction for NAS via Meta-Learning" (Lee et al., 2021)
/// a pool of known devices is learned once and a new one is adapted to with 10 to 50 measurements of designs
/// that are chosen for it ("On Latency Predictors for Neural Architecture Search", Akhauri and Abdelfattah,
/// 2024, found the choice to matter as much as the model). In place of their meta-learned networks stands
/// what their small samples determine: a Bayesian linear model (BlockProcess) whose features are, for each
/// view of what a device executes,
///   - what the known devices have in common, with its part that is not linear; each device's deviation;
///   - the amounts of work of that view; with little prior variance those of other views, and the details.
/// Views are averaged by their evidence. Prior variances are constants of the method, stated in the source;
/// noise and the blocks' variances are fitted to the measurements.
///
/// Works with one known device or none: what is missing has no features.
class DeviceTransfer {
 public:
  /// Throws Error (internal) where a device is of other designs.
  DeviceTransfer(std::shared_ptr<const Designs> designs, std::vector<KnownDevice> known);

  /// `count` of the designs `among` (empty: of all) to measure next, given the ones `measured` already: one
  /// after the other that design which, averaged over views, lowers the summed posterior variance of a random
  /// part of the pool most (A-optimal; Cohn et al., "Active Learning with Statistical Models", 1996). At most
  /// 600 candidates are looked at, drawn by `seed`. Fewer where there are not so many; no design twice.
  std::vector<std::size_t> choose(std::size_t count, std::uint64_t seed,
                                  const std::vector<std::size_t>& measured = {},
                                  const std::vector<std::size_t>& among = {}) const;

  /// Of repeated measurements of a design their median counts, once. Throws Error (input) where no
  /// measurement is a positive number; (internal) on a design that is not there.
  AdaptedDevice adapt(const std::vector<DeviceMeasurement>& measurements) const;

  const std::vector<KnownDevice>& known() const { return known_; }

 private:
  void add_view(std::size_t view);

  std::shared_ptr<const Designs> designs_;
  std::vector<KnownDevice> known_;
  // Of each view: designs x columns, the block of a column, and the blocks.
  std::shared_ptr<std::vector<Eigen::MatrixXd>> features_;
  std::vector<std::vector<int>> block_;
  std::vector<std::vector<FeatureBlock>> blocks_;
};

}  // namespace hone::cost
