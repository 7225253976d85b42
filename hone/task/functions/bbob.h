#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hone/task/functions/bbob_instance.h"

namespace hone::task::bbob {

/// One of the 24 functions, in one dimension and instance: its value without the optimum's (0 or more; 0 at
/// `place`, up to rounding).
struct Instance {
  std::vector<double> place;  ///< of the optimum
  double value = 0.0;         ///< of the optimum
  std::function<double(std::span<const double>)> raw;
};

/// `function` from 1 to 24, at least 2 dimensions.
Instance make_instance(int function, std::size_t dimension, std::uint64_t instance);
/// "sphere", "separable ellipsoid", ...
std::string function_name(int function);

inline constexpr std::int64_t kSecond = 1000000;  ///< added to the seed for a function's other rotation
/// x seen from a place.
std::vector<double> minus(std::span<const double> x, const std::vector<double>& place);

// By the groups of the definition.
using Raw = std::function<double(std::span<const double>)>;
Raw separable(int function, std::int64_t seed, std::vector<double>& place);    ///< 1 to 5
Raw moderate(int function, std::int64_t seed, std::vector<double>& place);     ///< 6 to 9
Raw conditioned(int function, std::int64_t seed, std::vector<double>& place);  ///< 10 to 14
Raw structured(int function, std::int64_t seed, std::vector<double>& place);   ///< 15 to 19
Raw weak(int function, std::int64_t seed, std::vector<double>& place);         ///< 20 to 24

}  // namespace hone::task::bbob
