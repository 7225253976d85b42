#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/base/key.h"

namespace hone::identity {

/// The paper finds that 7 bits and more leave about one function a key; 10 tell small differences of a
/// learning rate apart and still forgive rounding in the last digits.
constexpr int kDefaultMantissaBits = 10;

/// The functional signature of a candidate: a hash of what it computes, not of how it is written (Unified
/// Functional Hashing in Automatic Machine Learning). `probe` are the floats that it gave on the canonical
/// batch over a few steps; each keeps its sign, its exponent and the top `mantissa_bits` bits of its mantissa
/// (1 to 52, truncated), and -0.0 is 0.0. `literal` is what the probe cannot see. nullopt where a float is
/// NaN or infinite, or there are none: such a candidate is unhashable.
std::optional<Key> functional_key(const std::vector<double>& probe, const std::string& literal,
                                  int mantissa_bits = kDefaultMantissaBits);

}  // namespace hone::identity
