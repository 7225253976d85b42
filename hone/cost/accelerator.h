#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/base/error.h"

namespace hone::cost {

/// What a maker's data sheet says of an accelerator that serves models, and two things that it does not say.
/// A plain value.
struct Accelerator {
  std::string name;               ///< as users write it: "a100-80gb"
  double matrix_flops = 0.0;      ///< dense products of 16-bit floats a second, no sparsity
  double int8_ops = 0.0;          ///< dense 8-bit integer operations a second; 0: as with 16 bits
  double bytes_per_s = 0.0;       ///< memory bandwidth
  double memory_bytes = 0.0;      ///< of the device
  double link_bytes_per_s = 0.0;  ///< to its neighbours in one machine, one direction
  double power_w = 0.0;           ///< board power limit
  /// Time that the usual host of this generation takes to launch a kernel, relative to the A100's: how fast
  /// one CPU core runs the serving program. A judgement from published measurements, not a data sheet's.
  double host_factor = 1.0;
  /// Share of matrix_flops that large products attain beside other devices' (the A100's is 1): power limits
  /// bind newer ones sooner. A judgement likewise.
  double matrix_share = 1.0;

  bool operator==(const Accelerator&) const = default;
};

/// The profiles that hone knows, by name.
const std::vector<Accelerator>& accelerators();

/// The profile of that name, or of another that it goes by (accelerator_key); upper and lower case, spaces
/// and underscores do not matter, and what follows a known name after a dash ("h100-80gb-pcap") is taken for
/// a variant of it. Throws Error at `place` with the name that was meant.
Accelerator accelerator(const std::string& name, const Place& place = {});
std::optional<Accelerator> find_accelerator(const std::string& name);  ///< nothing where it is unknown

/// The name that one accelerator goes by, whichever of its names is given: makers name the board or its
/// socket ("a100-sxm-80gb"), their users its memory ("a100-80gb"). In lower case, with dashes; a name that is
/// no alias otherwise comes back as it is. What follows an alias after a dash stays.
std::string accelerator_key(const std::string& name);

/// One watt limit for another: the profile drawing at most `power_w`, with the rate of its products scaled by
/// the cube root of the share (dynamic power grows with the cube of the clock). Throws Error below a quarter
/// of the board's limit: boards take no such limit, and the rule does not hold there.
Accelerator power_capped(Accelerator accelerator, double power_w);

}  // namespace hone::cost
