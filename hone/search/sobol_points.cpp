#include "hone/search/sobol_points.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::search {
namespace {

std::uint32_t reverse_bits(std::uint32_t x) {
  x = (x & 0x55555555u) << 1 | (x >> 1 & 0x55555555u);
  x = (x & 0x33333333u) << 2 | (x >> 2 & 0x33333333u);
  x = (x & 0x0f0f0f0fu) << 4 | (x >> 4 & 0x0f0f0f0fu);
  return __builtin_bswap32(x);
}

/// A hash in which a bit depends on lower bits only; on reversed bits that is nested uniform scrambling, each
/// bit flipped by a function of the bits above it (constants of Laine and Karras, as given by Burley).
std::uint32_t nested_scramble(std::uint32_t x, std::uint32_t key) {
  x = reverse_bits(x);
  x += key;
  x ^= x * 0x6c50b47cu;
  x ^= x * 0xb82f1e52u;
  x ^= x * 0xc7afe638u;
  x ^= x * 0x8d22f6e6u;
  return reverse_bits(x);
}

std::size_t checked(std::size_t dimensions) {
  if (dimensions > SobolPoints::kMaxDimensions)
    throw Error(fmt::format("the sobol searcher takes at most {} parameters, the space has {}",
                            SobolPoints::kMaxDimensions, dimensions),
                {}, "take searcher 'random'");
  return std::max<std::size_t>(dimensions, 1);
}

}  // namespace

SobolPoints::SobolPoints(std::size_t dimensions, std::uint64_t seed) : engine_(checked(dimensions)) {
  Rng rng(seed, "sobol");
  for (std::size_t i = 0; i < dimensions; ++i) keys_.push_back(static_cast<std::uint32_t>(rng.next()));
}

std::vector<double> SobolPoints::at(std::uint32_t index) {
  std::vector<double> point(keys_.size());
  // Boost leaves out point 0, the origin, without which the first 2^k points would not be balanced.
  if (index > 0 && index != next_) engine_.seed(index - 1);
  for (std::size_t i = 0; i < point.size(); ++i) {
    const std::uint32_t raw = index > 0 ? engine_() : 0;
    point[i] = (static_cast<double>(nested_scramble(raw, keys_[i])) + 0.5) * 0x1p-32;
  }
  if (index > 0) next_ = index + 1;
  return point;
}

}  // namespace hone::search
