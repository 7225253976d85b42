#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/random/sobol.hpp>

namespace hone::search {

/// The scrambled Sobol sequence in [0, 1)^dimensions, by index. Direction numbers of Joe and Kuo (2008), from
/// Boost; each dimension is Owen-scrambled by a hash (Burley, "Practical Hash-based Owen Scrambling", JCGT
/// 2020; the hash is Laine and Karras, 2011), keyed by the seed. Every first 2^k points, and every aligned
/// block of 2^k, have exactly one in each of 2^k equal intervals of each dimension. Coordinates lie in the
/// middle of cells of 2^-32, never on 0 or 1. Cheap for consecutive indices, O(32 dimensions) for others.
class SobolPoints {
 public:
  static constexpr std::size_t kMaxDimensions = 3667;  ///< of Boost's table

  /// Throws Error where there are more than kMaxDimensions dimensions.
  SobolPoints(std::size_t dimensions, std::uint64_t seed);

  /// Point `index`, below 2^32 - 1.
  std::vector<double> at(std::uint32_t index);

 private:
  using Engine = boost::random::sobol_engine<std::uint32_t, 32>;

  std::vector<std::uint32_t> keys_;  // of the scrambling, one a dimension
  Engine engine_;
  std::uint32_t next_ = 1;  // index of the point that the engine gives next
};

}  // namespace hone::search
