#include "hone/label/last_cache.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <numbers>
#include <utility>
#include <vector>

#include "hone/base/clock.h"
#include "hone/base/numbers.h"

namespace hone::label {
namespace {

constexpr double kMega = 1048576.0, kSmallest = 4.0 * kMega, kMost = 512.0 * kMega,
                 kWider = std::numbers::sqrt2;
constexpr double kCopied = 48.0 * kMega;  // bytes in a measurement, at least
constexpr int kRounds = 4;
constexpr double kBent = 1.3;  // times as long as from the cache: less is no bend

/// Seconds a byte of copies of the first half of so many bytes from the second, one after the other.
double copied(std::byte* room, double bytes) {
  const auto half = static_cast<std::size_t>(bytes / 2.0);
  const int passes = std::max(1, static_cast<int>(kCopied / bytes));
  double best = kInfinity;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = monotonic_s();
    for (int pass = 0; pass < passes; ++pass)
      // Not by memcpy, which passes caches by from some size on.
      for (std::size_t i = 0; i < half; i += sizeof(double)) {
        double value;
        std::memcpy(&value, room + half + i, sizeof value);
        value += 1.0;
        std::memcpy(room + i, &value, sizeof value);
      }
    best = std::min(best, (monotonic_s() - begin) / (passes * bytes));
  }
  return best;
}

double measured_once(double told_bytes) {
  const double most = std::clamp(4.0 * told_bytes, 16.0 * kMega, kMost);
  const auto free = [](std::byte* room) { ::operator delete[](room, std::align_val_t{4096}); };
  const std::unique_ptr<std::byte[], decltype(free)> room(
      static_cast<std::byte*>(
          ::operator new[](static_cast<std::size_t>(most), std::align_val_t{4096}, std::nothrow)),
      free);
  if (room == nullptr) return told_bytes;
  std::memset(room.get(), 0, static_cast<std::size_t>(most));
  std::vector<std::pair<double, double>> times;  // bytes, seconds a byte
  for (double bytes = kSmallest; bytes <= most * 1.001; bytes *= kWider)
    times.emplace_back(bytes, copied(room.get(), std::min(bytes, most)));
  return bend_of(times, told_bytes);
}

}  // namespace

double bend_of(std::span<const std::pair<double, double>> times, double told_bytes) {
  if (times.size() < 4) return told_bytes;
  std::array<double, 3> first = {times[0].second, times[1].second, times[2].second};
  std::sort(first.begin(), first.end());
  const double near = first[1], far = times.back().second;
  if (far < kBent * near) return told_bytes;
  // The last size that is nearer to the one than to the other, and half a step on.
  std::size_t last = 0;
  for (std::size_t k = 0; k < times.size(); ++k)
    if (times[k].second < 0.5 * (near + far)) last = k;
  return std::min(told_bytes, times[last].first * std::sqrt(kWider));
}

double last_cache_bytes(double told_bytes) {
  std::array<double, 3> bytes;
  for (double& one : bytes) one = measured_once(told_bytes);
  std::sort(bytes.begin(), bytes.end());
  return bytes[1];
}

}  // namespace hone::label
