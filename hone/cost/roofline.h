#pragma once

#include <string>
#include <vector>

#include "hone/cost/device_profile.h"
#include "hone/graph/graph.h"

namespace hone::cost {

struct RooflineOptions {
  std::string type = "f32";  ///< what tensors of numbers are stored and computed in
  bool one_thread = false;   ///< of a CPU; needs a measured profile
  /// Weight of a parameter against an activation in the weighted intensity, 0 to 1. 1/2: both count alike.
  double alpha = 0.5;
};

/// What bounds an operator on a device.
enum class Bound { compute, memory, overhead };
const char* bound_name(Bound bound);

/// One operator on a device.
struct OperatorCost {
  int node = 0;  ///< id in the graph
  double flops = 0.0;
  double input_bytes = 0.0, weight_bytes = 0.0, output_bytes = 0.0, scratch_bytes = 0.0;
  double bytes() const { return input_bytes + weight_bytes + output_bytes + scratch_bytes; }
  double intensity = 0.0;  ///< FLOPs a byte moved
  /// FLOPs by weighted bytes, 2 (alpha weights + (1 - alpha) activations): the data-type-aware arithmetic
  /// intensity of "Modeling Data Reuse in Deep Neural Networks by Taking Data-Types into Cognizance" (Jha and
  /// Mittal, 2020), where parameters and activations, whose reuse costs differently, count differently. With
  /// alpha = 1/2 it is `intensity`; the paper fits alpha to the energy that a device takes.
  double weighted_intensity = 0.0;
  double seconds = 0.0;
  double utilisation = 0.0;  ///< FLOPs against the device's peak over that time, 0 to 1
  Bound bound = Bound::overhead;
};

struct GraphCost {
  std::vector<OperatorCost> operators;  ///< every node but inputs, in order
  double parameters = 0.0;              ///< how many
  double flops = 0.0, bytes = 0.0;
  double latency_s = 0.0;
  double utilisation = 0.0;
  double energy_j = 0.0;  ///< modelled; NaN where the device's power is unknown
};

/// One forward pass of the graph by the roofline (Williams et al., "Roofline: An Insightful Visual
/// Performance Model for Multicore Architectures", 2009): each operator takes the longer of its arithmetic at
/// peak and its bytes at the bandwidth of the level that holds them, and the device's overhead. What it reads
/// and writes comes from the level that holds the operator's own working set; weights from the one that holds
/// all weights, since the next pass begins with the first. Operators run one after the other. It is a lower
/// bound: kernels reach a part of a peak. Energy is latency times idle power and, by utilisation of compute
/// or of memory, what is between that and full power.
GraphCost roofline(const graph::Graph& graph, const DeviceProfile& device,
                   const RooflineOptions& options = {});

}  // namespace hone::cost
