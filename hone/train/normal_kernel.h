#pragma once

#include <cstdint>

#include "hone/base/rng.h"

namespace hone::train {

/// Fills values[0..n) with scale x rng.normal(), n times the same numbers up to the last bit of a float, but
/// some times faster, and the same on every machine: only additions, products, quotients and square roots of
/// doubles are used, which round alike everywhere. `rng` must have no normal in store (a fresh one has none).
void fill_normal(Rng& rng, double scale, float* values, std::int64_t n);

}  // namespace hone::train
