#pragma once

#include <array>
#include <string>
#include <vector>

namespace hone::cost {

/// A level of this machine's data caches.
struct DataCache {
  std::string name;
  double bytes = 0.0;  ///< of one instance
  int sharers = 1;     ///< threads that share it
  int ways = 0;        ///< places of a set; 0: not told
};

/// Data caches of the first processor, the nearest first; a plausible pair where the system does not tell.
std::vector<DataCache> data_caches();

/// Bytes of the first, the second and the last of them, which are the same where there are fewer.
std::array<double, 3> cache_sizes();
/// Places of a set of the first and the second, 8 and 16 where the system does not tell.
std::array<double, 2> cache_ways();

}  // namespace hone::cost
