#include "hone/cost/data_caches.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

namespace hone::cost {

std::vector<DataCache> data_caches() {
  std::vector<DataCache> list;
  for (int i = 0; i < 8; ++i) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", i);
    std::ifstream level(folder + "level"), type(folder + "type"), size(folder + "size"),
        shared(folder + "shared_cpu_list"), ways(folder + "ways_of_associativity");
    std::string kind, sharers;
    int number = 0;
    double kilobytes = 0.0;
    if (!(level >> number) || !(type >> kind) || !(size >> kilobytes) || kind == "Instruction") continue;
    DataCache cache{fmt::format("L{}", number), 1024.0 * kilobytes, 0, 0};
    if (!(ways >> cache.ways)) cache.ways = 0;
    std::getline(shared, sharers);
    for (std::size_t at = 0; at < sharers.size();) {
      const std::size_t comma = std::min(sharers.find(',', at), sharers.size());
      int first = 0, last = 0;
      const int read = std::sscanf(sharers.substr(at, comma - at).c_str(), "%d-%d", &first, &last);
      cache.sharers += read == 2 ? last - first + 1 : 1;
      at = comma + 1;
    }
    cache.sharers = std::max(cache.sharers, 1);
    list.push_back(cache);
  }
  if (list.empty()) list = {{"L1", 32768.0, 1, 8}, {"L2", 1048576.0, 1, 16}};
  return list;
}

std::array<double, 3> cache_sizes() {
  const std::vector<DataCache> all = data_caches();
  std::array<double, 3> bytes = {all[0].bytes, all[std::min<std::size_t>(1, all.size() - 1)].bytes,
                                 all.back().bytes};
  for (std::size_t c = 1; c < bytes.size(); ++c) bytes[c] = std::max(bytes[c], bytes[c - 1]);
  return bytes;
}

std::array<double, 2> cache_ways() {
  const std::vector<DataCache> all = data_caches();
  std::array<double, 2> ways = {8.0, 16.0};
  for (std::size_t c = 0; c < std::min(ways.size(), all.size()); ++c)
    if (all[c].ways > 0) ways[c] = all[c].ways;
  return ways;
}

}  // namespace hone::cost
